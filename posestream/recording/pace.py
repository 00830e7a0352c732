"""When each frame of a recording is due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Final

from posestream.frames import CaptureClock, PoseFrame

LONGEST_PAUSE_S: Final = 10.0
AHEAD: Final = 2000
"""Frames that are looked at to find the next one due: cameras may have been recorded one after the other."""


class Timeline:
    """When each frame was, in seconds on one line of time for all cameras.

    Each camera goes by its own clock, and begins when it was first admitted. Where a clock goes back no time passes; a
    clock that is no file's and jumps ahead has been set, and the server's tells how much time has passed.
    """

    def __init__(self) -> None:
        self._first_id_ms: int | None = None
        self._last: dict[str, tuple[PoseFrame, float]] = {}

    def at_s(self, frame: PoseFrame) -> float:
        """Return when a frame was, seconds since the first one's admission; to be asked in the order of the frames."""
        if self._first_id_ms is None:
            self._first_id_ms = frame.id.ms
        if frame.camera in self._last:
            last, at_s = self._last[frame.camera]
            step_s = (frame.captured_ms - last.captured_ms) / 1000
            if step_s > LONGEST_PAUSE_S and frame.clock is not CaptureClock.FILE:
                step_s = (frame.id.ms - last.id.ms) / 1000
            at_s += max(step_s, 0.0)
        else:
            at_s = (frame.id.ms - self._first_id_ms) / 1000
        self._last[frame.camera] = (frame, at_s)
        return at_s


def scheduled(frames: Iterable[PoseFrame], speed: float) -> Iterator[tuple[float, PoseFrame]]:
    """Yield frames with the time they are due, seconds since the first, in the order of that time.

    They are `speed` times as fast as they were; at 0 all are due at once, in the order they are given in. Pauses of
    more than ten seconds are cut to that where all cameras share them, so that cameras stay together.
    """
    due_s, last_s = 0.0, None
    for at_s, frame in _in_order(frames) if speed else ((0.0, frame) for frame in frames):
        if last_s is not None and at_s > last_s:
            due_s += min(at_s - last_s, LONGEST_PAUSE_S) / speed
        last_s = at_s if last_s is None else max(at_s, last_s)
        yield due_s, frame


def _in_order(frames: Iterable[PoseFrame]) -> Iterator[tuple[float, PoseFrame]]:
    timeline, waiting = Timeline(), list[tuple[float, int, PoseFrame]]()
    for number, frame in enumerate(frames):
        heappush(waiting, (timeline.at_s(frame), number, frame))
        if len(waiting) > AHEAD:
            at_s, _, first = heappop(waiting)
            yield at_s, first
    while waiting:
        at_s, _, first = heappop(waiting)
        yield at_s, first
