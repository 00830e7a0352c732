"""remove: a camera goes at once, with everything of it, and nothing else goes with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis

from posestream.broker import Refusal
from posestream.messages import Outcome
from tests.contract.roles import LIVE, Roles


def fill(roles: Roles, camera: str) -> None:
    """Bring a camera into a state with something of everything."""
    request = replace(LIVE, camera=camera)
    roles.intake.register(camera, "producer", 60_000, {"source": camera})
    for position in range(7):
        roles.admit(position, request)
        if position == 0:
            roles.finish_next()
            roles.publish_all(camera)
        elif position == 1:
            roles.finish_next(b"corrupt", Outcome.DEAD)
        elif position == 2:
            roles.worker().release(roles.take(), 3, "broke")


def keys_of(roles: Roles, camera: str) -> set[bytes]:
    return {key for key in roles.snapshot() if key.endswith(f":{camera}".encode())}


def test_a_camera_goes_with_its_tokens_records_dead_letters_and_keys(roles: Roles) -> None:
    fill(roles, "cam")
    assert len(keys_of(roles, "cam")) == 5

    assert roles.operations.remove("cam", force=True) is True

    assert keys_of(roles, "cam") == set()
    status = roles.operations.status()
    assert (status.work, status.results, status.dead, status.bytes, status.cameras) == (0, 0, 0, 0, {})
    assert roles.deliveries() == {}
    assert roles.operations.descriptions() == {}


def test_other_cameras_keep_everything(roles: Roles) -> None:
    fill(roles, "other")
    fill(roles, "cam")
    before = {key: content for key, content in roles.snapshot().items() if not key.endswith((b":cam", b":shard"))}
    for stream in (roles.keys.work, roles.keys.results, roles.keys.dead):
        entries = before[stream.encode()]
        before[stream.encode()] = [entry for entry in entries if entry[1][b"camera"] == b"other"]
        assert before[stream.encode()]
    before[roles.keys.cameras.encode()] = [row for row in before[roles.keys.cameras.encode()] if row[0] == b"other"]

    roles.operations.remove("cam", force=True)

    after = {key: content for key, content in roles.snapshot().items() if not key.endswith(b":shard")}
    assert after == before
    assert roles.counted_bytes() == roles.measured_bytes()
    assert roles.operations.status().cameras["other"].conserved


def test_a_camera_that_a_producer_holds_is_kept_unless_forced(roles: Roles) -> None:
    roles.admit(0)
    before = roles.snapshot()
    refusal = roles.operations.remove("cam")
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.detail.split()[0]) == ("held", "producer")
    assert roles.snapshot() == before

    assert roles.operations.remove("cam", force=True) is True


def test_a_camera_whose_producer_left_is_removed_without_force(roles: Roles) -> None:
    roles.admit(0)
    roles.intake.end(LIVE, complete=False)
    assert roles.operations.remove("cam") is True


def test_a_camera_that_never_had_a_frame_is_removed(roles: Roles) -> None:
    roles.intake.register("cam", "producer", 0, {"source": "file"})
    assert roles.operations.remove("cam") is True
    assert keys_of(roles, "cam") == set()


def test_removing_a_camera_that_is_not_there_says_so_and_makes_no_key(roles: Roles) -> None:
    before = roles.snapshot()
    assert roles.operations.remove("nowhere") is False
    assert roles.snapshot() == before


def test_removing_twice_says_that_it_is_gone(roles: Roles) -> None:
    roles.admit(0)
    assert roles.operations.remove("cam", force=True) is True
    assert roles.operations.remove("cam", force=True) is False


def test_a_worker_with_a_frame_of_a_removed_camera_in_hand_learns_that_it_is_lost(roles: Roles) -> None:
    roles.admit(0)
    token = roles.take()
    roles.operations.remove("cam", force=True)
    before = roles.snapshot()

    assert roles.worker().finish(token, Outcome.POSED, b"") is False
    roles.worker().release(token, 1, "error")
    assert roles.worker().reclaim(0, 1) is None
    assert roles.snapshot() == before


def test_a_removed_camera_starts_anew(roles: Roles) -> None:
    fill(roles, "cam")
    roles.operations.remove("cam", force=True)
    answer = roles.offer(0)
    assert (answer.seq, answer.unfinished, answer.repeated) == (1, 1, False)
    assert roles.operations.status().cameras["cam"].conserved


def test_long_streams_are_cleared_of_one_camera_only(roles: Roles) -> None:
    for position in range(250):
        for camera in ("cam", "other"):
            roles.admit(position, replace(LIVE, camera=camera, depth=1))
    assert roles.client.xlen(roles.keys.results) == 498
    roles.operations.remove("cam", force=True)
    assert {record.camera for record in roles.records()} == {"other"}
    assert roles.client.xlen(roles.keys.results) == 249


def test_a_wrong_name_is_an_error_that_says_so(roles: Roles) -> None:
    with pytest.raises(redis.exceptions.ResponseError, match=r"^BADARG camera:"):
        roles.call("remove", "a{b}")
