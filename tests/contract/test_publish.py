"""publish: all or nothing, by the one who leads, each frame counted once and each pose published once, in order."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis

from posestream.broker import CameraProgress, CameraRelease, Mismatch, Record, ReleasedRecord, Shard, connect
from posestream.errors import BrokerUnavailableError
from posestream.keys import FrameId
from posestream.messages import Outcome
from tests.contract.lossy_proxy import LossyProxy
from tests.contract.roles import LIVE, Roles
from tests.servers import Server


def finish_frames(roles: Roles, count: int, camera: str = "cam", first: int = 0) -> list[Record]:
    """Admit and pose frames of a camera, and return their records."""
    for position in range(first, first + count):
        roles.admit(position, replace(LIVE, camera=camera))
        roles.finish_next(f"pose {position}".encode())
    return [record for record in roles.records() if record.camera == camera][-count:]


def release_of(
    records: list[Record], believed: int = 0, outcome: Outcome = Outcome.POSED, camera: str = "cam"
) -> CameraRelease:
    released = [ReleasedRecord(record, outcome, record.data) for record in records]
    return CameraRelease(camera, believed, max([believed, *(one.seq for one in records)]), b"state", released)


def test_publishing_adds_the_pose_under_the_frames_id_counts_it_and_moves_on(roles: Roles) -> None:
    records = finish_frames(roles, 2)

    assert roles.results.publish(roles.lead(), 1000, [release_of(records)]) == 2

    assert roles.poses.read("cam", FrameId(0), count=10) == [
        (record.frame_id, f"pose {position}".encode()) for position, record in enumerate(records)
    ]
    assert roles.poses.newest({"cam": None})["cam"].id == records[1].frame_id
    assert roles.records() == []
    expected = CameraProgress(2, b"state", published_id=records[1].frame_id)
    assert roles.results.progress(["cam"]) == {"cam": expected}
    status = roles.operations.status().cameras["cam"]
    assert (status.outcomes[Outcome.POSED], status.in_flight) == (2, 0)
    assert status.conserved


@pytest.mark.parametrize("outcome", [Outcome.SUPERSEDED, Outcome.STALE, Outcome.LATE, Outcome.DEAD])
def test_only_posed_frames_are_published_the_others_are_counted(roles: Roles, outcome: Outcome) -> None:
    records = finish_frames(roles, 1)
    assert roles.results.publish(roles.lead(), 1000, [release_of(records, outcome=outcome)]) == 1
    assert roles.poses.read("cam", FrameId(0), count=10) == []
    assert roles.poses.newest({"cam": None}) == {}
    outcomes = roles.operations.status().cameras["cam"].outcomes
    assert {name: count for name, count in outcomes.items() if count} == {outcome: 1}


def test_an_outcome_is_counted_when_published_and_not_before(roles: Roles) -> None:
    finish_frames(roles, 1)
    status = roles.operations.status().cameras["cam"]
    assert (sum(status.outcomes.values()), status.records) == (0, 1)


def test_a_frame_that_comes_late_is_counted_without_moving_what_is_released(roles: Roles) -> None:
    records = finish_frames(roles, 2)
    epoch = roles.lead()
    assert roles.results.publish(epoch, 1000, [release_of(records[1:])]) == 1

    assert roles.results.publish(epoch, 1000, [release_of(records[:1], believed=2, outcome=Outcome.LATE)]) == 1

    assert [frame_id for frame_id, _ in roles.poses.read("cam", FrameId(0), count=10)] == [records[1].frame_id]
    assert roles.results.progress(["cam"])["cam"].released == 2
    assert roles.operations.status().cameras["cam"].conserved


def test_several_cameras_are_published_in_one_call(roles: Roles) -> None:
    releases = [release_of(finish_frames(roles, 2, camera), camera=camera) for camera in ("a", "b", "c")]
    assert roles.results.publish(roles.lead(), 1000, releases) == 6
    assert {camera: len(roles.poses.read(camera, FrameId(0), count=10)) for camera in "abc"} == dict.fromkeys("abc", 2)


def test_a_release_without_records_saves_the_trackers_state(roles: Roles) -> None:
    finish_frames(roles, 1)
    assert roles.results.publish(roles.lead(), 1000, [CameraRelease("cam", 0, 1, b"\x00\xff", [])]) == 0
    assert roles.results.progress(["cam"]) == {"cam": CameraProgress(1, b"\x00\xff")}


# Nothing at all changes -----------------------------------------------------------------------------------------------


def test_another_epoch_changes_nothing(roles: Roles) -> None:
    records = finish_frames(roles, 1)
    epoch = roles.lead()
    before = roles.snapshot()
    for wrong in (epoch - 1, epoch + 1, 0):
        answer = roles.results.publish(wrong, 1000, [release_of(records)])
        assert answer == Mismatch("epoch", str(epoch))
    assert roles.snapshot() == before


def test_without_a_leader_nothing_is_published(roles: Roles) -> None:
    records = finish_frames(roles, 1)
    before = roles.snapshot()
    assert roles.results.publish(0, 1000, [release_of(records)]) == Mismatch("epoch", "")
    assert roles.snapshot() == before


@pytest.mark.parametrize("believed", [0, 2])
def test_another_released_number_changes_nothing(roles: Roles, believed: int) -> None:
    records = finish_frames(roles, 2)
    epoch = roles.lead()
    roles.results.publish(epoch, 1000, [release_of(records[:1])])
    before = roles.snapshot()

    assert roles.results.publish(epoch, 1000, [release_of(records[1:], believed)]) == Mismatch("released", "cam 1")

    assert roles.snapshot() == before


def test_one_camera_that_does_not_match_holds_back_the_whole_call(roles: Roles) -> None:
    good = release_of(finish_frames(roles, 1, "good"), camera="good")
    bad = release_of(finish_frames(roles, 1, "bad"), believed=7, camera="bad")
    epoch = roles.lead()
    before = roles.snapshot()
    for releases in ([good, bad], [bad, good]):
        assert roles.results.publish(epoch, 1000, releases) == Mismatch("released", "bad 0")
    assert roles.snapshot() == before


def test_a_camera_that_was_removed_holds_back_the_whole_call_and_is_not_brought_back(roles: Roles) -> None:
    good = release_of(finish_frames(roles, 1, "good"), camera="good")
    gone = release_of(finish_frames(roles, 1, "gone"), camera="gone")
    epoch = roles.lead()
    roles.operations.remove("gone", force=True)
    before = roles.snapshot()
    assert roles.results.publish(epoch, 1000, [good, gone]) == Mismatch("released", "gone ")
    assert roles.snapshot() == before


def test_poses_out_of_order_change_nothing(roles: Roles) -> None:
    records = finish_frames(roles, 2)
    epoch = roles.lead()
    before = roles.snapshot()
    answer = roles.results.publish(epoch, 1000, [release_of(records[::-1])])
    assert answer == Mismatch("order", f"cam {records[1].frame_id}")
    assert roles.snapshot() == before


def test_a_pose_that_is_not_newer_than_the_last_published_changes_nothing(roles: Roles) -> None:
    records = finish_frames(roles, 2)
    epoch = roles.lead()
    roles.results.publish(epoch, 1000, [release_of(records[1:])])
    before = roles.snapshot()
    answer = roles.results.publish(epoch, 1000, [release_of(records[:1], believed=2)])
    assert answer == Mismatch("order", f"cam {records[1].frame_id}")
    assert roles.snapshot() == before


def test_the_order_of_poses_holds_though_the_published_ones_were_trimmed_away(roles: Roles) -> None:
    records = finish_frames(roles, 2)
    epoch = roles.lead()
    roles.results.publish(epoch, 1000, [release_of(records[1:])])
    roles.client.delete(roles.keys.poses("cam"))
    assert isinstance(roles.results.publish(epoch, 1000, [release_of(records[:1], believed=2)]), Mismatch)


# Repeats --------------------------------------------------------------------------------------------------------------


def test_publishing_the_same_again_counts_nothing(roles: Roles) -> None:
    records = finish_frames(roles, 2)
    epoch = roles.lead()
    roles.results.publish(epoch, 1000, [release_of(records)])
    before = roles.snapshot()
    assert roles.results.publish(epoch, 1000, [release_of(records)]) == Mismatch("released", "cam 2")
    assert roles.snapshot() == before


def test_counting_a_late_frame_twice_counts_it_once(roles: Roles) -> None:
    records = finish_frames(roles, 2)
    epoch = roles.lead()
    roles.results.publish(epoch, 1000, [release_of(records[1:])])
    late = release_of(records[:1], believed=2, outcome=Outcome.LATE)
    assert roles.results.publish(epoch, 1000, [late]) == 1
    assert roles.results.publish(epoch, 1000, [late]) == 0
    assert roles.operations.status().cameras["cam"].outcomes[Outcome.LATE] == 1


def test_a_record_named_twice_in_one_call_is_counted_once(roles: Roles) -> None:
    (record,) = finish_frames(roles, 1)
    assert roles.results.publish(roles.lead(), 1000, [release_of([record, record], outcome=Outcome.DEAD)]) == 1
    assert roles.operations.status().cameras["cam"].conserved


def test_a_tracker_that_lost_the_reply_finds_everything_published_once(server: Server, roles: Roles) -> None:
    records = finish_frames(roles, 2)
    epoch = roles.lead()
    with LossyProxy(server.port) as proxy:
        tracker = Roles(Shard(connect(proxy.url, name="tracker"), roles.keys)).results
        proxy.lose_reply_to("posestream1_publish")
        with pytest.raises(BrokerUnavailableError):
            tracker.publish(epoch, 1000, [release_of(records)])
        assert proxy.requests("posestream1_publish") == 1
        assert isinstance(tracker.publish(epoch, 1000, [release_of(records)]), Mismatch)
        expected = CameraProgress(2, b"state", published_id=records[1].frame_id)
        assert tracker.progress(["cam"]) == {"cam": expected}
        assert tracker.read(FrameId(0), count=10) == []
    assert [frame_id for frame_id, _ in roles.poses.read("cam", FrameId(0), count=10)] == [
        record.frame_id for record in records
    ]
    assert roles.operations.status().cameras["cam"].outcomes[Outcome.POSED] == 2


# Retention and reading ------------------------------------------------------------------------------------------------


def test_a_camera_keeps_about_as_many_poses_as_the_tracker_retains(roles: Roles) -> None:
    records = finish_frames(roles, 450)
    epoch, believed = roles.lead(), 0
    for start in range(0, 450, 50):
        release = release_of(records[start : start + 50], believed)
        assert roles.results.publish(epoch, 120, [release]) == 50
        believed = release.released
    kept = roles.poses.read("cam", FrameId(0), count=1000)
    assert 120 <= len(kept) < 120 + 100  # a stream is trimmed by nodes of 100 entries
    assert kept[-1][0] == records[-1].frame_id


def test_reading_continues_after_an_id_and_in_pieces(roles: Roles) -> None:
    records = finish_frames(roles, 3)
    first_two = roles.results.read(FrameId(0), count=2)
    assert [*first_two, *roles.results.read(first_two[-1].id, count=2)] == records

    roles.publish_all()
    (first,) = roles.poses.read("cam", FrameId(0), count=1)
    assert [frame_id for frame_id, _ in roles.poses.read("cam", first[0], count=5)] == [
        record.frame_id for record in records[1:]
    ]


def test_reading_what_is_not_there_waits_and_answers_nothing(roles: Roles) -> None:
    assert roles.results.read(FrameId(0), count=1, block_ms=1) == []
    assert roles.poses.read("nowhere", FrameId(0), count=1, block_ms=1) == []
    assert roles.results.progress(["nowhere"]) == {"nowhere": CameraProgress(0, b"")}
    assert roles.results.progress([]) == {}


# Wrong arguments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["cam"], "records"),
        (["two words", "0", "1", "", "0"], "camera"),
        (["cam", "0", "1", "", "many"], "records"),
        (["cam", "0", "first", "", "0"], "released"),
        (["cam", "0", "1", "", "1"], "record"),
        (["cam", "0", "1", "", "1", "{record}", "{frame}", "posed"], "record"),
        (["cam", "0", "1", "", "1", "{record}", "{frame}", "asleep", "pose"], "record"),
        (["cam", "0", "1", "", "1", "{record}", "frame", "posed", "pose"], "id"),
        (["cam", "0", "1", "", "1", "{record}", f"1000-{2**64}", "posed", "pose"], "id"),
        (["cam", "0", "1", "", "2", "{record}", "{frame}", "posed", "pose", "record", "x", "dead", ""], "id"),
        (["cam", "0", "1", "", "1", "{record}", "{frame}", "posed", "pose", "cam", "0", "2", "", "0"], "camera"),
    ],
)
def test_a_wrong_argument_anywhere_is_an_error_that_names_it_and_changes_nothing(
    roles: Roles, arguments: list[str], named: str
) -> None:
    (record,) = finish_frames(roles, 1)
    epoch = roles.lead()
    filled = [part.format(record=record.id, frame=record.frame_id) for part in arguments]
    before = roles.snapshot()
    with pytest.raises(redis.exceptions.ResponseError, match=rf"^BADARG {named}:"):
        roles.call("publish", epoch, 1000, *filled)
    assert roles.snapshot() == before


def test_retention_has_to_be_a_number(roles: Roles) -> None:
    with pytest.raises(redis.exceptions.ResponseError, match=r"^BADARG retain:"):
        roles.call("publish", roles.lead(), "all")
