"""requeue and purge: what an operator does with dead letters; and the letters that the tracker makes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posestream.broker import Refusal, ReleasedRecord
from posestream.keys import FrameId
from posestream.messages import Outcome
from tests.contract.roles import LIVE, LOSSLESS, Roles


def bury(roles: Roles, position: int = 0, image: bytes = b"pixels", **options: object) -> str:
    """Admit a frame and let it end as a dead letter; returns the letter's id."""
    roles.admit(position, image=image, **options)
    assert roles.worker().finish(roles.take(), Outcome.DEAD, "corrupt", "bad bytes")
    roles.publish_all()
    return roles.operations.dead_letters()[0]["letter"]


def test_a_requeued_frame_is_a_new_admission_with_the_same_pixels(roles: Roles) -> None:
    letter = bury(roles)
    old = roles.operations.dead_letters()[0]["id"]

    answer = roles.operations.requeue(letter)

    assert isinstance(answer, tuple)
    frame_id, seq = answer
    assert seq == 2
    assert FrameId.parse(frame_id) > FrameId.parse(old)
    assert roles.operations.dead_letters() == []
    token = roles.take()
    assert (token.frame_id, token.seq, token.expires_ms) == (FrameId.parse(frame_id), 2, 0)
    _, frame = roles.worker().load(token)
    assert frame is not None
    assert (frame.image, frame.meta) == (b"pixels", b"meta")
    status = roles.operations.status().cameras["cam"]
    assert (status.admitted, status.outcomes[Outcome.DEAD], status.in_flight) == (2, 1, 1)
    assert status.conserved


def test_a_requeued_frame_comes_out_behind_all_that_came_before_it(roles: Roles) -> None:
    letter = bury(roles)
    roles.admit(1)
    roles.operations.requeue(letter)
    roles.finish_next()
    roles.finish_next()
    roles.publish_all()

    poses = roles.poses.read("cam", FrameId(0), count=10)
    assert len(poses) == 2
    assert poses[0][0] < poses[1][0]
    assert roles.operations.status().cameras["cam"].conserved


def test_the_producers_run_goes_on_as_if_nothing_had_been_requeued(roles: Roles) -> None:
    letter = bury(roles, request=LOSSLESS)
    roles.operations.requeue(letter)

    assert roles.refused(2, LOSSLESS).reason == "gap"
    roles.admit(1, LOSSLESS, frame_id=FrameId(roles.shard.server_ms() + 5))
    assert roles.state()["run"] == "run"
    assert roles.state()["holder"] == "producer"


def test_a_letter_is_requeued_once(roles: Roles) -> None:
    letter = bury(roles)
    assert roles.operations.requeue(letter) is not None
    assert roles.operations.requeue(letter) is None
    assert roles.operations.status().cameras["cam"].admitted == 2


def test_a_letter_without_an_image_can_not_be_requeued(roles: Roles) -> None:
    letter = bury(roles, image=b"")
    before = roles.snapshot()

    answer = roles.operations.requeue(letter)

    assert isinstance(answer, Refusal)
    assert (answer.reason, answer.detail) == ("image", "corrupt")
    assert roles.snapshot() == before


@pytest.mark.parametrize(("limit", "detail"), [({"max_records": 1}, "records"), ({"max_bytes": 10}, "bytes")])
def test_a_full_shard_refuses_a_letter_and_keeps_it(roles: Roles, limit: dict[str, int], detail: str) -> None:
    letter = bury(roles)
    roles.admit(1)
    roles.operations.set_limits(limit)

    answer = roles.operations.requeue(letter)

    assert isinstance(answer, Refusal)
    assert (answer.reason, answer.detail) == ("backlog", detail)
    assert [kept["letter"] for kept in roles.operations.dead_letters()] == [letter]


def test_a_letter_is_shown_with_all_that_was_kept(roles: Roles) -> None:
    letter = bury(roles, image=b"some pixels")

    found = roles.operations.dead_letter(letter)

    assert found is not None
    facts, binary = found
    assert (facts["reason"], facts["error"], facts["image_bytes"]) == ("corrupt", "bad bytes", "11")
    assert binary == {"image": b"some pixels", "meta": b"meta"}
    assert roles.operations.dead_letter("1-1") is None


def test_purging_removes_some_or_a_cameras_or_all(roles: Roles) -> None:
    letters = [bury(roles, position) for position in range(3)]
    other = replace(LIVE, camera="other")
    roles.intake.admit(other, 0, roles.next_id(), b"pixels", b"")
    assert roles.worker().finish(roles.take(), Outcome.DEAD, "corrupt", "")

    assert roles.operations.purge(letters[0], "1-1") == 1
    assert roles.operations.purge(camera="other") == 1
    assert [kept["letter"] for kept in roles.operations.dead_letters()] == [letters[2], letters[1]]
    assert roles.operations.purge() == 2
    assert roles.operations.dead_letters() == []


def test_a_record_that_the_tracker_can_not_use_becomes_a_dead_letter_with_the_pose(roles: Roles) -> None:
    frame_id = roles.admit(0)
    roles.finish_next(b"no pose at all")
    release = roles.release_all()
    (released,) = release.records
    refused = [ReleasedRecord(released.record, Outcome.DEAD, b"not msgpack")]

    roles.results.publish(roles.lead(), 1000, [replace(release, records=refused)])

    (letter,) = roles.operations.dead_letters()
    assert (letter["id"], letter["reason"], letter["error"]) == (str(frame_id), "untrackable", "not msgpack")
    found = roles.operations.dead_letter(letter["letter"])
    assert found is not None
    assert found[1] == {"pose": b"no pose at all"}
    status = roles.operations.status().cameras["cam"]
    assert (status.outcomes[Outcome.DEAD], status.outcomes[Outcome.POSED], status.in_flight) == (1, 0, 0)
    assert roles.poses.read("cam", FrameId(0), count=10) == []


def test_a_frame_that_was_dead_already_makes_no_second_letter(roles: Roles) -> None:
    bury(roles)
    assert len(roles.operations.dead_letters()) == 1
