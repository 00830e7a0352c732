"""The last seconds of every camera: each pose with the frame that it was decoded from."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from deploy.local.tally import moment_ms
from posestream.keys import FrameId
from posestream.messages import PoseFrame
from producer.synthetic.truth import Truth
from training.accuracy import ROWS

SECONDS: Final = 6.0
STEP_MS: Final = 100
_EARLY_MS: Final = 10  # cameras are not exact
_WAITING_FRAMES: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One frame with what was made of it.

    Attributes:
        pose: the people decoded from it.
        image: the encoded frame, as the worker got it.
        latency_ms: how long after `moment_ms` the pose arrived.
        truth: who was really there, when the camera is synthetic.
    """

    pose: PoseFrame
    image: bytes
    latency_ms: float
    truth: Truth | None

    @property
    def px_scale(self) -> float:
        """What converts the frame's pixels to those in which accuracy is measured."""
        return ROWS / self.pose.size_wh[1]

    @property
    def moment_ms(self) -> int:
        """When it was taken, on one clock for all cameras."""
        return moment_ms(self.pose)


class Recording:
    """Keeps one camera's last seconds, ten frames of each at most."""

    def __init__(self) -> None:
        self._frames: OrderedDict[FrameId, bytes] = OrderedDict()
        self._shots: deque[Shot] = deque()

    def add_frame(self, frame_id: FrameId, image: bytes) -> None:
        """Keep a frame until its pose comes, or so many newer ones that none will come any more."""
        self._frames[frame_id] = image
        if len(self._frames) > _WAITING_FRAMES:
            self._frames.popitem(last=False)

    def add_pose(self, pose: PoseFrame, latency_ms: float, truth: Truth | None) -> None:
        """Put a pose and its frame together, if the frame has been seen."""
        image = self._frames.pop(pose.id, None)
        if not image:
            return
        shot = Shot(pose, image, latency_ms, truth)
        if self._shots and shot.moment_ms < self._shots[-1].moment_ms + STEP_MS - _EARLY_MS:
            return
        self._shots.append(shot)
        while self._shots[0].moment_ms < shot.moment_ms - SECONDS * 1000:
            self._shots.popleft()

    @property
    def shots(self) -> list[Shot]:
        """What is kept, oldest first."""
        return list(self._shots)
