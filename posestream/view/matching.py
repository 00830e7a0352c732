"""Pictures and poses of one camera brought together by frame id: a few seconds of pictures, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from posestream.keys import FrameId
from posestream.messages import PoseFrame

MAX_IMAGE_BYTES: Final = 16 * 1024 * 1024
KEEP_MS: Final = 5000
KEEP_BYTES: Final = 48 * 1024 * 1024
WAIT_MS: Final = 400
ALONE_AFTER_MS: Final = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What is to be shown at once: an encoded image and the pose of that very frame; one of the two may be missing.

    A moment without a pose is a picture of a camera of which nobody has published any pose for a while.
    """

    id: FrameId
    image: bytes
    pose: PoseFrame | None


class Matcher:
    """Keeps pictures until their poses come. Times are milliseconds on any steady clock.

    A picture that no pose has asked for is dropped when a later frame's pose has come, when it is older than `KEEP_MS`,
    or when all of them take more than `KEEP_BYTES`. A pose waits for a picture that has not been read yet, `WAIT_MS` at
    most.
    """

    def __init__(self, now_ms: float) -> None:
        self.pictures = True
        """Whether pictures are being read, so that a pose may wait for its own."""
        self.bytes = 0
        self._images: OrderedDict[FrameId, tuple[bytes, float]] = OrderedDict()
        self._newest = FrameId(0)
        self._waiting: deque[tuple[PoseFrame, float]] = deque()
        self._pose_ms = now_ms

    def __len__(self) -> int:
        return len(self._images)

    def add_image(self, frame_id: FrameId, image: bytes, now_ms: float) -> list[Moment]:
        """Take in a picture, in order of frame ids; returns what is complete."""
        self._newest = max(self._newest, frame_id)
        if not 0 < len(image) <= MAX_IMAGE_BYTES:
            return self.due(now_ms)
        if now_ms - self._pose_ms > ALONE_AFTER_MS:
            self._drop_all()
            return [*self.due(now_ms), Moment(frame_id, image, None)]
        self._images[frame_id] = (image, now_ms)
        self.bytes += len(image)
        self._trim(now_ms)
        return self.due(now_ms)

    def add_pose(self, pose: PoseFrame, now_ms: float) -> list[Moment]:
        """Take in a pose, in order of frame ids; returns what is complete."""
        self._pose_ms = now_ms
        self._waiting.append((pose, now_ms))
        return self.due(now_ms)

    def due(self, now_ms: float) -> list[Moment]:
        """Return what is complete or has waited for long enough, in order."""
        moments = []
        while self._waiting:
            pose, since_ms = self._waiting[0]
            image = self._images.get(pose.id)
            missed = not self.pictures or self._newest >= pose.id or now_ms - since_ms >= WAIT_MS
            if image is None and not missed:
                break
            self._waiting.popleft()
            self._drop_until(pose.id)
            moments.append(Moment(pose.id, b"" if image is None else image[0], pose))
        return moments

    def _trim(self, now_ms: float) -> None:
        while self._images:
            frame_id, (_, since_ms) = next(iter(self._images.items()))
            if self.bytes <= KEEP_BYTES and now_ms - since_ms <= KEEP_MS:
                return
            self._drop(frame_id)

    def _drop_until(self, last: FrameId) -> None:
        while self._images and (frame_id := next(iter(self._images))) <= last:
            self._drop(frame_id)

    def _drop_all(self) -> None:
        self._images.clear()
        self.bytes = 0

    def _drop(self, frame_id: FrameId) -> None:
        image, _ = self._images.pop(frame_id)
        self.bytes -= len(image)
