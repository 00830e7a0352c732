"""When each frame of a recording is due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Final

from posestream.messages import PoseFrame

LONGEST_PAUSE_S: Final = 10.0
AHEAD: Final = 2000
"""Frames that are looked at to find the next one due: cameras may have been recorded one after the other."""


class Pace:
    """Keeps the time between a camera's frames as they were captured, `speed` times as fast; 0 for no waiting at all.

    Pauses of more than ten seconds are cut to that, and a clock that goes back takes no time. Each camera goes by its
    own clock, and begins when it was first admitted, seen from the recording's first frame.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._first_id_ms: int | None = None
        self._last: dict[str, tuple[int, float]] = {}

    def due_s(self, frame: PoseFrame) -> float:
        """Return when a frame is due, seconds since the first one; frames are to be asked about in their order."""
        if not self._speed:
            return 0.0
        if self._first_id_ms is None:
            self._first_id_ms = frame.id.ms
        if frame.camera in self._last:
            captured_ms, due_s = self._last[frame.camera]
            step_s = (frame.captured_ms - captured_ms) / 1000
        else:
            step_s, due_s = (frame.id.ms - self._first_id_ms) / 1000, 0.0
        due_s += min(max(step_s, 0.0), LONGEST_PAUSE_S) / self._speed
        self._last[frame.camera] = (frame.captured_ms, due_s)
        return due_s


def scheduled(frames: Iterable[PoseFrame], speed: float) -> Iterator[tuple[float, PoseFrame]]:
    """Yield frames with the time they are due, seconds since the first, in the order of that time."""
    pace, waiting = Pace(speed), list[tuple[float, int, PoseFrame]]()
    for number, frame in enumerate(frames):
        heappush(waiting, (pace.due_s(frame), number, frame))
        if len(waiting) > AHEAD:
            due_s, _, first = heappop(waiting)
            yield due_s, first
    while waiting:
        due_s, _, first = heappop(waiting)
        yield due_s, first
