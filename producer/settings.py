"""Settings of the producer: flags for one camera, or a file with many."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import CliPositionalArg

from posestream.errors import ConfigurationError
from posestream.image import DEFAULT_MAX_BYTES, DEFAULT_MAX_PIXELS, ImageLimits
from posestream.keys import validate_camera_name
from posestream.messages import Intrinsics, Policy
from posestream.service.settings import ServiceSettings, Table
from producer.calibration.files import read_files
from producer.calibration.formats import Unit, Up, World
from producer.opencv import MAX_PIXELS
from producer.sources import SourceKind, public_name

MAX_LIVE_DEPTH = 64  # the server functions take no more
DEFAULT_DEPTH = {Policy.LIVE: 4, Policy.LOSSLESS: 64}


def _check_name(name: str | None) -> str | None:
    try:
        return None if name is None else validate_camera_name(name)
    except ConfigurationError as error:
        raise ValueError(str(error)) from error


def _as_many(value: Any) -> Any:
    """Let one file stand for a list of one."""
    return (value,) if isinstance(value, str | Path) else value


CameraName = Annotated[str, AfterValidator(_check_name)]


class IntrinsicsTable(Table):
    """A calibrated camera, in pixels of the frame as the source gives it."""

    model_config = ConfigDict(allow_inf_nan=False)

    fx: float = Field(gt=0)
    """Horizontal focal length."""
    fy: float = Field(gt=0)
    """Vertical focal length."""
    cx: float
    """Principal point, from the left."""
    cy: float
    """Principal point, from the top."""

    def as_message(self) -> Intrinsics:
        """Return it as it travels with every frame."""
        return Intrinsics(self.fx, self.fy, self.cx, self.cy, calibrated=True)


class CameraOptions(BaseModel):
    """How the frames of a camera are read and admitted: the same keys as flags and in a cameras file."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    policy: Literal["live", "lossless"] | None = None
    """live: the newest frames win; lossless: nothing is dropped, the producer waits.
    By default live for cameras and URLs, lossless for files and folders."""
    depth: int | None = Field(None, ge=1, le=100_000)
    """Frames that may wait (live, by default 4, at most 64) or be unfinished (lossless, by default 64)."""
    max_age: int = Field(2000, ge=0, le=3_600_000)
    """Milliseconds after which a live frame that no worker has taken is not worth posing; 0 for never."""
    fps: float | None = Field(None, ge=0.05, le=1000)
    """Frames a second: at most, for videos and cameras; how often a snapshot URL is fetched (by default 5); for
    folders of images the rate at which they were taken."""
    max_side: int | None = Field(None, ge=64, le=65_500)
    """Images with a longer side, in pixels, are scaled down to it."""
    quality: int = Field(90, ge=1, le=100)
    """JPEG quality of frames that have to be encoded; JPEG and PNG sources are passed on as they are."""
    loop: bool = False
    """Start a file or folder again when it ends."""
    pace: Literal["auto", "source", "fast"] = "auto"
    """Speed of a file: source (as recorded), fast (as the frames are taken); auto: source if live, else fast."""
    intrinsics: IntrinsicsTable | None = None
    """The calibrated camera (fx, fy, cx, cy), in pixels of the source's frames."""
    calibration: Annotated[tuple[Path, ...], BeforeValidator(_as_many)] = ()
    """Calibration files: what `python -m producer calibrate` writes, OpenCV's YAML, XML or JSON, CMU Panoptic's JSON,
    the reference demo's extrinsics.json. Of several the first that knows the lens, or the place, is believed. They are
    read again when they change. Without them holds what is set for the camera on the server, if anything is."""
    calibration_camera: str | None = None
    """Which camera of a calibration file with several."""
    world_unit: Unit | None = None
    """Unit of the world in a calibration file; by default cm for Panoptic's and the demo's, m for others."""
    world_up: Up | None = None
    """Axis that points up in a calibration file's world; by default -y for Panoptic's and the demo's, z for others."""
    max_bytes: int = Field(DEFAULT_MAX_BYTES, ge=1, le=512 * 1024 * 1024)
    """Encoded images larger than this many bytes are not sent, but counted as dead."""
    max_pixels: int = Field(DEFAULT_MAX_PIXELS, ge=1, le=MAX_PIXELS)
    """Images of more pixels (width x height) than this are not decoded."""

    @property
    def limits(self) -> ImageLimits:
        """Both limits."""
        return ImageLimits(self.max_bytes, self.max_pixels)

    @property
    def world(self) -> World:
        """What the world of calibration files is said to be like."""
        return World(self.world_unit, self.world_up)

    @property
    def calibrated(self) -> bool:
        """Whether the settings say anything of how the camera is calibrated."""
        return self.intrinsics is not None or bool(self.calibration)


