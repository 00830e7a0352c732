"""Settings of the pose worker."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from posestream.image import DEFAULT_MAX_BYTES, DEFAULT_MAX_PIXELS
from posestream.service.settings import ServiceSettings
from workers.networks import DEMO_NETWORK
from workers.pose.device import Precision
from workers.pose.placing import Placing


class PoseSettings(ServiceSettings):
    """The pose worker: takes frames, infers, decodes the people, finishes."""

    model: Path = Path("models/human-pose-estimation-3d-0001.xml")
    """The network: an OpenVINO IR (.xml beside its .bin), as `python -m workers model` makes them; or demo, for the
    small network that comes with the project and knows synthetic people only."""
    device: str = "CPU"
    """OpenVINO device to infer on: CPU, GPU, GPU.1, NPU, or AUTO for the best there is; AUTO:GPU,CPU for the first of
    these that is there."""
    precision: Precision = "f32"
    """Number format to compute in; pinned, so that different hosts give the same poses, or auto for what the device
    likes best. What is INT8 in a network stays it."""
    placing: Placing = Placing.FIT
    """How people are placed in space: fit (their joints to the lines of sight), floor (the same, and the lower foot on
    the floor, for cameras with extrinsics) or reference (as the reference demo does, from how large they look)."""
    slots: int | None = Field(None, ge=1, le=256)
    """Frames in hand at once; by default the device's optimal number of requests plus one."""
    threads: int | None = Field(None, ge=1, le=1024)
    """CPU threads for inference; by default what CPU affinity and the container's quota allow."""
    networks: int = Field(4, ge=1, le=64)
    """Input widths compiled at most, one network each; frames of further aspect ratios are letterboxed."""
    first_size: str = Field("1280x720", pattern=r"^[1-9]\d{0,4}x[1-9]\d{0,4}$")
    """Frame size, in pixels, whose network is compiled before the worker is ready."""
    cache: Path | None = None
    """Folder for compiled networks, so that the next start is quick; none by default."""
    shards: tuple[int, ...] = ()
    """Shards to serve; all of them by default. Slots are dealt out among them in turn."""
    max_image_bytes: int = Field(DEFAULT_MAX_BYTES, ge=1)
    """Encoded images larger than this many bytes are dead-lettered."""
    max_image_pixels: int = Field(DEFAULT_MAX_PIXELS, ge=1)
    """Images of more pixels (width x height) than this are dead-lettered, before they are decoded."""
    claim_after_ms: int = Field(15_000, ge=500)
    """Milliseconds of silence after which another worker's frame is taken over."""
    max_deliveries: int = Field(3, ge=1, le=100)
    """Failed deliveries after which a frame is dead-lettered."""
    grace_s: float = Field(20.0, gt=0)
    """Seconds to finish the frames in hand after SIGTERM; what is left then is given back."""

    @field_validator("device")
    @classmethod
    def _in_capitals(cls, device: str) -> str:
        return device.upper()

    @property
    def network(self) -> Path:
        """The file that `model` means."""
        return DEMO_NETWORK if str(self.model) == "demo" else self.model

    @property
    def first_wh(self) -> tuple[int, int]:
        """`first_size` as numbers."""
        width, height = self.first_size.split("x")
        return int(width), int(height)
