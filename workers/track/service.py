"""The tracker of one shard: leads, reads results, releases them in order, publishes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from posestream.broker import (
    CameraProgress,
    Leadership,
    Mismatch,
    Record,
    ReleasedRecord,
    ResultLog,
    Shard,
    ShardOperations,
    connect,
    read_server,
)
from posestream.broker.clock import ServerClock
from posestream.errors import BrokerUnavailableError
from posestream.keys import FrameId, ShardKeys
from posestream.messages import Outcome
from posestream.service.health import Health
from posestream.service.metrics import TrackerMetrics
from posestream.service.process import Patience, StopSignal
from workers.track.camera import Batch, CameraTracker
from workers.track.load import LoadMeter
from workers.track.settings import TrackSettings

logger = logging.getLogger(__name__)

BLOCK_MS = 250
STATUS_INTERVAL_S = 2.0
CAREFUL_AFTER = 3
"""Leaders in a row that published nothing, from which on records are looked at one by one: one may end trackers."""


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
        self._clock = ServerClock()
        self._operations = ShardOperations(self._shard)
        self._patience = Patience(stop, metrics.broker_errors.labels("track").inc)
        self._epoch: int | None = None
        self._told_leading: bool | None = None
        self._renew_at_s = 0.0
        self._status_at_s = 0.0
        self._read_to = FrameId(0)
        self._cameras: dict[str, CameraTracker] = {}
        self._careful = False
        self._load = LoadMeter(settings.worker_fps)

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
        with self._metrics.stages("read_results"):
            records = self._read()
        with self._metrics.stages("release"):
            now_ms = self._clock.now_ms()
            self._hold(records)
            read_to_end = len(records) < self._settings.batch
            batches = self._release_one(now_ms, read_to_end) if self._careful else self._release(now_ms, read_to_end)
        if batches:
            with self._metrics.stages("publish"):
                self._publish(batches, now_ms)
        self._report()

    # Leading --------------------------------------------------------------------------------------------------------

    def _lead(self) -> bool:
        """Hold the lease, renewing it in time; with a new one everything is read again from the start."""
        if self._epoch is not None and time.monotonic() < self._renew_at_s:
            return True
        self._shard.observe(self._clock)
        leadership = self._results.lead(self._holder, self._settings.lease_ms)
        self._renew_at_s = time.monotonic() + self._settings.lease_ms / 3000
        if leadership.epoch != self._epoch:
            self._epoch = leadership.epoch
            self._careful = leadership.fruitless >= CAREFUL_AFTER
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
            if self._careful:
                logger.warning(
                    "%d leaders in a row have published nothing: looking at records one by one",
                    leadership.fruitless,
                    extra={"shard": self._number},
                )
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
        self._cameras.clear()
        self._load = LoadMeter(self._settings.worker_fps)

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
        block_ms = 0 if self._careful else BLOCK_MS  # one record is published at a time, and others may be held
        records = self._results.read(self._read_to, count=self._settings.batch, block_ms=block_ms)
        if records:
            self._read_to = records[-1].id
        return records

    def _hold(self, records: Iterable[Record]) -> None:
        records = list(records)
        unknown = {record.camera for record in records} - self._cameras.keys()
        for camera, progress in self._results.progress(unknown).items() if unknown else ():
            self._cameras[camera] = self._tracker_of(camera, progress)
        for record in records:
            self._cameras[record.camera].add(record)

    def _tracker_of(self, camera: str, progress: CameraProgress) -> CameraTracker:
        wait_ms, options = self._settings.reorder_wait_ms, self._settings.options
        try:
            return CameraTracker(camera, progress, wait_ms, options)
        except ValueError as error:
            logger.warning("the people get new ids: %s", error, extra={"camera": camera})
            return CameraTracker(camera, replace(progress, tracker_state=b""), wait_ms, options)

    def _release(self, now_ms: int, read_to_end: bool) -> list[Batch]:
        batches = [camera.release(now_ms, read_to_end=read_to_end) for camera in self._cameras.values() if len(camera)]
        self._metrics.held.labels(str(self._number)).set(sum(map(len, self._cameras.values())))
        return [batch for batch in batches if batch is not None]

    def _release_one(self, now_ms: int, read_to_end: bool) -> list[Batch]:
        """Release one record, having said so, lest it end this tracker, too; careless again when none is left."""
        assert self._epoch is not None
        for camera in self._cameras.values():
            record = camera.next_record(now_ms, read_to_end=read_to_end)
            if record is not None:
                answer = self._results.announce(self._epoch, record)
                if answer is not None:
                    self._mismatched(answer)
                    return []
                batch = camera.release(now_ms, read_to_end=read_to_end, at_most=1)
                return [batch] if batch else []
        self._careful = not read_to_end
        return []

    def _publish(self, batches: Sequence[Batch], now_ms: int) -> None:
        assert self._epoch is not None
        answer = self._results.publish(self._epoch, self._settings.retain, [batch.release for batch in batches])
        if isinstance(answer, Mismatch):
            self._mismatched(answer)
            return
        for batch in batches:
            self._metrics.skipped.labels(batch.release.camera).inc(batch.skipped)
            self._metrics.camera_people.labels(batch.release.camera).inc(batch.people)
            for released in batch.release.records:
                if released.outcome is Outcome.POSED:
                    self._observe_age(released, now_ms)

    def _mismatched(self, answer: Mismatch) -> None:
        logger.warning("state reloaded: the server holds another %s (%s)", answer.what, answer.detail)
        self._metrics.mismatches.labels(answer.what).inc()
        self._epoch = None
        self._stop.wait(0.05)

    def _observe_age(self, released: ReleasedRecord, now_ms: int) -> None:
        age_ms = now_ms - released.record.frame_id.ms
        if age_ms < 0:
            self._metrics.negative_ages.inc()
        age_s = max(0, age_ms) / 1000
        self._metrics.age.labels(released.record.policy.value).observe(age_s)
        self._metrics.camera_age.labels(released.record.camera).inc(age_s)

    def _report(self) -> None:
        """Refresh what is exported of the shard; its counters live in the server."""
        if time.monotonic() >= self._status_at_s:
            self._status_at_s = time.monotonic() + STATUS_INTERVAL_S
            status = self._operations.status()
            self._metrics.shards.update(self._number, status, self._load.measure(status), read_server(self._shard))
            for camera in [
                name for name, held in self._cameras.items() if name not in status.cameras and not len(held)
            ]:
                del self._cameras[camera]
