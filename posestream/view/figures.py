"""How a camera does, as somebody sees who watches it: poses per second, how late they are, how many people."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from posestream.messages import CaptureClock, PoseFrame

WINDOW_MS: Final = 5000
_LEAST_WINDOW_MS: Final = 1000


def age_ms(pose: PoseFrame, host_ms: float, server_ms: float) -> float:
    """Return how old a frame is: since its capture, or since its admission where a recording is played.

    Args:
        pose: of the frame.
        host_ms: now, Unix milliseconds of this host, which a producer's clock is compared with.
        server_ms: now on the server's clock, which frame ids are on.
    """
    age = server_ms - pose.id.ms if pose.clock is CaptureClock.FILE else host_ms - pose.captured_ms
    return max(0.0, age)


class Figures:
    """Counts the poses of the last seconds. Times are milliseconds on a steady clock."""

    def __init__(self, now_ms: float) -> None:
        self._since_ms = now_ms
        self._recent: deque[tuple[float, float]] = deque()  # when it came, how late it was
        self._people = 0

    def add(self, pose: PoseFrame, late_ms: float, now_ms: float) -> None:
        """Take in a pose that has just come, so long after its frame was captured."""
        self._recent.append((now_ms, late_ms))
        self._people = len(pose.people)

    def frames_per_s(self, now_ms: float) -> float:
        """Return the poses per second of the last five seconds, or of the shorter time since the beginning."""
        self._forget(now_ms)
        return 1000 * len(self._recent) / max(_LEAST_WINDOW_MS, min(WINDOW_MS, now_ms - self._since_ms))

    def latency_ms(self, now_ms: float) -> tuple[float, float] | None:
        """Return the 50th and 99th percentile of the last five seconds; None when nothing came."""
        self._forget(now_ms)
        if not self._recent:
            return None
        middle, high = np.percentile([late_ms for _, late_ms in self._recent], (50, 99))
        return float(middle), float(high)

    def people(self, now_ms: float) -> int | None:
        """Return how many people the newest pose of the last five seconds has; None when there is none."""
        self._forget(now_ms)
        return self._people if self._recent else None

    def _forget(self, now_ms: float) -> None:
        while self._recent and self._recent[0][0] < now_ms - WINDOW_MS:
            self._recent.popleft()
