"""What autoscaling needs to know of a shard, in workers and in seconds of their work.

It comes from the server's counters alone, so it stands when every worker is gone; and it does not depend on how many
there are, so that what scales does not listen to itself. How fast one worker is, is a setting.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from posestream.broker import CameraStatus, ShardStatus
from posestream.messages import Policy
from posestream.service.shard_metrics import ShardLoad

WINDOW_MS: Final = 60_000
SHORTEST_MS: Final = 10_000
"""Before it has seen so much, a meter does not speak of rates: two looks in a row would be noise."""


class LoadMeter:
    """Looks at one shard again and again; `worker_fps` is how many frames a second one worker makes."""

    def __init__(self, worker_fps: float) -> None:
        self._worker_fps = worker_fps
        self._counts: dict[str, int] = {}
        self._offered = 0  # frames of live cameras since the first look
        self._looks: deque[tuple[int, int]] = deque()  # server ms, offered until then

    def measure(self, status: ShardStatus) -> ShardLoad:
        """Take a look in, and return the load at that moment.

        Live cameras lose frames rather than let them wait, so that their queues tell nothing: what counts is how many
        frames come. Lossless producers wait for room, so that what comes tells nothing: what counts is what waits.
        """
        self._count(status)
        fps = self._offered_fps()
        waiting = sum(camera.waiting for camera in status.cameras.values() if camera.policy == Policy.LOSSLESS)
        return ShardLoad(
            offered_load=None if fps is None else fps / self._worker_fps,
            backlog_s=waiting / self._worker_fps,
            worker_fps=self._worker_fps,
        )

    def _count(self, status: ShardStatus) -> None:
        counts = {camera.camera: _frames_offered(camera) for camera in status.cameras.values()}
        for name, count in counts.items():
            before = self._counts.get(name, count)  # what came before the first look has no time
            if status.cameras[name].policy == Policy.LIVE:
                self._offered += count - before if count >= before else count
        self._counts = counts
        if self._looks and status.now_ms < self._looks[-1][0]:  # another server, with another clock
            self._looks.clear()
        self._looks.append((status.now_ms, self._offered))
        while len(self._looks) > 1 and self._looks[1][0] <= status.now_ms - WINDOW_MS:
            self._looks.popleft()

    def _offered_fps(self) -> float | None:
        (first_ms, first), (now_ms, now) = self._looks[0], self._looks[-1]
        return (now - first) * 1000 / (now_ms - first_ms) if now_ms - first_ms >= SHORTEST_MS else None


def _frames_offered(camera: CameraStatus) -> int:
    """Frames that came, whether or not there was room; other refusals are faults, which no worker mends."""
    return camera.admitted + camera.refused.get("backlog", 0)
