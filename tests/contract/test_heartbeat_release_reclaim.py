"""heartbeat, release, reclaim, retire: what becomes of frames whose workers are slow, fail, crash or leave."""

from __future__ import annotations

import pytest
import redis

from posestream.keys import WORK_GROUP
from posestream.messages import Outcome
from tests.contract.roles import Roles

SILENT_MS = 60_000  # so long that no test's own pauses look like silence


def failures(roles: Roles) -> dict[str, str]:
    return {name: value for name, value in roles.state().items() if name.startswith(("failures:", "error:"))}


# heartbeat ------------------------------------------------------------------------------------------------------------


def test_a_heartbeat_keeps_a_frame_from_being_reclaimed(roles: Roles) -> None:
    roles.admit(0)
    token = roles.take()
    roles.age(token)
    assert roles.worker("other").stranded(SILENT_MS)

    assert roles.worker().heartbeat([token]) == {token.id}

    assert not roles.worker("other").stranded(SILENT_MS)
    assert roles.worker("other").reclaim(SILENT_MS, 3) is None


def test_a_heartbeat_does_not_raise_the_servers_delivery_count(roles: Roles) -> None:
    roles.admit(0)
    token = roles.take()
    for _ in range(3):
        roles.worker().heartbeat([token])
    assert roles.deliveries() == {token.id: 1}


def test_a_heartbeat_answers_what_is_still_this_workers_and_takes_nothing_over(roles: Roles) -> None:
    for position in range(3):
        roles.admit(position)
    mine, other, ended = roles.take("mine"), roles.take("other"), roles.take("mine")
    roles.worker("mine").finish(ended, Outcome.POSED, b"")
    roles.age(other)

    assert roles.worker("mine").heartbeat([mine, other, ended]) == {mine.id}

    assert roles.owners() == {mine.id: "mine", other.id: "other"}
    assert roles.worker("third").stranded(SILENT_MS)  # the other one's silence was not broken


def test_a_heartbeat_without_a_group_keeps_nothing(roles: Roles) -> None:
    roles.admit(0)
    token = roles.take()
    roles.client.xgroup_destroy(roles.keys.work, WORK_GROUP)
    assert roles.worker().heartbeat([token]) == set()


# release --------------------------------------------------------------------------------------------------------------


def test_a_frame_given_back_is_reclaimed_at_once_and_has_not_failed(roles: Roles) -> None:
    roles.admit(0)
    token = roles.take("leaving")
    roles.worker("leaving").release(token, 3)

    assert roles.worker("leaving").in_hand() == []
    assert roles.worker("next").take(block_ms=1) is None  # only reclaiming hands it out again
    assert roles.worker("next").stranded(SILENT_MS)
    assert roles.worker("next").reclaim(SILENT_MS, max_deliveries=1) == token
    assert failures(roles) == {}
    assert roles.deliveries() == {token.id: 1}


def test_giving_back_without_an_error_never_adds_up(roles: Roles) -> None:
    roles.admit(0)
    token = roles.take()
    for _ in range(10):
        roles.worker().release(token, 3)
        token = roles.worker().reclaim(SILENT_MS, 3)
        assert token is not None
    assert token.failures == 0


def test_giving_back_with_an_error_counts_as_a_failed_delivery(roles: Roles) -> None:
    frame_id = roles.admit(0)
    roles.worker().release(roles.take(), 3, "the model broke")
    token = roles.worker("next").reclaim(SILENT_MS, 3)
    assert token is not None
    assert token.failures == 1
    assert failures(roles) == {f"failures:{frame_id}": "1", f"error:{frame_id}": "the model broke"}


