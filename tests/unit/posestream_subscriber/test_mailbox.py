"""Bounded, in order, and nobody waits for ever."""

from __future__ import annotations

import threading

import pytest

from posestream.subscriber.mailbox import Mailbox
from tests.contract.roles import eventually


def test_items_come_out_in_order():
    box: Mailbox[int] = Mailbox(8)
    for number in (3, 1, 2):
        box.put(number)
    assert [box.take(), box.take(), box.take()] == [3, 1, 2]
    assert box.take(wait=False) is None


def test_who_puts_into_a_full_box_waits_until_there_is_room():
    box: Mailbox[int] = Mailbox(2)
    box.put(1)
    box.put(2)
    putting = threading.Thread(target=box.put, args=(3,), daemon=True)
    putting.start()
    assert putting.is_alive()
    assert box.take() == 1
    putting.join(20)
    assert [box.take(), box.take()] == [2, 3]


def test_who_takes_waits_until_there_is_something():
    box: Mailbox[int] = Mailbox(2)
    taken: list[int | None] = []
    taking = threading.Thread(target=lambda: taken.append(box.take()), daemon=True)
    taking.start()
    box.put(7)
    taking.join(20)
    assert taken == [7]


def test_an_item_takes_the_place_of_the_one_with_its_key_even_when_the_box_is_full():
    box: Mailbox[str] = Mailbox(2)
    box.put("hall 1", key="hall")
    box.put("yard 1", key="yard")
    box.put("hall 2", key="hall")
    assert [box.take(), box.take(), box.take(wait=False)] == ["hall 2", "yard 1", None]


@pytest.mark.parametrize("waiting_for", ["room", "an item", "somebody who asks"])
def test_closing_lets_nobody_wait(waiting_for):
    box: Mailbox[int] = Mailbox(1)
    answers: list[object] = []
    waits = {
        "room": lambda: answers.append(box.put(2)),
        "an item": lambda: answers.append(box.take()),
        "somebody who asks": lambda: answers.append(box.asked_for(60)),
    }
    if waiting_for != "an item":
        box.put(1)
    thread = threading.Thread(target=waits[waiting_for], daemon=True)
    thread.start()
    box.close()
    thread.join(20)
    assert answers in ([False], [None])
    assert box.dropped == ([] if waiting_for == "an item" else [1])
    assert box.take() is None


def test_a_failure_is_met_after_what_came_before_it():
    box: Mailbox[int] = Mailbox(2)
    box.put(1)
    box.fail(KeyError("gone"))
    assert box.take() == 1
    for _ in range(2):
        with pytest.raises(KeyError):
            box.take()


def test_who_reads_only_on_demand_is_told_when_somebody_asks_in_vain():
    box: Mailbox[int] = Mailbox(2)
    assert not box.asked_for(0)
    box.put(1)
    box.take()
    assert not box.asked_for(0), "there was one"
    box.take(wait=False)
    assert box.asked_for(0)
    box.put(2)
    assert not box.asked_for(0)


def test_the_listener_hears_of_items_failures_and_the_end():
    heard: list[int] = []
    box: Mailbox[int] = Mailbox(2, lambda: heard.append(1))
    box.put(1)
    box.fail(KeyError())
    box.close()
    eventually(lambda: len(heard) == 3)
