"""What the demo has seen of a camera as a subscriber: how many poses, how fast, how late, how many people."""

from __future__ import annotations

from array import array
from collections import deque
from typing import Final

import numpy as np

from posestream.messages import CaptureClock, PoseFrame

_WINDOW_S: Final = 5.0


def of_recording(pose: PoseFrame) -> bool:
    """Tell whether a frame comes from a recording, whose capture times are those of its making."""
    return pose.clock is CaptureClock.FILE


def moment_ms(pose: PoseFrame) -> int:
    """Return when a frame was captured, Unix milliseconds; of a recording, when the server admitted it."""
    return pose.id.ms if of_recording(pose) else pose.captured_ms


class Tally:
    """Counts one camera's poses as they arrive. Times in seconds are on a steady clock."""

    def __init__(self) -> None:
        self.poses = 0
        self.people = 0
        self.people_now = 0
        self.from_recording = False
        self.first_s: float | None = None
        self._last_s = 0.0
        self._latencies_ms = array("f")
        self._recent: deque[tuple[float, float]] = deque()

    def add(self, pose: PoseFrame, latency_ms: float, now_s: float) -> None:
        """Take in a pose that has just arrived, so long after its `moment_ms`."""
        self.poses += 1
        self.people_now = len(pose.people)
        self.people += self.people_now
        self.from_recording = of_recording(pose)
        if self.first_s is None:
            self.first_s = now_s
        self._last_s = now_s
        self._latencies_ms.append(latency_ms)
        self._recent.append((now_s, latency_ms))

    def fps(self, now_s: float) -> float:
        """Return the poses per second of the last five seconds, or of the shorter time since the first."""
        if self.first_s is None:
            return 0.0
        self._forget(now_s)
        return len(self._recent) / max(1.0, min(_WINDOW_S, now_s - self.first_s))

    def mean_fps(self) -> float:
        """Return the poses per second between the first and the last."""
        if self.first_s is None or self._last_s <= self.first_s:
            return 0.0
        return (self.poses - 1) / (self._last_s - self.first_s)

    def recent_latency_ms(self, now_s: float) -> tuple[float, float] | None:
        """Return the 50th and 99th percentile of the last five seconds; None when nothing has come."""
        self._forget(now_s)
        return percentiles([latency_ms for _, latency_ms in self._recent])

    @property
    def latencies_ms(self) -> array[float]:
        """All of them, in order of arrival."""
        return self._latencies_ms

    def _forget(self, now_s: float) -> None:
        while self._recent and self._recent[0][0] < now_s - _WINDOW_S:
            self._recent.popleft()


def percentiles(latencies_ms: array[float] | list[float]) -> tuple[float, float] | None:
    """Return the 50th and 99th percentile; None of nothing."""
    if not len(latencies_ms):
        return None
    p50, p99 = np.percentile(latencies_ms, (50, 99))
    return float(p50), float(p99)