def test_the_last_failed_delivery_makes_a_dead_letter(roles: Roles) -> None:
    frame_id = roles.admit(0, image=b"poison")
    token = roles.take()
    for attempt in range(3):
        assert roles.operations.dead_letters() == []
        roles.worker().release(token, 3, f"attempt {attempt}")
        token = roles.worker().reclaim(SILENT_MS, 3) or token

    (letter,) = roles.operations.dead_letters()
    assert (letter["id"], letter["reason"], letter["error"], letter["deliveries"]) == (
        str(frame_id),
        "failed",
        "attempt 2",
        "3",
    )
    ((_, stored),) = roles.client.xrange(roles.keys.dead)
    assert stored[b"image"] == b"poison"
    (record,) = roles.records()
    assert (record.outcome, record.data) == (Outcome.DEAD, b"failed")
    assert (failures(roles), roles.deliveries(), roles.frame_ids()) == ({}, {}, [])


def test_an_error_without_text_is_still_an_error(roles: Roles) -> None:
    roles.admit(0)
    roles.worker().release(roles.take(), 1, "")
    assert [letter["reason"] for letter in roles.operations.dead_letters()] == ["failed"]


def test_only_the_owner_gives_a_frame_back(roles: Roles) -> None:
    roles.admit(0)
    token = roles.take("owner")
    before = roles.snapshot()
    assert roles.call("release", "other", token.id, 1, "error") == [b"lost", b"owner"]
    assert roles.snapshot() == before
    assert roles.owners() == {token.id: "owner"}


def test_giving_back_twice_is_lost_and_counts_once(roles: Roles) -> None:
    frame_id = roles.admit(0)
    token = roles.take()
    assert roles.call("release", "worker", token.id, 3, "error") == [b"released"]
    assert roles.call("release", "worker", token.id, 3, "error") == [b"lost", b"-released-"]
    assert failures(roles)[f"failures:{frame_id}"] == "1"


# reclaim --------------------------------------------------------------------------------------------------------------


def test_a_silent_workers_frame_is_taken_over_and_has_failed_once(roles: Roles) -> None:
    frame_id = roles.admit(0)
    token = roles.take("crashed")
    roles.age(token)

    taken = roles.worker("next").reclaim(SILENT_MS, 3)

    assert taken is not None
    assert (taken.id, taken.frame_id, taken.seq, taken.failures) == (token.id, frame_id, 1, 1)
    assert roles.owners() == {token.id: "next"}
    assert roles.deliveries() == {token.id: 1}  # the count that matters is our own
    assert failures(roles)[f"error:{frame_id}"] == "worker crashed went silent"


def test_frames_of_workers_that_are_heard_of_are_left_to_them(roles: Roles) -> None:
    roles.admit(0)
    token = roles.take("busy")
    assert roles.worker("next").reclaim(SILENT_MS, 3) is None
    assert not roles.worker("next").stranded(SILENT_MS)
    assert roles.owners() == {token.id: "busy"}


def test_frames_that_wait_are_not_reclaimed(roles: Roles) -> None:
    roles.admit(0)
    assert roles.worker().reclaim(0, 3) is None


def test_one_frame_is_reclaimed_at_a_time_and_is_young_again(roles: Roles) -> None:
    for position in range(3):
        roles.admit(position)
        roles.age(roles.take("crashed"))

    first = roles.worker("next").reclaim(SILENT_MS, 3)

    assert first is not None
    assert sorted(roles.owners().values()) == ["crashed", "crashed", "next"]
    seqs = {token.seq for token in (first, *(roles.worker("next").reclaim(SILENT_MS, 3) for _ in range(2))) if token}
    assert seqs == {1, 2, 3}
    assert roles.worker("next").reclaim(SILENT_MS, 3) is None


def test_a_frame_that_crashed_too_many_workers_is_dead_and_only_it(roles: Roles) -> None:
    poison = roles.admit(0, image=b"poison")
    innocent = roles.admit(1)
    token = roles.take("victim-0")
    for attempt in range(2):
        roles.age(token)
        token = roles.worker(f"victim-{attempt + 1}").reclaim(SILENT_MS, 3)
        assert token is not None
    roles.age(token)
    neighbour = roles.take("victim-2")
    roles.age(neighbour)

    taken = roles.worker("survivor").reclaim(SILENT_MS, 3)

    assert taken is not None
    assert (taken.frame_id, taken.failures) == (innocent, 1)
    (letter,) = roles.operations.dead_letters()
    assert (letter["id"], letter["reason"], letter["deliveries"]) == (str(poison), "crashed", "3")
    assert letter["error"] == "worker victim-2 went silent"


