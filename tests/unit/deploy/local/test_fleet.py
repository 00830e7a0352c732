"""Whether enough of the fleet is left to go on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deploy.local.errors import DemoError
from deploy.local.fleet import Fleet
from deploy.local.processes import Child, Processes
from deploy.local.server import Server
from posestream.service.process import StopSignal
from tests.fleet import wait_until

ALIVE, ENDED, FAILED = "import time; time.sleep(60)", "", "exit(4)"


class Children:
    """Starts small programs in place of workers and producers, and waits until those that end have ended."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._count = 0

    def __call__(self, *sources: str) -> list[Child]:
        started = []
        for source in sources:
            self._count += 1
            child = self._processes.start(f"child-{self._count}", [sys.executable, "-c", source])
            started.append(child)
            if not source.endswith(ALIVE):
                wait_until(lambda child=child: child.exit_code is not None, seconds=20, what="it has ended")
        return started


@pytest.fixture
def processes(tmp_path: Path):
    with Processes(tmp_path) as started:
        yield started


@pytest.fixture
def fleet(processes: Processes) -> Fleet:
    return Fleet(processes, Server("redis://127.0.0.1:1/0", None), "test")


def test_one_of_each_is_enough(fleet: Fleet, processes: Processes):
    children = Children(processes)
    fleet.workers, fleet.producers = children(ALIVE, FAILED), children(FAILED, ALIVE)
    fleet.check()
    assert fleet.lost() == [fleet.workers[1], fleet.producers[0]]


def test_without_any_worker_there_is_no_going_on(fleet: Fleet, processes: Processes):
    children = Children(processes)
    fleet.workers, fleet.producers = children(FAILED, ENDED), children(ALIVE)
    with pytest.raises(DemoError, match="child-2 ended with exit code 0"):
        fleet.check()


def test_without_any_producer_there_is_no_going_on(fleet: Fleet, processes: Processes):
    fleet.producers = Children(processes)(FAILED)
    with pytest.raises(DemoError, match="child-1 ended with exit code 4"):
        fleet.check()


def test_sources_that_come_to_their_end_are_not_lost(fleet: Fleet, processes: Processes):
    children = Children(processes)
    fleet.workers, fleet.producers = children(ALIVE), children(ENDED, ALIVE)
    fleet.check()
    assert fleet.lost() == []
    assert not fleet.cameras_over
    fleet.stop_producers()
    assert fleet.cameras_over


def test_a_worker_that_ends_before_it_is_ready_is_an_error_and_so_is_being_stopped(fleet: Fleet, processes: Processes):
    fleet.workers = Children(processes)(ALIVE, FAILED)
    with pytest.raises(DemoError, match="child-2 ended with exit code 4"):
        fleet.wait_until_ready(StopSignal(), lambda ready: None)
    stop = StopSignal()
    stop.set()
    with pytest.raises(DemoError, match="stopped before"):
        fleet.wait_until_ready(stop, lambda ready: None)


def test_workers_are_ready_when_they_have_said_so(fleet: Fleet, processes: Processes):
    fleet.workers = Children(processes)(*(f"print('ready to work', flush=True); {ALIVE}",) * 2)
    heard: list[int] = []
    fleet.wait_until_ready(StopSignal(), heard.append)
    assert heard[-1] == 2
