"""lead and try: how the next leader knows that a record has ended the ones before."""

from __future__ import annotations

import pytest
import redis

from posestream.broker import Mismatch
from posestream.broker.results import CameraProgress
from tests.contract.roles import Roles, eventually


def fruitless(roles: Roles, holder: str) -> int:
    """Let somebody lead, whose lease runs out at once; returns the leaders in a row that published nothing."""
    answer = eventually(lambda: (found := roles.results.lead(holder, 1)).epoch and found)
    return answer.fruitless


def test_leaders_that_end_without_having_published_are_counted(roles: Roles) -> None:
    assert [fruitless(roles, name) for name in "abc"] == [1, 2, 3]


def test_renewing_counts_as_the_same_leader(roles: Roles) -> None:
    roles.lead("a")
    assert roles.results.lead("a", 60_000).fruitless == 1


def test_publishing_anything_starts_the_count_anew(roles: Roles) -> None:
    fruitless(roles, "a")
    roles.admit(0)
    roles.finish_next()
    eventually(lambda: roles.results.lead("tracker", 60_000).epoch)
    roles.publish_all()
    roles.results.lead("tracker", 1)
    assert fruitless(roles, "c") == 1


def test_publishing_nothing_does_not(roles: Roles) -> None:
    fruitless(roles, "a")
    eventually(lambda: roles.results.lead("tracker", 60_000).epoch)
    assert roles.results.publish(roles.lead(), 1000, []) == 0
    assert roles.results.lead("tracker", 60_000).fruitless == 2


def test_a_leader_that_leaves_in_good_order_is_not_held_against_the_next(roles: Roles) -> None:
    fruitless(roles, "a")
    eventually(lambda: roles.results.lead("b", 60_000).epoch)
    roles.results.lead("b", 0)
    assert fruitless(roles, "c") == 1


def test_a_record_that_is_tried_again_and_again_is_counted_until_it_is_published(roles: Roles) -> None:
    roles.admit(0)
    roles.finish_next()
    (record,) = roles.records()
    epoch = roles.lead()

    for tries in (1, 2, 3):
        assert roles.results.announce(epoch, record) is None
        assert roles.results.progress(["cam"])["cam"] == CameraProgress(0, b"", record.id, tries)

    roles.publish_all()
    expected = CameraProgress(1, b"state", published_id=record.frame_id)
    assert roles.results.progress(["cam"])["cam"] == expected


def test_another_record_is_counted_from_one(roles: Roles) -> None:
    for position in range(2):
        roles.admit(position)
        roles.finish_next()
    first, second = roles.records()
    epoch = roles.lead()
    roles.results.announce(epoch, first)
    roles.results.announce(epoch, first)
    roles.results.announce(epoch, second)
    progress = roles.results.progress(["cam"])["cam"]
    assert (progress.trying, progress.tries) == (second.id, 1)


def test_only_the_leader_of_this_epoch_may_say_so(roles: Roles) -> None:
    roles.admit(0)
    roles.finish_next()
    (record,) = roles.records()
    epoch = roles.lead()
    before = roles.snapshot()

    assert roles.results.announce(epoch - 1, record) == Mismatch("epoch", str(epoch))
    assert roles.snapshot() == before


@pytest.mark.parametrize("arguments", [("1", "", "1-1"), ("1", "cam", "x"), ("1", "a b", "1-1")])
def test_wrong_arguments_change_nothing(roles: Roles, arguments: tuple[str, ...]) -> None:
    before = roles.snapshot()
    with pytest.raises(redis.exceptions.ResponseError, match="BADARG"):
        roles.call("try", *arguments)
    assert roles.snapshot() == before


def test_where_nobody_leads_no_epoch_is_the_right_one(roles: Roles) -> None:
    before = roles.snapshot()
    assert roles.call("try", "", "cam", "1-1") == [b"mismatch", b"epoch", b""]
    assert roles.call("publish", "", 1000) == [b"mismatch", b"epoch", b""]
    assert roles.snapshot() == before
