"""status: one consistent look at a shard."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis

from posestream.messages import Outcome
from tests.contract.roles import LIVE, LOSSLESS, Roles


def test_an_empty_shard_has_nothing_and_its_default_limits(roles: Roles) -> None:
    before = roles.snapshot()
    status = roles.operations.status()
    assert (status.work, status.results, status.dead, status.bytes) == (0, 0, 0, 0)
    assert (status.max_records, status.max_bytes, status.max_dead_bytes) == (100_000, 2**30, 2**26)
    assert (status.tracker, status.epoch, status.workers, status.cameras) == ("", 0, 0, {})
    assert roles.snapshot() == before


def test_limits_are_shown_as_set(roles: Roles) -> None:
    roles.operations.set_limits({"max_records": 10, "max_bytes": 20, "max_dead_bytes": 30})
    status = roles.operations.status()
    assert (status.max_records, status.max_bytes, status.max_dead_bytes) == (10, 20, 30)


def test_a_camera_is_counted_from_admission_to_outcome(roles: Roles) -> None:
    for position in range(4):
        roles.admit(position, replace(LIVE, depth=2), image=b"x" * 5000)
    roles.finish_next()
    roles.take()
    status = roles.operations.status()
    camera = status.cameras["cam"]

    assert (camera.policy, camera.admitted, camera.waiting, camera.tokens, camera.records) == ("live", 4, 0, 1, 3)
    assert (camera.in_flight, sum(camera.outcomes.values()), camera.holder) == (4, 0, "producer")
    assert (status.work, status.results, status.bytes) == (1, 3, camera.bytes)
    assert camera.bytes == roles.measured_bytes() > 5000
    assert 0 <= status.now_ms - camera.heard_ms < 60_000
    assert camera.conserved

    roles.publish_all()
    camera = roles.operations.status().cameras["cam"]
    assert (camera.outcomes[Outcome.SUPERSEDED], camera.outcomes[Outcome.POSED], camera.in_flight) == (2, 1, 1)
    assert camera.conserved


def test_cameras_can_be_asked_for_by_name(roles: Roles) -> None:
    for camera in "abc":
        roles.admit(0, replace(LOSSLESS, camera=camera))
    assert set(roles.operations.status().cameras) == {"a", "b", "c"}
    status = roles.operations.status("b", "nowhere")
    assert set(status.cameras) == {"b", "nowhere"}
    nowhere = status.cameras["nowhere"]
    assert (nowhere.admitted, nowhere.in_flight, nowhere.heard_ms, nowhere.policy) == (0, 0, 0, "")
    assert nowhere.conserved


def test_a_count_that_does_not_add_up_is_told(roles: Roles) -> None:
    roles.admit(0)
    roles.client.hincrby(roles.keys.state("cam"), "admitted", 1)
    assert not roles.operations.status().cameras["cam"].conserved


def test_a_tracker_whose_lease_ran_out_is_not_shown_as_leading(roles: Roles) -> None:
    epoch = roles.lead()
    roles.results.lead("tracker", 0)
    status = roles.operations.status()
    assert (status.tracker, status.epoch) == ("", epoch)


def test_workers_are_those_heard_of_and_not_where_frames_are_put_that_were_given_back(roles: Roles) -> None:
    roles.admit(0)
    token = roles.take("a")
    roles.worker("a").heartbeat([token])
    roles.worker("b").heartbeat([])
    roles.worker("a").release(token, 3)
    assert roles.operations.status().workers == 2
    roles.worker("b").retire()
    assert roles.operations.status().workers == 1


def test_dead_letters_are_listed_newest_first_without_their_images(roles: Roles) -> None:
    for position in range(3):
        roles.admit(position)
        roles.finish_next(b"corrupt", Outcome.DEAD)
    letters = roles.operations.dead_letters(count=2)
    assert [letter["seq"] for letter in letters] == ["3", "2"]
    assert all("image" not in letter and "meta" not in letter for letter in letters)


def test_a_wrong_name_is_an_error_that_says_so(roles: Roles) -> None:
    with pytest.raises(redis.exceptions.ResponseError, match=r"^BADARG camera:"):
        roles.call("status", "a b")
