"""Beside the slots: says that they are still at it, keeps the server's clock estimated, clears out the departed."""

from __future__ import annotations

import time
from collections.abc import Sequence

from posestream.broker import Shard, WorkQueue, connect
from posestream.broker.clock import ServerClock
from posestream.errors import BrokerUnavailableError
from posestream.keys import ShardKeys
from posestream.service.health import Health
from posestream.service.metrics import WorkerMetrics
from posestream.service.process import Patience, StopSignal
from workers.pose.settings import PoseSettings
from workers.pose.slot import Slot

MAX_INTERVAL_S = 2.0
RETIRE_INTERVAL_S = 60.0
DEPARTED_IDLE_MS = 10 * 60 * 1000


class Heartbeat:
    """One thread for all slots of a process, on a connection of its own: theirs may be busy for as long as a frame.

    A shard whose server is away keeps the others waiting for one time-out a beat, however many such shards there are.
    """

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
        self._on_error = metrics.broker_errors.labels("heartbeat").inc
        self._patience = Patience(stop, self._on_error)

        def recovered(what: str) -> None:
            metrics.broker_recoveries.labels(what).inc()

        self._slots = slots
        self._shards: dict[ShardKeys, list[tuple[Slot, WorkQueue]]] = {}
        for slot in slots:
            queue = WorkQueue(Shard(self._client, slot.shard_keys, recovered), slot.name)
            self._shards.setdefault(slot.shard_keys, []).append((slot, queue))
        self._away: list[ShardKeys] = []
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
                if not any(slot.in_hand for slot in self._slots):
                    break
                time.sleep(0.1)  # `wait` returns at once while the last frames are being finished
        self._client.close()

    def step(self) -> None:
        """Beat once for every slot, and for what it has in hand.

        Raises:
            BrokerUnavailableError: none of the servers that were tried can be reached.
        """
        retiring = time.monotonic() >= self._retire_at_s
        if retiring:
            self._retire_at_s = time.monotonic() + RETIRE_INTERVAL_S
        reached = False
        failure: BrokerUnavailableError | None = None
        for keys in self._in_turn():
            try:
                self._beat(keys, observing=not reached, retiring=retiring)
            except BrokerUnavailableError as error:
                failure = error
                self._note(keys, away=True)
            else:
                reached = True
                self._note(keys, away=False)
        if failure is not None and not reached:
            raise failure
        if failure is not None:
            self._on_error()

    def _in_turn(self) -> list[ShardKeys]:
        """Return the shards to beat for: of those whose server is away one, the one that was tried longest ago."""
        return [*(keys for keys in self._shards if keys not in self._away), *self._away[:1]]

    def _beat(self, keys: ShardKeys, *, observing: bool, retiring: bool) -> None:
        beats = self._shards[keys]
        queue_of_any = beats[0][1]
        if observing:
            queue_of_any.shard.observe(self._clock)
        for slot, queue in beats:
            token = slot.in_hand
            queue.heartbeat([] if token is None else [token])
        if retiring:
            queue_of_any.retire_absent(DEPARTED_IDLE_MS)

    def _note(self, keys: ShardKeys, *, away: bool) -> None:
        """Keep the list of shards whose server is away; the slots say it in the log."""
        if keys in self._away:
            self._away.remove(keys)
        if away:
            self._away.append(keys)
