"""What was measured, and the figures that follow from it. Everything here goes into the JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

WAYS = ("ceiling", "stages", "pipeline", "loop")

QUIET = 0.05
"""Of the machine's CPUs: where others take more, rates and their ratios are not this program's alone."""


@dataclass(frozen=True)
class Slice:
    """A few seconds of one way: frames per second, CPU per frame by process, and what neighbours took (0..1)."""

    frames_per_s: float
    cpu_ms: dict[str, float]
    neighbours: float


@dataclass(frozen=True)
class Figure:
    """The median of the rounds, and half the distance from the lowest to the highest."""

    median: float
    spread: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        return cls(float(np.median(values)), (max(values) - min(values)) / 2)


@dataclass(frozen=True)
class Latency:
    """From capture to pose, of the frames that became one; `superseded` of `frames` did not."""

    load: float
    rate: float
    frames: int
    superseded: int
    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, load: float, rate: float, latency_ms: Sequence[float], superseded: int) -> Latency:
        p50_ms, p99_ms = np.percentile(latency_ms, (50, 99))
        return cls(load, rate, len(latency_ms) + superseded, superseded, float(p50_ms), float(p99_ms))


@dataclass
class NetworkResults:
    """One network's measurements; rounds[way] are its slices, one per round."""

    label: str
    people: float = 0.0
    rounds: dict[str, list[Slice]] = field(default_factory=lambda: {way: [] for way in WAYS})
    latencies: list[Latency] = field(default_factory=list)
    stages_ms: dict[str, float] = field(default_factory=dict)
    rss_mb: float = 0.0
    ready_cold_s: float = 0.0
    ready_warm_s: list[float] = field(default_factory=list)

    def rate(self, way: str) -> Figure:
        """Frames per second."""
        return Figure.of([each.frames_per_s for each in self.rounds[way]])

    def ratio(self, way: str, to: str = "ceiling") -> Figure:
        """A way's rate as a part of another's in the same round."""
        return ratio_of(self, way, self, to)

    def cpu_ms(self, way: str) -> Figure:
        """CPU of all processes per frame."""
        return Figure.of([sum(each.cpu_ms.values()) for each in self.rounds[way]])

    def cpu_ratio(self, way: str) -> Figure:
        """The ceiling's CPU per frame as a part of another way's: the ratio of rates if nothing but CPU counted."""
        pairs = zip(self.rounds["ceiling"], self.rounds[way], strict=True)
        return Figure.of([sum(first.cpu_ms.values()) / sum(other.cpu_ms.values()) for first, other in pairs])

    def process_ms(self, process: str) -> Figure:
        """CPU of one process of the pipeline per frame."""
        return Figure.of([each.cpu_ms[process] for each in self.rounds["pipeline"]])

    @property
    def own_ms(self) -> float:
        """The worker's CPU per frame outside inference."""
        return sum(ms for name, ms in self.stages_ms.items() if name != "inference")


def ratio_of(one: NetworkResults, way: str, other: NetworkResults, to: str) -> Figure:
    """How many times as fast one network's way was as another's, round by round."""
    pairs = zip(one.rounds[way], other.rounds[to], strict=True)
    return Figure.of([first.frames_per_s / second.frames_per_s for first, second in pairs])


@dataclass
class Results:
    """A whole run."""

    machine: str
    versions: dict[str, str]
    maps: str
    frame_kb: float
    networks: dict[str, NetworkResults] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def neighbours(self) -> float:
        """What other programs took of the machine during the slices, 0..1."""
        slices = [each for network in self.networks.values() for rounds in network.rounds.values() for each in rounds]
        return float(np.mean([each.neighbours for each in slices]))

    @property
    def disturbed(self) -> bool:
        """Whether that was too much for rates to mean anything."""
        return self.neighbours > QUIET

    def as_json(self) -> dict[str, Any]:
        """Figures first, then every slice they come from."""
        return {
            "machine": self.machine,
            "versions": self.versions,
            "seconds": round(self.seconds),
            "neighbours": self.neighbours,
            "people_from": self.maps,
            "frame_kb": self.frame_kb,
            "networks": {name: _as_json(each) for name, each in self.networks.items()},
        }


def _as_json(network: NetworkResults) -> dict[str, Any]:
    return {
        "label": network.label,
        "people": network.people,
        "ways": {
            way: {
                "frames_per_s": vars(network.rate(way)),
                "ratio": vars(network.ratio(way)),
                "cpu_ms": vars(network.cpu_ms(way)),
                "cpu_ratio": vars(network.cpu_ratio(way)),
                "rounds": [vars(each) for each in network.rounds[way]],
            }
            for way in WAYS
        },
        "worker_cpu_ms": network.stages_ms,
        "worker_cpu_ms_outside_inference": network.own_ms,
        "latency": [vars(each) for each in network.latencies],
        "worker_rss_mb": network.rss_mb,
        "ready_cold_s": network.ready_cold_s,
        "ready_warm_s": network.ready_warm_s,
    }