def test_many_dead_frames_in_a_row_do_not_hide_that_more_are_stranded(roles: Roles) -> None:
    for position in range(20):
        roles.admit(position)
        roles.age(roles.take("crashed"))
    assert roles.worker("next").reclaim(SILENT_MS, 1) is None
    assert roles.worker("next").stranded(SILENT_MS)
    assert roles.worker("next").reclaim(SILENT_MS, 1) is None
    assert not roles.worker("next").stranded(SILENT_MS)
    assert len(roles.operations.dead_letters()) == 20
    assert roles.operations.status().cameras["cam"].conserved


def test_tokens_whose_entries_were_deleted_are_passed_over_and_forgotten(roles: Roles) -> None:
    for position in range(2):
        roles.admit(position)
    deleted, kept = roles.take("crashed"), roles.take("crashed")
    for token in (deleted, kept):
        roles.age(token)
    roles.client.xdel(roles.keys.work, deleted.id)

    taken = roles.worker("next").reclaim(SILENT_MS, 3)

    assert taken is not None
    assert taken.id == kept.id
    assert roles.owners() == {kept.id: "next"}


def test_without_a_group_nothing_is_stranded(roles: Roles) -> None:
    roles.client.xgroup_destroy(roles.keys.work, WORK_GROUP)
    assert not roles.worker().stranded(0)
    assert roles.worker().reclaim(0, 3) is None
    assert roles.worker().retire_absent(0) == 0


# retire ---------------------------------------------------------------------------------------------------------------


def test_a_consumer_is_removed_only_with_empty_hands(roles: Roles) -> None:
    roles.admit(0)
    token = roles.take("leaving")
    roles.worker("leaving").retire()
    assert roles.consumers() == {"leaving"}
    assert roles.owners() == {token.id: "leaving"}

    roles.worker("leaving").finish(token, Outcome.POSED, b"")
    roles.worker("leaving").retire()
    assert roles.consumers() == set()


def test_a_consumer_that_retires_leaves_the_others(roles: Roles) -> None:
    for position, name in enumerate(("a", "b")):
        roles.admit(position)
        roles.worker(name).finish(roles.take(name), Outcome.POSED, b"")
    roles.worker("a").retire()
    roles.worker("never came").retire()
    assert roles.consumers() == {"b"}


def test_absent_consumers_are_removed_unless_they_hold_something(roles: Roles) -> None:
    for position, name in enumerate(("crashed", "gone")):
        roles.admit(position)
        token = roles.take(name)
    roles.worker("gone").finish(token, Outcome.POSED, b"")
    assert roles.worker("next").retire_absent(SILENT_MS) == 0
    assert roles.worker("next").retire_absent(0) == 1
    assert roles.consumers() == {"crashed"}


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        ("heartbeat", ["worker", "token"], "id"),
        ("release", ["worker"], "max deliveries"),
        ("release", ["worker", "token", "3"], "id"),
        ("release", ["worker", "1-0", "few"], "max deliveries"),
        ("reclaim", ["worker"], "idle"),
        ("reclaim", ["worker", "-1", "3"], "idle"),
        ("reclaim", ["worker", "1000"], "max deliveries"),
        ("retire", [], "idle"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it_and_changes_nothing(
    roles: Roles, function: str, arguments: list[str], named: str
) -> None:
    roles.admit(0)
    roles.take()
    before = roles.snapshot()
    with pytest.raises(redis.exceptions.ResponseError, match=rf"^BADARG {named}:"):
        roles.call(function, *arguments)
    assert roles.snapshot() == before
