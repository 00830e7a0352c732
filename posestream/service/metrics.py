"""Every metric of every application, defined in one place.

Labels: `camera` on counters and gauges only, never on histograms; no label for a consumer, a frame or a person.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from posestream.broker import ShardStatus
from posestream.errors import ConfigurationError

STAGE_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
AGE_BUCKETS_S = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30)


class Stages:
    """Time spent in each named stage of a loop."""

    def __init__(self, histogram: Histogram, names: Iterable[str]) -> None:
        self._stages = {name: histogram.labels(name) for name in names}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time the body as stage `name`."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._stages[name].observe(time.perf_counter() - began)


class ServiceMetrics:
    """What every process measures; each application adds its own."""

    STAGES: tuple[str, ...] = ()

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.broker_errors = self._counter(
            "broker_errors", "Failed exchanges with the server, each tried again", "doing"
        )
        self.broker_recoveries = self._counter(
            "broker_recoveries", "Functions or groups made anew after a loss", "what"
        )
        self.stages = Stages(
            self._histogram("stage_seconds", "Time spent in a stage, per frame", STAGE_BUCKETS_S, "stage"), self.STAGES
        )

    def serve(self, host: str, port: int) -> int:
        """Serve the metrics in a thread; returns the port.

        Raises:
            ConfigurationError: the address can not be listened on.
        """
        try:
            server, _ = start_http_server(port, addr=host, registry=self.registry)
        except OSError as error:
            raise ConfigurationError(f"metrics port {host}:{port}: {error.strerror or error}") from error
        return int(server.server_address[1])

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"posestream_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"posestream_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"posestream_{name}", text, labels, buckets=buckets, registry=self.registry)


class ProducerMetrics(ServiceMetrics):
    """What the producer measures."""

    STAGES = ("read", "encode", "admit")

    def __init__(self) -> None:
        super().__init__()
        self.offered = self._counter(
            "offered_frames", "Frames offered for admission, by what came of it", "camera", "result"
        )
        self.offered_bytes = self._counter("offered_bytes", "Encoded bytes of admitted frames", "camera")
        self.passed_through = self._counter("passed_through_frames", "Frames sent on without re-encoding", "camera")
        self.source_up = self._gauge("source_up", "1 while the source delivers frames", "camera")
        self.reconnects = self._counter("source_reconnects", "Attempts to open a source that had been lost", "camera")


class WorkerMetrics(ServiceMetrics):
    """What the pose worker measures."""

    STAGES = ("take", "load", "decode_image", "infer", "decode_poses", "finish")

    def __init__(self) -> None:
        super().__init__()
        self.finished = self._counter(
            "worker_frames", "Frames this worker ended, by outcome; lost: another's by then", "outcome"
        )
        self.dead_letters = self._counter(
            "worker_dead_letters", "Frames this worker dead-lettered, by reason", "reason"
        )
        self.people = self._counter("worker_people", "People found")
        self.slots = self._gauge("worker_slots", "Frames this worker can have in hand at once")
        self.busy = self._gauge("worker_slots_busy", "Frames in hand now")
        self.networks = self._gauge("worker_networks", "Networks compiled, one per input width")
        self.compile_seconds = self._histogram(
            "worker_compile_seconds", "Time to compile the network for a width", (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32)
        )
        self.reclaimed = self._counter("worker_reclaimed_frames", "Stranded frames this worker took over")
        self.age = self._histogram(
            "worker_frame_age_seconds", "Age of a frame when finished, since admission", AGE_BUCKETS_S
        )


class TrackerMetrics(ServiceMetrics):
    """What the tracker measures, and what the server counts."""

    STAGES = ("read", "release", "publish")

    def __init__(self) -> None:
        super().__init__()
        self.leading = self._gauge("tracker_leading", "1 while this process may publish the shard", "shard")
        self.held = self._gauge("tracker_held_records", "Records held back to restore the order of frames", "shard")
        self.skipped = self._counter("tracker_skipped_frames", "Frames given up on in live mode", "camera")
        self.mismatches = self._counter(
            "tracker_mismatches", "Publications refused, after which state was reloaded", "what"
        )
        self.age = self._histogram(
            "publish_age_seconds", "Age of a frame when published, since admission", AGE_BUCKETS_S
        )
        self.negative_ages = self._counter("publish_negative_ages", "Ages below zero, counted as zero")
        self.shards = ShardCollector()
        self.registry.register(self.shards)


class ShardCollector(Collector):
    """Exports the latest look at each shard: counters that live in the server and outlive every process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statuses: dict[int, ShardStatus] = {}

    def update(self, shard: int, status: ShardStatus | None) -> None:
        """Replace what is known of a shard; None when this process no longer speaks for it."""
        with self._lock:
            if status is None:
                self._statuses.pop(shard, None)
            else:
                self._statuses[shard] = status

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families, as Prometheus asks for them."""
        with self._lock:
            statuses = dict(self._statuses)
        yield from _camera_metrics(statuses)
        yield from _shard_metrics(statuses)


def _camera_metrics(statuses: Mapping[int, ShardStatus]) -> Iterator[Metric]:
    admitted = CounterMetricFamily("posestream_frames_admitted", "Frames admitted", labels=["camera"])
    frames = CounterMetricFamily("posestream_frames", "Frames by how they ended", labels=["camera", "outcome"])
    refused = CounterMetricFamily("posestream_frames_refused", "Frames refused", labels=["camera", "reason"])
    waiting = GaugeMetricFamily("posestream_frames_waiting", "Frames no worker has taken yet", labels=["camera"])
    in_flight = GaugeMetricFamily(
        "posestream_frames_in_flight", "Frames admitted, not yet published", labels=["camera"]
    )
    heard = GaugeMetricFamily("posestream_camera_silence_seconds", "Since the producer was heard of", labels=["camera"])
    for status in statuses.values():
        for camera in status.cameras.values():
            admitted.add_metric([camera.camera], camera.admitted)
            for outcome, count in camera.outcomes.items():
                frames.add_metric([camera.camera, outcome.value], count)
            for reason, count in camera.refused.items():
                refused.add_metric([camera.camera, reason], count)
            waiting.add_metric([camera.camera], camera.waiting)
            in_flight.add_metric([camera.camera], camera.in_flight)
            heard.add_metric([camera.camera], max(0, status.now_ms - camera.heard_ms) / 1000)
    yield from (admitted, frames, refused, waiting, in_flight, heard)


def _shard_metrics(statuses: Mapping[int, ShardStatus]) -> Iterator[Metric]:
    facts: tuple[tuple[str, str, Callable[[ShardStatus], int]], ...] = (
        ("shard_work_entries", "Frames waiting or in hand", lambda status: status.work),
        ("shard_result_entries", "Frames ended and not yet published", lambda status: status.results),
        ("shard_dead_letters", "Dead letters kept", lambda status: status.dead),
        ("shard_frame_bytes", "Memory that frames take", lambda status: status.bytes),
        ("shard_frame_bytes_limit", "Memory that frames may take", lambda status: status.max_bytes),
        ("shard_worker_slots", "Worker slots heard of lately", lambda status: status.workers),
    )
    for name, text, value in facts:
        family = GaugeMetricFamily(f"posestream_{name}", text, labels=["shard"])
        for shard, status in statuses.items():
            family.add_metric([str(shard)], value(status))
        yield family
