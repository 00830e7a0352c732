"""What the code exports: every series' name with the labels it has, and what PromQL expressions ask for."""

from __future__ import annotations

from collections.abc import Iterator

import promql_parser as promql
from prometheus_client.metrics import MetricWrapperBase

from posestream.broker import CameraStatus, ServerFacts, ShardStatus
from posestream.messages import Outcome
from posestream.service.metrics import ProducerMetrics, ServiceMetrics, TrackerMetrics, WorkerMetrics
from posestream.service.shard_metrics import ShardLoad

SCRAPE_LABELS = frozenset({"namespace", "job", "instance"})
"""Labels that Prometheus adds."""
NOT_OURS = {
    "up": frozenset(SCRAPE_LABELS),
    "ALERTS": frozenset({"alertname", "alertstate", *SCRAPE_LABELS}),
}


def exported() -> dict[str, frozenset[str]]:
    """Return the labels of every series that a producer, a pose worker or a tracker can export."""
    found: dict[str, frozenset[str]] = {}
    for metrics in (ProducerMetrics(), WorkerMetrics(), _full_tracker()):
        found |= _of_wrappers(metrics)
        for family in metrics.registry.collect():
            for sample in family.samples:
                found[sample.name] = frozenset(sample.labels)
    return found


def _full_tracker() -> TrackerMetrics:
    camera = CameraStatus("c", "live", 0, dict.fromkeys(Outcome, 0), 0, 0, 0, 0, {}, 0, "p")
    status = ShardStatus(0, 0, 0, 0, 0, 0, 0, 0, "t", 0, 0, {"c": camera})
    metrics = TrackerMetrics()
    metrics.shards.update(0, status, ShardLoad(0, 0, 1), ServerFacts(0, 0, 0, 0, 0, 0, 0, 0))
    return metrics


def _of_wrappers(metrics: ServiceMetrics) -> dict[str, frozenset[str]]:
    """Return those whose labels have no values yet, by the names that Prometheus gives their series."""
    found: dict[str, frozenset[str]] = {}
    endings = {"counter": ("_total",), "gauge": ("",), "info": ("_info",), "histogram": ("_count", "_sum")}
    for collector in metrics.registry._collector_to_names:
        if isinstance(collector, MetricWrapperBase):
            [family] = collector.describe()
            for ending in endings[family.type]:
                found[family.name + ending] = frozenset(collector._labelnames)
            if family.type == "histogram":
                found[f"{family.name}_bucket"] = frozenset({*collector._labelnames, "le"})
    return found


def selectors(expression: str) -> list[promql.VectorSelector]:
    """Return everything that an expression selects."""
    return [one for one in _walk(promql.parse(expression)) if isinstance(one, promql.VectorSelector)]


def subqueries(expression: str) -> list[promql.SubqueryExpr]:
    return [one for one in _walk(promql.parse(expression)) if isinstance(one, promql.SubqueryExpr)]


def grouping_labels(expression: str) -> set[str]:
    """Return every label by which something is aggregated or matched."""
    labels: set[str] = set()
    for one in _walk(promql.parse(expression)):
        if isinstance(one, promql.AggregateExpr) and one.modifier is not None:
            labels |= set(one.modifier.labels)
        if isinstance(one, promql.BinaryExpr) and one.modifier is not None and one.modifier.matching is not None:
            labels |= set(one.modifier.matching.labels)
    return labels


def _walk(expression: promql.Expr) -> Iterator[promql.Expr]:
    yield expression
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        inner = getattr(expression, name, None)
        if hasattr(inner, "prettify"):  # it is an expression
            yield from _walk(inner)
    for inner in getattr(expression, "args", None) or ():
        yield from _walk(inner)
