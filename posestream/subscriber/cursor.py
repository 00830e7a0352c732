"""Where a subscription is in one camera's poses, and what a frame that comes next says is missing before it."""

from __future__ import annotations

from posestream.keys import FrameId
from posestream.messages import PoseFrame
from posestream.subscriber.events import Gap, Skipped


class Cursor:
    """Goes from frame to frame of one camera.

    Every pose names the one that was published before it, so that what was published and has gone is told from what
    never had a pose.

    `after` is the frame that reading begins behind, and `seq` its number if that is known. Unless `may_miss`, reading
    begins with what happens to be kept, and nothing can be missing before that.
    """

    def __init__(self, after: FrameId, seq: int | None = None, *, may_miss: bool = True) -> None:
        self.after = after
        self.seq = seq
        self._may_miss = may_miss

    def advance(self, frame: PoseFrame) -> list[Gap | Skipped]:
        """Go on to a frame; returns what is missing before it."""
        told = self._missing_before(frame)
        self.after, self.seq, self._may_miss = frame.id, frame.seq, True
        return told

    def _missing_before(self, frame: PoseFrame) -> list[Gap | Skipped]:
        if self.seq is not None and frame.seq <= self.seq:  # the server lost everything, or the camera was removed
            return [Gap(frame.camera, self.after, frame.id, None)]
        between = None if self.seq is None else frame.seq - self.seq - 1
        if not self._may_miss or frame.previous is None or frame.previous <= self.after:
            return [Skipped(frame.camera, frame.id, between, frame.skipped)] if between else []
        skipped = sum(frame.skipped.values())
        missed = None if between is None else max(1, between - skipped)
        told: list[Gap | Skipped] = [Gap(frame.camera, self.after, frame.id, missed)]
        return [*told, Skipped(frame.camera, frame.id, skipped, frame.skipped)] if skipped else told
