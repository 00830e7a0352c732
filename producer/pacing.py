"""Which frames of a source are taken, and when: pure functions of the frames' times."""

from __future__ import annotations

from typing import Final

_MAX_LAG_S: Final = 1.0


class Thinning:
    """Takes at most `fps` frames a second, by the frames' own times: the same frames whenever a recording is played.

    A frame may come `early_ms` before its time, since real cameras' frames do, and recorded times are rounded.
    """

    def __init__(self, fps: float, early_ms: float) -> None:
        self._step_ms = 1000.0 / fps
        self._early_ms = early_ms
        self._due_ms: float | None = None

    def takes(self, at_ms: float) -> bool:
        """Decide about the next frame, from its time in milliseconds."""
        if self._due_ms is None:
            self._due_ms = at_ms
        if at_ms < self._due_ms - self._early_ms:
            return False
        # Steps stay on their grid, so that taking a frame early or late does not add up; a gap starts a new grid.
        kept_grid = self._due_ms + self._step_ms
        self._due_ms = kept_grid if kept_grid > at_ms else at_ms + self._step_ms
        return True


class SourcePace:
    """Plays a recording at the speed at which it was recorded."""

    def __init__(self) -> None:
        self._start: tuple[float, float] | None = None

    def wait_s(self, media_ms: float, now_s: float) -> float:
        """Return the seconds to wait before the frame at `media_ms`, at `now_s` on a steady clock.

        More than a second behind, the frame is due now and the rest follows from there: no burst to catch up.
        """
        if self._start is None:
            self._start = (media_ms, now_s)
        start_ms, start_s = self._start
        due_s = start_s + (media_ms - start_ms) / 1000.0
        if now_s - due_s > _MAX_LAG_S:
            self._start = (media_ms, now_s)
            return 0.0
        return max(0.0, due_s - now_s)


class NoPace:
    """Plays a source as fast as its frames are taken."""

    def wait_s(self, media_ms: float, now_s: float) -> float:
        """Return 0: every frame is due."""
        return 0.0


Pace = SourcePace | NoPace
