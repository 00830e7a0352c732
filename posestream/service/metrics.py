"""Every metric of every application, defined in one place.

Labels: `camera` on counters and gauges only, never on histograms; no label for a consumer, a frame or a person.
Counters whose labels are known beforehand start at zero: a series that begins with 1 has not increased for Prometheus.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)

from posestream import __version__
from posestream.errors import ConfigurationError
from posestream.messages import Outcome, Policy
from posestream.service.shard_metrics import ShardCollector
from posestream.service.throttling import ThrottlingCollector

DEAD_REASONS = (
    "empty",
    "too_large",
    "not_an_image",
    "truncated",
    "corrupt",
    "bad_meta",
    "unreadable",
    "missing",
    "failed",
)
"""Why a pose worker dead-letters a frame; `crashed` is found out by the server, `untrackable` by the tracker."""
STAGE_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
AGE_BUCKETS_S = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30)


def _start_at_zero(counter: Counter, labels: Iterable[str]) -> None:
    for label in labels:
        counter.labels(str(label))


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
        _start_at_zero(self.broker_recoveries, ("functions", "group", "stray_entry"))
        Info("posestream_build", "Version of this process", registry=self.registry).info({"version": __version__})
        ProcessCollector(registry=self.registry)
        self.registry.register(ThrottlingCollector())
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
        self.given_up = self._gauge(
            "camera_given_up", "1 once the producer has given the camera up: its log says why", "camera"
        )
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
        _start_at_zero(self.finished, (Outcome.POSED, Outcome.STALE, Outcome.DEAD, "lost"))
        _start_at_zero(self.dead_letters, DEAD_REASONS)
        self.people = self._counter("worker_people", "People found")
        self.cpus = self._gauge("worker_cpus", "CPUs this worker may use, by affinity and quota")
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

    STAGES = ("read_results", "release", "publish")

    def __init__(self) -> None:
        super().__init__()
        self.known_shards = self._gauge("shards", "Shards there are, as read at the start; 0 until then")
        self.leading = self._gauge("tracker_leading", "1 while this process may publish the shard", "shard")
        self.held = self._gauge("tracker_held_records", "Records held back to restore the order of frames", "shard")
        self.skipped = self._counter("tracker_skipped_frames", "Frames given up on in live mode", "camera")
        self.mismatches = self._counter(
            "tracker_mismatches", "Publications refused, after which state was reloaded", "what"
        )
        _start_at_zero(self.mismatches, ("epoch", "released", "order"))
        self.age = self._histogram(
            "publish_age_seconds", "Age of a posed frame when published, since admission", AGE_BUCKETS_S, "policy"
        )
        for policy in Policy:
            self.age.labels(policy.value)
        self.camera_age = self._counter(
            "camera_age_seconds", "Ages of a camera's posed frames when published, added up", "camera"
        )
        self.camera_people = self._counter("camera_people", "People in a camera's poses, added up", "camera")
        self.negative_ages = self._counter("publish_negative_ages", "Ages below zero, counted as zero")
        self.shards = ShardCollector()
        self.registry.register(self.shards)
