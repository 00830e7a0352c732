"""Many at once, or one alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from workers.pose.gate import Gate


class Visitor:
    """A thread that enters a gate and stays until it is let go; `inside` is set while it is there."""

    def __init__(self, enter: Callable) -> None:
        self.inside = threading.Event()
        self._go = threading.Event()
        self._thread = threading.Thread(target=self._visit, args=(enter,), daemon=True)
        self._thread.start()

    def _visit(self, enter: Callable) -> None:
        with enter():
            self.inside.set()
            self._go.wait(10)
            self.inside.clear()

    def entered(self, seconds: float = 5) -> bool:
        return self.inside.wait(seconds)

    def leave(self) -> None:
        self._go.set()
        self._thread.join(5)
        assert not self._thread.is_alive()


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def visit():
    visitors = []

    def visit(enter: Callable) -> Visitor:
        visitors.append(Visitor(enter))
        return visitors[-1]

    yield visit
    for visitor in visitors:
        visitor.leave()


def test_many_are_inside_together(gate, visit):
    assert all(visitor.entered() for visitor in [visit(gate.shared) for _ in range(8)])


def test_whoever_wants_to_be_alone_waits_for_everybody_to_leave(gate, visit):
    others = [visit(gate.shared) for _ in range(2)]
    assert all(other.entered() for other in others)
    alone = visit(gate.alone)

    others[0].leave()
    assert not alone.entered(0.1)
    others[1].leave()
    assert alone.entered()


def test_nobody_enters_while_one_is_alone(gate, visit):
    alone = visit(gate.alone)
    assert alone.entered()
    shared, second = visit(gate.shared), visit(gate.alone)
    assert not shared.entered(0.1)
    assert not second.entered(0.1)

    alone.leave()
    assert second.entered()
    second.leave()
    assert shared.entered()


def test_whoever_waits_to_be_alone_goes_before_those_who_come_later(gate, visit):
    first = visit(gate.shared)
    assert first.entered()
    alone = visit(gate.alone)
    deadline = time.monotonic() + 5
    while not gate._waiting_to_be_alone:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    later = visit(gate.shared)
    assert not later.entered(0.1)

    first.leave()
    assert alone.entered()
    assert not later.inside.is_set()
    alone.leave()
    assert later.entered()


@pytest.mark.parametrize("way", ["shared", "alone"])
def test_an_exception_inside_opens_the_gate_again(gate, visit, way):
    with pytest.raises(RuntimeError), getattr(gate, way)():
        raise RuntimeError

    alone = visit(gate.alone)
    assert alone.entered()
    alone.leave()
    assert visit(gate.shared).entered()


def test_a_busy_crowd_never_meets_one_that_is_alone(gate):
    inside = {"shared": 0, "alone": 0}
    lock = threading.Lock()
    wrong: list[dict[str, int]] = []
    visits = {"shared": 0, "alone": 0}

    def come_and_go(way: str, times: int) -> None:
        for _ in range(times):
            with getattr(gate, way)():
                with lock:
                    inside[way] += 1
                    visits[way] += 1
                    if inside["alone"] > 1 or (inside["alone"] and inside["shared"]):
                        wrong.append(dict(inside))
                time.sleep(0)
                with lock:
                    inside[way] -= 1

    threads = [threading.Thread(target=come_and_go, args=("shared", 300)) for _ in range(4)]
    threads += [threading.Thread(target=come_and_go, args=("alone", 50)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert wrong == []
    assert visits == {"shared": 1200, "alone": 100}