class CameraSettings(CameraOptions, Table):
    """One camera: what [[camera]] of a cameras file says."""

    name: CameraName
    """Name of the camera."""
    source: str = Field(min_length=1)
    """Where its frames come from."""

    def settled(self, kind: SourceKind) -> Self:
        """Return the settings with the policy and depth that are the defaults for this kind of source.

        Raises:
            ConfigurationError: more frames are to wait than the server lets a live camera's.
        """
        policy = Policy(self.policy or (Policy.LIVE if kind is SourceKind.CAMERA else Policy.LOSSLESS))
        if policy is Policy.LIVE and (self.depth or 0) > MAX_LIVE_DEPTH:
            raise ConfigurationError(
                f"camera {self.name}: depth {self.depth}: of a live camera at most {MAX_LIVE_DEPTH} frames wait; "
                "give less, or --policy lossless"
            )
        return self.model_copy(update={"policy": policy.value, "depth": self.depth or DEFAULT_DEPTH[policy]})

    @property
    def played_as_recorded(self) -> bool:
        """Whether a recording is played at the speed at which it was recorded."""
        return self.pace == "source" or (self.pace == "auto" and self.policy == "live")


class RunSettings(ServiceSettings, CameraOptions):  # type: ignore[misc]  # one config is the more special kind
    """Send frames to the pose workers, from one source or from many cameras at once."""

    source: CliPositionalArg[str | None] = None
    """Where the frames come from: a video file, an image, a folder of images, webcam:<number>, or a URL: rtsp://,
    rtsps://, or http(s):// for Motion JPEG, a snapshot or a video; or synthetic:?people=3&seed=7&fps=15&size=1280x720
    for drawn people, with frames=<number> as a recording that ends."""
    camera: CameraName | None = None
    """Name of the camera; poses:<name> is where its poses appear."""
    cameras: Path | None = None
    """File (TOML) with many cameras, instead of SOURCE and --camera; flags that are given overrule it for all."""
    wait: bool = True
    """At the end of a file, wait until every admitted frame is finished, and say what became of them."""


def camera_list(settings: RunSettings) -> list[CameraSettings]:
    """Return the cameras to run: the one that the flags describe, or those of the cameras file.

    Raises:
        ConfigurationError: naming the file, the camera and the key.
    """
    _check_one_or_many(settings)
    chosen = settings.model_dump(include=set(CameraOptions.model_fields) & settings.model_fields_set)
    if settings.cameras is None:
        given = {"name": settings.camera or "", "source": settings.source or "", **chosen}
        cameras = [_camera(given, f"camera {settings.camera}")]
    else:
        cameras = read_cameras(settings.cameras, chosen)
    for camera in cameras:
        _check_calibration(camera)
    return cameras


def _check_calibration(camera: CameraSettings) -> None:
    """Read the calibration once, so that a mistake shows before anything starts."""
    try:
        read_files(camera.calibration, camera.calibration_camera, camera.world)
    except ConfigurationError as error:
        raise ConfigurationError(f"camera {camera.name}: {error}") from error


def _check_one_or_many(settings: RunSettings) -> None:
    if settings.cameras is not None:
        if settings.source is not None or settings.camera is not None:
            raise ConfigurationError("give either SOURCE with --camera NAME, or --cameras FILE.toml, not both")
    elif not settings.source:
        raise ConfigurationError("give a SOURCE with --camera NAME, or many of them with --cameras FILE.toml")
    elif settings.camera is None:
        raise ConfigurationError(
            f"give {public_name(settings.source)} a name with --camera NAME: it is where its poses appear"
        )


def read_cameras(path: Path, overruling: dict[str, Any]) -> list[CameraSettings]:
    """Read a cameras file: one table [[camera]] for each; `overruling` holds for all of them, whatever they say.

    Raises:
        ConfigurationError: naming the file, the camera and the key.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cameras file {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cameras file {path}: not TOML: {error}") from error
    tables = content.pop("camera", [])
    if content:
        raise ConfigurationError(f"cameras file {path}: unknown key {', '.join(content)}; each camera is a [[camera]]")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise ConfigurationError(f"cameras file {path}: no camera in it; each is a table [[camera]]")
    cameras = [
        _camera({**table, **overruling}, f"cameras file {path}: camera {table.get('name', f'number {number}')}")
        for number, table in enumerate(tables, 1)
    ]
    names = [camera.name for camera in cameras]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError(f"cameras file {path}: name: used more than once: {', '.join(twice)}")
    return cameras


def _camera(values: dict[str, Any], where: str) -> CameraSettings:
    try:
        return CameraSettings(**values)
    except ValidationError as error:
        lines = []
        for item in error.errors(include_url=False, include_context=False, include_input=False):
            key = ".".join(str(part) for part in item["loc"])
            lines.append(f"{where}: {key}: {_problem(item, values.get(key))}")
        raise ConfigurationError("\n".join(lines)) from error


def _problem(item: ErrorDetails, value: Any) -> str:
    """Return what is wrong with a value, in a few words."""
    if item["type"] == "extra_forbidden":
        return "unknown key"
    if item["type"] == "string_unicode" and isinstance(value, str):
        return f"{public_name(value)!r} is not UTF-8: give the file, or the folder it is in, another name"
    return item["msg"].removeprefix("Value error, ")
