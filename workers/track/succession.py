"""What a camera's next pose says of what came before it: the pose published last, and the frames since without one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from posestream.broker import ReleasedRecord
from posestream.keys import FrameId
from posestream.messages import Outcome, PoseFrame


class Succession:
    """Follows one camera's records as they are released.

    `previous` is the pose published last, 0-0 for none, `released` the seq up to which everything is settled, and
    `skipped` how the frames between them ended, by outcome.
    """

    def __init__(self, previous: FrameId, released: int, skipped: Mapping[str, int]) -> None:
        self._previous = previous
        self._released = released
        self._skipped = Counter({Outcome(outcome): count for outcome, count in skipped.items()})

    @property
    def skipped(self) -> dict[str, int]:
        """What a tracker that takes over has to know."""
        return {outcome.value: count for outcome, count in self._skipped.items()}

    def stamped(self, pose: PoseFrame) -> PoseFrame:
        """Return the pose that is released now, with what it says of those before it."""
        return replace(pose, previous=self._previous, skipped=dict(self._skipped))

    def take_in(self, released: ReleasedRecord) -> None:
        """Go on to a record that is released; one that comes late is between older poses."""
        record = released.record
        if record.seq <= self._released:
            return
        self._released = record.seq
        if released.outcome is Outcome.POSED:
            self._previous = record.frame_id
            self._skipped.clear()
        else:
            self._skipped[released.outcome] += 1
