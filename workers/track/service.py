"""The tracker of one shard: leads, reads results, releases them in order, publishes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from posestream.broker import (
    CameraRelease,
    Leadership,
    Mismatch,
    Record,
    ReleasedRecord,
    ResultLog,
    Shard,
    ShardOperations,
    connect,
)
from posestream.errors import BrokerUnavailableError
from posestream.keys import FrameId, ShardKeys
from posestream.messages import Outcome
from posestream.service.health import Health
from posestream.service.metrics import TrackerMetrics
from posestream.service.process import Patience, StopSignal
from workers.track.ordering import CameraOrder, Release
from workers.track.settings import TrackSettings

logger = logging.getLogger(__name__)

BLOCK_MS = 250
STATUS_INTERVAL_S = 2.0


class ShardTracker:
    """Tracks one shard, in one thread, while it holds the lease; stands by while another does."""

    def __init__(
        self,
        holder: str,
        keys: ShardKeys,
        settings: TrackSettings,
        metrics: TrackerMetrics,
        health: Health,
        stop: StopSignal,
    ) -> None:
        self.name = f"shard-{keys.shard}"
        self._holder = holder
        self._number = keys.shard
        self._settings = settings
        self._metrics = metrics
        self._health = health
        self._stop = stop
        self._shard = Shard(
            connect(settings.redis_url, name=f"track-{self.name}"),
            keys,
            on_recovery=lambda what: metrics.broker_recoveries.labels(what).inc(),
        )
        self._results = ResultLog(self._shard)
        self._operations = ShardOperations(self._shard)
        self._patience = Patience(stop, metrics.broker_errors.labels("track").inc)
        self._epoch: int | None = None
        self._told_leading: bool | None = None
        self._renew_at_s = 0.0
        self._status_at_s = 0.0
        self._read_to = FrameId(0)
        self._orders: dict[str, CameraOrder] = {}

    def run(self) -> None:
        """Track until asked to stop, then give the lease up."""
        while not self._stop.is_set():
            self._health.beat(self.name)
            try:
                if self._lead():
                    self.step()
                else:
                    self._stop.wait(self._settings.lease_ms / 4000)
            except BrokerUnavailableError as error:
                self._health.set_ready(self.name, str(error))
                self._lost()
                self._patience.failed(error)
            else:
                self._patience.succeeded()
                self._health.set_ready(self.name, None)
        self._resign()

    def step(self) -> None:
        """Read, release in order, publish."""
        with self._metrics.stages("read"):
            records = self._read()
        with self._metrics.stages("release"):
            now_ms = self._shard.server_ms()
            self._hold(records)
            releases = self._release(now_ms, read_to_end=len(records) < self._settings.batch)
        if releases:
            with self._metrics.stages("publish"):
                self._publish(releases, now_ms)
        self._report()

    # Leading --------------------------------------------------------------------------------------------------------

    def _lead(self) -> bool:
        """Hold the lease, renewing it in time; with a new one everything is read again from the start."""
        if self._epoch is not None and time.monotonic() < self._renew_at_s:
            return True
        leadership = self._results.lead(self._holder, self._settings.lease_ms)
        self._renew_at_s = time.monotonic() + self._settings.lease_ms / 3000
        if leadership.epoch != self._epoch:
            self._epoch = leadership.epoch
            self._reload()
        self._tell(leadership)
        return self._epoch is not None

    def _tell(self, leadership: Leadership) -> None:
        """Log and export whether this process leads, when that has changed."""
        leading = leadership.epoch is not None
        if leading == self._told_leading:
            return
        self._told_leading = leading
        self._metrics.leading.labels(str(self._number)).set(leading)
        if leading:
            logger.info("leading", extra={"shard": self._number, "epoch": leadership.epoch})
        else:
            logger.info("standing by", extra={"shard": self._number, "leader": leadership.holder})
            self._metrics.shards.update(self._number, None)

    def _lost(self) -> None:
        """The server is out of reach: another may lead by now, so this one speaks for the shard no longer."""
        self._epoch = None
        self._told_leading = None
        self._metrics.leading.labels(str(self._number)).set(0)
        self._metrics.shards.update(self._number, None)

    def _reload(self) -> None:
        """Forget what is held: the server's released seqs and its records are the truth."""
        self._read_to = FrameId(0)
        self._orders.clear()

    def _resign(self) -> None:
        self._health.forget(self.name)
        try:
            if self._epoch is not None:
                self._results.lead(self._holder, 0)
        except BrokerUnavailableError as error:
            logger.warning("left without giving the lease up: %s", error)
        self._shard.close()

    # The stages -----------------------------------------------------------------------------------------------------

    def _read(self) -> list[Record]:
        records = self._results.read(self._read_to, count=self._settings.batch, block_ms=BLOCK_MS)
        if records:
            self._read_to = records[-1].id
        return records

    def _hold(self, records: Iterable[Record]) -> None:
        records = list(records)
        unknown = {record.camera for record in records} - self._orders.keys()
        for camera, (released, _) in self._results.released(unknown).items() if unknown else ():
            self._orders[camera] = CameraOrder(released, self._settings.reorder_wait_ms)
        for record in records:
            self._orders[record.camera].add(record)

    def _release(self, now_ms: int, *, read_to_end: bool) -> dict[str, Release]:
        releases = {
            camera: order.release(now_ms, read_to_end=read_to_end)
            for camera, order in self._orders.items()
            if len(order)
        }
        self._metrics.held.labels(str(self._number)).set(sum(map(len, self._orders.values())))
        return {camera: release for camera, release in releases.items() if release.records}

    def _publish(self, releases: dict[str, Release], now_ms: int) -> None:
        assert self._epoch is not None
        answer = self._results.publish(
            self._epoch,
            self._settings.retain,
            [
                CameraRelease(camera, release.believed, release.released, b"", release.records)
                for camera, release in releases.items()
            ],
        )
        if isinstance(answer, Mismatch):
            logger.warning("state reloaded: the server holds another %s (%s)", answer.what, answer.detail)
            self._metrics.mismatches.labels(answer.what).inc()
            self._epoch = None
            self._stop.wait(0.05)
            return
        for camera, release in releases.items():
            self._metrics.skipped.labels(camera).inc(release.skipped)
            for released in release.records:
                if released.outcome is Outcome.POSED:
                    self._observe_age(released, now_ms)

    def _observe_age(self, released: ReleasedRecord, now_ms: int) -> None:
        age_ms = now_ms - released.record.frame_id.ms
        if age_ms < 0:
            self._metrics.negative_ages.inc()
        self._metrics.age.observe(max(0, age_ms) / 1000)

    def _report(self) -> None:
        """Refresh what is exported of the shard; its counters live in the server."""
        if time.monotonic() >= self._status_at_s:
            self._status_at_s = time.monotonic() + STATUS_INTERVAL_S
            status = self._operations.status()
            self._metrics.shards.update(self._number, status)
            for camera in [
                name for name, order in self._orders.items() if name not in status.cameras and not len(order)
            ]:
                del self._orders[camera]
