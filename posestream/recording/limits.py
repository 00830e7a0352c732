"""When a recording has had enough."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is recorded; 0 for no limit.

    Attributes:
        duration_s: seconds from when recording began.
        bytes: of the file; the last block may lead a little over it.
        frames: how many.
    """

    duration_s: float = 0.0
    bytes: int = 0
    frames: int = 0

    def reached(self, *, seconds: float, size: int, frames: int) -> str | None:
        """Return which limit is reached, as a few words; None for none."""
        if self.duration_s and seconds >= self.duration_s:
            return "the duration given"
        if self.bytes and size >= self.bytes:
            return "the size given"
        if self.frames and frames >= self.frames:
            return "the number of frames given"
        return None

    def share(self, *, seconds: float, size: int, frames: int) -> float | None:
        """Return how far the nearest limit is, 0 to 1; None without limits."""
        pairs = ((seconds, self.duration_s), (size, self.bytes), (frames, self.frames))
        shares = [done / most for done, most in pairs if most]
        return min(1.0, max(shares)) if shares else None
