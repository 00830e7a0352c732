"""Beside the slots: says that they are still at it, keeps the server's clock estimated, clears out the departed."""

from __future__ import annotations

import time
from collections.abc import Sequence

from posestream.broker import Shard, WorkQueue, connect
from posestream.broker.clock import ServerClock
from posestream.errors import BrokerUnavailableError
from posestream.service.health import Health
from posestream.service.metrics import WorkerMetrics
from posestream.service.process import Patience, StopSignal
from workers.pose.settings import PoseSettings
from workers.pose.slot import Slot

MAX_INTERVAL_S = 2.0
RETIRE_INTERVAL_S = 60.0
DEPARTED_IDLE_MS = 10 * 60 * 1000


class Heartbeat:
    """One thread for all slots of a process, on a connection of its own: theirs may be busy for as long as a frame."""

    def __init__(
        self,
        slots: Sequence[Slot],
        settings: PoseSettings,
        clock: ServerClock,
        health: Health,
        stop: StopSignal,
        metrics: WorkerMetrics,
    ) -> None:
        self._interval_s = min(MAX_INTERVAL_S, settings.claim_after_ms / 3000)
        self._client = connect(settings.redis_url, name="pose-heartbeat")
        self._clock = clock
        self._health = health
        self._stop = stop
        self._patience = Patience(stop, metrics.broker_errors.labels("heartbeat").inc)

        def recovered(what: str) -> None:
            metrics.broker_recoveries.labels(what).inc()

        self._queues = [(slot, WorkQueue(Shard(self._client, slot.shard_keys, recovered), slot.name)) for slot in slots]
        self._shards = list({queue.shard.keys: queue for _, queue in self._queues}.values())
        self._retire_at_s = time.monotonic() + RETIRE_INTERVAL_S

    def run(self) -> None:
        """Beat until asked to stop and nothing is in hand any more."""
        while True:
            self._health.beat("heartbeat")
            try:
                self.step()
            except BrokerUnavailableError as error:
                self._patience.failed(error)
            else:
                self._patience.succeeded()
            if self._stop.wait(self._interval_s):
                if not any(slot.in_hand for slot, _ in self._queues):
                    break
                time.sleep(0.1)  # `wait` returns at once while the last frames are being finished
        self._client.close()

    def step(self) -> None:
        """Beat once for every slot, and for what it has in hand."""
        self._queues[0][1].shard.observe(self._clock)
        for slot, queue in self._queues:
            token = slot.in_hand
            queue.heartbeat([] if token is None else [token])
        if time.monotonic() >= self._retire_at_s:
            self._retire_at_s = time.monotonic() + RETIRE_INTERVAL_S
            for queue in self._shards:
                queue.retire_absent(DEPARTED_IDLE_MS)
