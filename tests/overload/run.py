"""A run: cameras that offer too much, while workers and tracker are there or are not."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from posestream.broker import ShardOperations
from posestream.keys import Topology
from tests.fleet import Fleet, wait_until
from tests.overload.offer import Cameras
from tests.overload.watch import Look, Posed, Watch
from tests.servers import EmbeddedValkey
from tests.slots import Workers

PREFIX = "overload"


class State(StrEnum):
    """Who is there."""

    OVERLOADED = "overloaded"
    NO_WORKERS = "workers away"
    NO_TRACKER = "tracker away"
    BACK = "both back"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is offered to whom, and for how long.

    Attributes:
        fps: of each camera, by name.
        image_bytes: of each frame.
        slots: of the workers, each of which takes `inference_s` for a frame.
        phases: the states one after the other, and how many seconds each lasts.
        max_records, retain: limits, as in the operations guide.
    """

    fps: Mapping[str, float]
    image_bytes: int
    slots: int
    inference_s: float
    phases: Sequence[tuple[State, float]]
    max_records: int
    retain: int

    @property
    def times_capacity(self) -> float:
        """Frames offered, over what the slots could take."""
        return sum(self.fps.values()) * self.inference_s / self.slots


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase as it was: its looks, and the poses that came to the subscriber in it."""

    state: State
    looks: Sequence[Look]
    posed: Sequence[Posed]


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen.

    Attributes:
        idle_memory: the server's before the first frame, bytes.
        phases: one after the other.
        offered, refused: frames by camera.
        admitted: by camera, by the server's books.
        left: admitted frames that had no end at the end.
    """

    idle_memory: int
    phases: Sequence[Phase]
    offered: Mapping[str, int]
    refused: Mapping[str, int]
    admitted: Mapping[str, int]
    left: int


def carry_out(plan: Plan, folder: Path) -> Observed:
    """Make a run; logs go to `folder`."""
    with ExitStack() as stack:
        server = stack.enter_context(EmbeddedValkey())
        fleet = stack.enter_context(Fleet(server.url, PREFIX, folder))
        keys = fleet.shard.keys
        fleet.operations.set_limits({"max_records": plan.max_records})
        crew = stack.enter_context(_Crew(plan, fleet, server.url))
        crew.become(State.BACK)
        idle_memory = int(fleet.shard.client.info("memory")["used_memory"])
        with Watch(server.url, keys, plan.fps) as watch:
            with Cameras(server.url, Topology(PREFIX, 1), plan.fps, plan.image_bytes) as cameras:
                moments = [_live_through(state, seconds, crew) for state, seconds in plan.phases]
            crew.become(State.BACK)
            wait_until(lambda: in_flight(fleet.operations) == 0, seconds=120, what="all frames have ended")
        status = fleet.operations.status().cameras
        return Observed(
            idle_memory,
            [_phase(state, start_s, end_s, watch) for state, start_s, end_s in moments],
            cameras.offered,
            cameras.refused,
            {name: camera.admitted for name, camera in status.items()},
            sum(camera.admitted - sum(camera.outcomes.values()) for camera in status.values()),
        )


def in_flight(operations: ShardOperations) -> int:
    """Return how many frames have not ended."""
    return sum(camera.in_flight for camera in operations.status().cameras.values())


def _live_through(state: State, seconds: float, crew: _Crew) -> tuple[State, float, float]:
    crew.become(state)
    start_s = time.monotonic()
    time.sleep(seconds)
    return state, start_s, time.monotonic()


def _phase(state: State, start_s: float, end_s: float, watch: Watch) -> Phase:
    looks = [look for look in watch.looks if start_s <= look.at_s < end_s]
    return Phase(state, looks, [pose for pose in watch.posed if start_s <= pose.at_s < end_s])


class _Crew:
    """Workers, as threads, and a tracker, as a process: there or not."""

    def __init__(self, plan: Plan, fleet: Fleet, url: str) -> None:
        self._plan = plan
        self._fleet = fleet
        self._url = url
        self._workers = ExitStack()
        self._work = False
        self._tracker = ExitStack()
        self._track = False

    def become(self, state: State) -> None:
        self._let_work(state is not State.NO_WORKERS)
        self._let_track(state is not State.NO_TRACKER)

    def _let_work(self, there: bool) -> None:
        if there and not self._work:
            workers = Workers(self._url, Topology(PREFIX, 1), 1, self._plan.slots, self._plan.inference_s)
            self._workers.enter_context(workers)
        elif not there:
            self._workers.close()
        self._work = there

    def _let_track(self, there: bool) -> None:
        if there and not self._track:
            process = self._fleet.start("workers", "track", "--retain", str(self._plan.retain))
            self._tracker.callback(lambda: (process.terminate(), process.wait(30)))
            wait_until(lambda: bool(self._fleet.operations.status().tracker), seconds=60, what="a tracker leads")
        elif not there:
            self._tracker.close()
        self._track = there

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *ended: object) -> None:
        self._workers.close()
        self._tracker.close()
