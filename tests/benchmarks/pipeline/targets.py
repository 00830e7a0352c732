"""What the pipeline is asked to reach, and whether it did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.benchmarks.pipeline.results import Figure, Results, ratio_of


@dataclass(frozen=True)
class Target:
    """One of them, in words and figures; `met` is None where the machine was too busy to tell."""

    what: str
    asked: str
    measured: str
    met: bool | None


def judge(results: Results) -> Iterator[Target]:
    """Hold a run against the targets."""
    fp32, int8 = results.networks["fp32"], results.networks["int8"]
    told = not results.disturbed
    yield _at_least("(c)/(a), official, FP32", 0.95, fp32.ratio("pipeline"), told)
    yield _at_least("(c)/(a), official, INT8", 0.88, int8.ratio("pipeline"), told)
    yield _at_least("INT8 (c) over FP32 (d)", 4.0, ratio_of(int8, "pipeline", fp32, "loop"), told)
    for network in (fp32, int8):
        yield _at_most(f"worker CPU outside inference, {network.label}", 5.0, network.own_ms, "ms")
        yield _at_most(f"tracker CPU, {network.label}", 0.5, network.process_ms("tracker").median, "ms")
        yield _at_most(f"worker RSS, {network.label}", 450, network.rss_mb, "MB")
        yield _at_most(f"ready with a warm cache, {network.label}", 3.0, max(network.ready_warm_s), "s")


def _at_least(what: str, least: float, figure: Figure, told: bool) -> Target:
    met = figure.median >= least if told else None
    return Target(what, f"≥ {least:g}", f"{figure.median:.3f} ± {figure.spread:.3f}", met)


def _at_most(what: str, most: float, value: float, unit: str) -> Target:
    return Target(what, f"≤ {most:g} {unit}", f"{value:.3g} {unit}", value <= most)
