"""Pose workers without a network: real slots and heartbeats, in threads, that find the same people in every frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast
from uuid import uuid4

from posestream.broker import Frame, Token
from posestream.broker.clock import ServerClock
from posestream.keys import Topology
from posestream.messages import CaptureClock, Intrinsics, Person, PoseFrame, decode_meta
from posestream.service.health import Health
from posestream.service.metrics import WorkerMetrics
from posestream.service.process import StopSignal
from workers.pose.frame import FrameProcessor
from workers.pose.gate import Gate
from workers.pose.heartbeat import Heartbeat
from workers.pose.settings import PoseSettings
from workers.pose.slot import Shared, Slot, StrayWatch

SIZE_WH = (640, 480)


class StandIn:
    """In the place of decoding an image, inference and decoding the poses; takes `pause_s` for it, finds `people`."""

    def __init__(self, pause_s: float, people: tuple[Person, ...]) -> None:
        self._pause_s = pause_s
        self._people = people

    def process(self, token: Token, frame: Frame) -> PoseFrame:
        time.sleep(self._pause_s)
        captured_ms = decode_meta(frame.meta).captured_ms or token.frame_id.ms
        intrinsics = Intrinsics.assumed(*SIZE_WH)
        return PoseFrame(
            token.camera,
            token.frame_id,
            token.seq,
            captured_ms,
            CaptureClock.RECEIVE,
            SIZE_WH,
            intrinsics,
            self._people,
        )


class Worker:
    """What one worker process runs: slots that share a heartbeat; `failures` are what ended any of them."""

    def __init__(
        self, url: str, topology: Topology, slots: int, pause_s: float, people: tuple[Person, ...] = ()
    ) -> None:
        settings = PoseSettings(redis_url=url, prefix=topology.prefix)
        self.metrics = WorkerMetrics()
        self.failures: list[BaseException] = []
        strays, clock = StrayWatch(settings.claim_after_ms), ServerClock()
        self._stop = StopSignal()
        shared = Shared(settings, Gate(), strays, clock, self.metrics, Health(), self._stop)
        name, shards = uuid4().hex[:8], topology.all_keys()
        processor = cast(FrameProcessor, StandIn(pause_s, people))
        self.slots = [Slot(f"{name}-{n}", shards[n % len(shards)], processor, shared) for n in range(slots)]
        heartbeat = Heartbeat(self.slots, settings, clock, shared.health, self._stop, self.metrics)
        self._threads = [
            threading.Thread(target=self._guarded, args=(run,), daemon=True)
            for run in (heartbeat.run, *(slot.run for slot in self.slots))
        ]

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - for the test to see
            self.failures.append(error)

    def count(self, name: str, **labels: Any) -> float:
        """A counter of this worker's."""
        return self.metrics.registry.get_sample_value(name, labels) or 0

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(timeout=60)


class Workers:
    """Several of them; none may have ended before the test does."""

    def __init__(self, url: str, topology: Topology, count: int = 1, slots: int = 3, pause_s: float = 0) -> None:
        self.workers = [Worker(url, topology, slots, pause_s) for _ in range(count)]

    @property
    def slots(self) -> int:
        return sum(len(worker.slots) for worker in self.workers)

    def count(self, name: str, **labels: Any) -> float:
        return sum(worker.count(name, **labels) for worker in self.workers)

    def __enter__(self) -> Self:
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            worker.stop()
        for worker in self.workers:
            worker.join()
        failures = [failure for worker in self.workers for failure in worker.failures]
        if failures and error is None:
            raise failures[0]
