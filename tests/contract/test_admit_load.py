"""admit under load: a live camera's newer frames take the places of older ones, and nobody exceeds the limits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posestream.errors import BrokerError
from posestream.messages import Outcome, Policy
from tests.contract.roles import LIVE, LOSSLESS, Roles


def test_the_oldest_waiting_frame_of_a_live_camera_makes_room_and_leaves_a_record(roles: Roles) -> None:
    request = replace(LIVE, depth=2)
    oldest, *kept = [roles.admit(position, request) for position in range(3)]

    assert roles.frame_ids() == kept
    assert [roles.take_and_load()[0].frame_id for _ in kept] == kept
    (record,) = roles.records()
    assert (record.camera, record.frame_id, record.seq) == ("cam", oldest, 1)
    assert (record.policy, record.outcome, record.data) == (Policy.LIVE, Outcome.SUPERSEDED, b"")
    assert roles.client.xlen(roles.keys.work) == roles.client.zcard(roles.keys._key("tokens:cam")) == 2
    assert roles.counted_bytes() == roles.measured_bytes()


def test_newer_frames_keep_their_cameras_places_in_the_queue(roles: Roles) -> None:
    """Else a camera that sends faster than the others would queue up anew again and again, and never be served."""
    fast, slow = (replace(LIVE, camera=camera, depth=2) for camera in ("fast", "slow"))
    roles.admit(0, fast)
    first_of_slow = roles.admit(0, slow)
    newest = [roles.admit(position, fast) for position in range(1, 6)][-2:]

    taken = [roles.take_and_load() for _ in range(3)]
    assert [(token.camera, token.frame_id) for token, _ in taken] == [
        ("fast", newest[0]), ("slow", first_of_slow), ("fast", newest[1])
    ]  # fmt: skip
    assert [token.seq for token, _ in taken] == [5, 1, 6]


def test_a_frame_that_moved_up_comes_with_its_own_pixels_and_its_own_time_to_expire(roles: Roles) -> None:
    request = replace(LIVE, depth=1, max_age_ms=5000)
    roles.admit(0, request, image=b"old")
    newer = roles.admit(1, request, image=b"new")

    token, frame = roles.take_and_load()
    assert frame is not None
    assert (frame.image, token.frame_id, token.seq, token.expires_ms) == (b"new", newer, 2, newer.ms + 5000)
    assert roles.worker().load(token) == (token, frame)
    assert [held.id for held in roles.worker().in_hand()] == [token.id]
    assert roles.worker().finish(token, Outcome.POSED, b"pose")
    assert [(record.frame_id, record.seq, record.outcome) for record in roles.records()][-1] == (
        newer,
        2,
        Outcome.POSED,
    )
    assert not [field for field in roles.state() if field.startswith("frame:")]


def test_a_frame_that_moved_up_and_was_given_back_is_reclaimed_as_itself(roles: Roles) -> None:
    request = replace(LIVE, depth=1)
    newest = [roles.admit(position, request) for position in range(3)][-1]
    roles.worker().release(roles.take(), 3)
    token = roles.worker("next").reclaim(60_000, 3)
    assert token is not None
    assert (token.frame_id, token.seq) == (newest, 3)


def test_a_frame_that_is_refused_after_others_made_room_leaves_no_empty_place(roles: Roles) -> None:
    request = replace(LIVE, depth=2)
    kept = [roles.admit(position, request) for position in range(2)][1]
    roles.operations.set_limits({"max_bytes": 50_000})
    assert roles.refused(2, request, image=b"x" * 100_000).reason == "backlog"
    assert roles.client.xlen(roles.keys.work) == 1
    assert roles.take_and_load()[0].frame_id == kept


def test_a_live_camera_has_only_so_many_places(roles: Roles) -> None:
    with pytest.raises(BrokerError, match="depth: of a live camera at most 64 frames wait"):
        roles.admit(0, replace(LIVE, depth=65))


def test_a_frame_in_hand_is_never_superseded(roles: Roles) -> None:
    request = replace(LIVE, depth=1)
    in_hand = roles.admit(0, request)
    token = roles.take()
    waiting = [roles.admit(position, request) for position in (1, 2, 3)]

    assert [record.frame_id for record in roles.records()] == waiting[:2]
    assert roles.frame_ids() == [in_hand, waiting[2]]
    assert roles.worker().finish(token, Outcome.POSED, b"")


def test_a_frame_that_was_given_back_is_not_superseded_either(roles: Roles) -> None:
    request = replace(LIVE, depth=1)
    given_back = roles.admit(0, request)
    roles.worker().release(roles.take(), 3)
    roles.admit(1, request)
    newest = roles.admit(2, request)
    assert roles.frame_ids() == [given_back, newest]


def test_superseding_leaves_other_cameras_alone(roles: Roles) -> None:
    other = roles.admit(0, replace(LIVE, camera="other", depth=1))
    for position in range(3):
        roles.admit(position, replace(LIVE, depth=1))
    assert roles.frame_ids("other") == [other]
    assert {record.camera for record in roles.records()} == {"cam"}


def test_a_lowered_depth_is_reached_with_the_next_admission(roles: Roles) -> None:
    admitted = [roles.admit(position, replace(LIVE, depth=4)) for position in range(4)]
    newest = roles.admit(4, replace(LIVE, depth=2))
    assert roles.frame_ids() == [admitted[3], newest]
    assert [record.frame_id for record in roles.records()] == admitted[:3]


def test_a_lossless_camera_is_full_until_frames_are_published(roles: Roles) -> None:
    request = replace(LOSSLESS, depth=2)
    roles.admit(0, request)
    roles.admit(1, request)
    assert roles.intake.unfinished("cam") == 2

    assert roles.refused(2, request).detail == "2"
    roles.finish_next()
    refusal = roles.refused(2, request)
    assert (refusal.reason, refusal.detail) == ("full", "2")
    assert len(roles.frame_ids()) == 1

    roles.publish_all()
    assert roles.intake.unfinished("cam") == 1
    roles.admit(2, request)


def test_the_shard_takes_no_more_frames_than_its_limit_of_records(roles: Roles) -> None:
    roles.operations.set_limits({"max_records": 2})
    roles.admit(0)
    roles.finish_next()
    roles.admit(1)
    refusal = roles.refused(2)
    assert (refusal.reason, refusal.detail) == ("backlog", "records")
    assert roles.refused(0, replace(LIVE, camera="other")).reason == "backlog"
    assert roles.frame_ids("other") == []


def test_the_shard_takes_no_more_pixels_than_its_limit_of_bytes(roles: Roles) -> None:
    roles.operations.set_limits({"max_bytes": 100_000})
    first = roles.admit(0, image=b"x" * 60_000)
    refusal = roles.refused(0, replace(LIVE, camera="other"), image=b"x" * 60_000)
    assert (refusal.reason, refusal.detail) == ("backlog", "bytes")

    assert roles.frame_ids() == [first]
    assert roles.frame_ids("other") == []
    assert roles.counted_bytes() == roles.measured_bytes() < 100_000


def test_a_live_camera_stays_within_the_limit_of_bytes_by_superseding(roles: Roles) -> None:
    roles.operations.set_limits({"max_bytes": 100_000})
    for position in range(4):
        roles.admit(position, replace(LIVE, depth=1), image=b"x" * 60_000)
    assert len(roles.frame_ids()) == 1


def test_refusals_are_counted_by_reason_and_are_no_admissions(roles: Roles) -> None:
    roles.admit(0, LOSSLESS)
    roles.refused(5, LOSSLESS)
    roles.refused(5, LOSSLESS)
    roles.refused(1, replace(LOSSLESS, depth=1))
    status = roles.operations.status().cameras["cam"]
    assert (status.admitted, status.refused) == (1, {"gap": 2, "full": 1})
    assert status.conserved
