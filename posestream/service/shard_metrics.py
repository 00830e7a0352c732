"""What the leading tracker exports of its shards: counters and facts that live in the server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from posestream.broker import ServerFacts, ShardStatus

REFUSALS: Final = ("held", "gap", "order", "ahead", "missing", "full", "backlog")


@dataclass(frozen=True, slots=True)
class ShardLoad:
    """What drives autoscaling.

    Attributes:
        offered_load: how many workers live cameras keep busy; None before it can be told.
        backlog_s: how long one worker would take for the lossless frames that wait.
        worker_fps: what one worker is taken to make, in frames a second.
    """

    offered_load: float | None
    backlog_s: float
    worker_fps: float


class ShardCollector(Collector):
    """Exports the latest look at each shard: counters that live in the server and outlive every process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statuses: dict[int, ShardStatus] = {}
        self._loads: dict[int, ShardLoad] = {}
        self._servers: dict[int, ServerFacts] = {}

    def update(
        self, shard: int, status: ShardStatus | None, load: ShardLoad | None = None, server: ServerFacts | None = None
    ) -> None:
        """Replace what is known of a shard and its server; None when this process no longer speaks for it."""
        with self._lock:
            self._statuses.pop(shard, None)
            self._loads.pop(shard, None)
            self._servers.pop(shard, None)
            if status is not None:
                self._statuses[shard] = status
            if load is not None:
                self._loads[shard] = load
            if server is not None:
                self._servers[shard] = server

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families, as Prometheus asks for them."""
        with self._lock:
            statuses, loads, servers = dict(self._statuses), dict(self._loads), dict(self._servers)
        yield from _camera_metrics(statuses)
        yield from _shard_metrics(statuses)
        yield from _load_metrics(loads)
        yield from _server_metrics(servers)


def _camera_metrics(statuses: Mapping[int, ShardStatus]) -> Iterator[Metric]:
    admitted = CounterMetricFamily("posestream_frames_admitted", "Frames admitted", labels=["camera"])
    frames = CounterMetricFamily("posestream_frames", "Frames by how they ended", labels=["camera", "outcome"])
    refused = CounterMetricFamily("posestream_frames_refused", "Frames refused", labels=["camera", "reason"])
    waiting = GaugeMetricFamily("posestream_frames_waiting", "Frames no worker has taken yet", labels=["camera"])
    in_flight = GaugeMetricFamily(
        "posestream_frames_in_flight", "Frames admitted, not yet published", labels=["camera"]
    )
    heard = GaugeMetricFamily("posestream_camera_silence_seconds", "Since the producer was heard of", labels=["camera"])
    info = GaugeMetricFamily("posestream_camera_info", "1 for each camera", labels=["camera", "policy"])
    for status in statuses.values():
        for camera in status.cameras.values():
            admitted.add_metric([camera.camera], camera.admitted)
            for outcome, count in camera.outcomes.items():
                frames.add_metric([camera.camera, outcome.value], count)
            for reason in REFUSALS:
                refused.add_metric([camera.camera, reason], camera.refused.get(reason, 0))
            waiting.add_metric([camera.camera], camera.waiting)
            in_flight.add_metric([camera.camera], camera.in_flight)
            heard.add_metric([camera.camera], max(0, status.now_ms - camera.heard_ms) / 1000)
            info.add_metric([camera.camera, camera.policy], 1)
    yield from (admitted, frames, refused, waiting, in_flight, heard, info)


def _shard_metrics(statuses: Mapping[int, ShardStatus]) -> Iterator[Metric]:
    facts: tuple[tuple[str, str, Callable[[ShardStatus], int]], ...] = (
        ("shard_work_entries", "Frames waiting or in hand", lambda status: status.work),
        ("shard_result_entries", "Frames ended and not yet published", lambda status: status.results),
        ("shard_records_limit", "Frames that may be admitted and not yet published", lambda status: status.max_records),
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


def _load_metrics(loads: Mapping[int, ShardLoad]) -> Iterator[Metric]:
    facts: tuple[tuple[str, str, Callable[[ShardLoad], float | None]], ...] = (
        ("offered_load", "Pose workers that live cameras keep busy", lambda load: load.offered_load),
        (
            "backlog_seconds",
            "Time that one pose worker needs for the lossless frames that wait",
            lambda load: load.backlog_s,
        ),
        ("assumed_worker_fps", "Frames a second that a pose worker is taken to make", lambda load: load.worker_fps),
    )
    for name, text, value in facts:
        family = GaugeMetricFamily(f"posestream_{name}", text, labels=["shard"])
        for shard, load in loads.items():
            if (known := value(load)) is not None:
                family.add_metric([str(shard)], known)
        yield family


def _server_metrics(servers: Mapping[int, ServerFacts]) -> Iterator[Metric]:
    gauges: tuple[tuple[str, str, Callable[[ServerFacts], float]], ...] = (
        ("memory_bytes", "Memory the shard's server uses", lambda facts: facts.memory_bytes),
        ("memory_limit_bytes", "Its maxmemory; 0 for none", lambda facts: facts.memory_limit_bytes),
        ("clients", "Its connections", lambda facts: facts.clients),
    )
    counters: tuple[tuple[str, str, Callable[[ServerFacts], float]], ...] = (
        ("commands", "Commands it has run", lambda facts: facts.commands),
        ("received_bytes", "Bytes it has received", lambda facts: facts.received_bytes),
        ("sent_bytes", "Bytes it has sent", lambda facts: facts.sent_bytes),
        ("cpu_seconds", "CPU time it has used", lambda facts: facts.cpu_s),
        ("evicted_keys", "Keys it has thrown away, which it must not", lambda facts: facts.evicted_keys),
    )
    for family_of, facts_of in ((GaugeMetricFamily, gauges), (CounterMetricFamily, counters)):
        for name, text, value in facts_of:
            family = family_of(f"posestream_server_{name}", text, labels=["shard"])
            for shard, facts in servers.items():
                family.add_metric([str(shard)], value(facts))
            yield family
