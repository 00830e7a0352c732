"""lead: one tracker at a time may publish, and each new one's epoch is larger than all before."""

from __future__ import annotations

import pytest
import redis

from posestream.broker import Leadership, Mismatch
from tests.contract.roles import Roles, eventually


def test_the_first_to_ask_leads_with_the_servers_time_as_its_epoch(roles: Roles) -> None:
    before = roles.shard.server_ms()
    epoch = roles.lead()
    assert before <= epoch <= roles.shard.server_ms()
    status = roles.operations.status()
    assert (status.tracker, status.epoch) == ("tracker", epoch)


def test_the_leader_renews_without_a_new_epoch(roles: Roles) -> None:
    assert roles.lead() == roles.lead()


def test_others_stand_by_and_are_told_who_leads_and_for_how_long(roles: Roles) -> None:
    roles.lead("first")
    before = roles.snapshot()
    answer = roles.results.lead("second", 60_000)
    assert (answer.epoch, answer.holder) == (None, "first")
    assert 0 < answer.left_ms <= 60_000
    assert roles.snapshot() == before


def test_a_lease_that_ran_out_goes_to_the_next_under_a_larger_epoch(roles: Roles) -> None:
    first = roles.results.lead("first", 1).epoch
    assert first is not None
    second = eventually(lambda: roles.results.lead("second", 60_000).epoch)
    assert second > first
    assert roles.results.lead("first", 60_000).holder == "second"


def test_the_epoch_of_who_led_before_publishes_nothing(roles: Roles) -> None:
    zombie = roles.results.lead("zombie", 1).epoch
    assert zombie is not None
    epoch = eventually(lambda: roles.results.lead("second", 60_000).epoch)
    roles.admit(0)
    roles.finish_next()
    before = roles.snapshot()
    assert roles.results.publish(zombie, 1000, [roles.release_all()]) == Mismatch("epoch", str(epoch))
    assert roles.snapshot() == before


def test_a_leader_whose_lease_ran_out_goes_on_when_nobody_has_taken_over(roles: Roles) -> None:
    first = roles.lead()
    assert roles.results.lead("tracker", 0).epoch == first
    assert roles.lead() == first


def test_giving_the_lease_up_lets_the_next_one_lead_at_once(roles: Roles) -> None:
    first = roles.lead("first")
    roles.results.lead("first", 0)
    assert roles.operations.status().tracker == ""
    assert roles.lead("second") > first


@pytest.mark.parametrize("led_before", [False, True])
def test_who_does_not_lead_gives_nothing_up(roles: Roles, led_before: bool) -> None:
    if led_before:
        roles.lead("first")
        roles.results.lead("first", 0)
    before = roles.snapshot()
    assert roles.results.lead("standby", 0) == Leadership(None, "first" if led_before else "", 0)
    assert roles.snapshot() == before


def test_epochs_increase_through_many_changes_of_leader_within_a_millisecond(roles: Roles) -> None:
    epochs = []
    for turn in range(50):
        epochs.append(roles.lead(f"tracker-{turn}"))
        roles.results.lead(f"tracker-{turn}", 0)
    assert epochs == sorted(set(epochs))


def test_epochs_increase_though_the_lease_was_flushed_away(roles: Roles) -> None:
    before = roles.lead("before")
    roles.client.delete(roles.keys.tracker)
    eventually(lambda: roles.shard.server_ms() > before)
    assert roles.lead("after") > before


def test_epochs_increase_though_the_servers_clock_went_back(roles: Roles) -> None:
    ahead = roles.shard.server_ms() + 3_600_000
    roles.client.hset(roles.keys.tracker, mapping={"holder": "before", "epoch": ahead, "expires": 0})
    assert roles.lead("after") == ahead + 1


def test_a_lease_that_is_not_a_number_is_an_error_that_says_so(roles: Roles) -> None:
    before = roles.snapshot()
    for arguments in (["tracker"], ["tracker", "-1"], ["tracker", "long"]):
        with pytest.raises(redis.exceptions.ResponseError, match=r"^BADARG lease:"):
            roles.call("lead", *arguments)
    assert roles.snapshot() == before
