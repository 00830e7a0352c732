"""What has arrived as the caller gets it."""

from __future__ import annotations

import logging
from dataclasses import replace

import msgpack
import pytest

from posestream.broker import PoseEntry
from posestream.errors import UnsupportedSchemaError
from posestream.keys import FrameId
from posestream.messages import Outcome, PoseFrame, encode_pose
from posestream.subscriber import Gap, Position, Reconnected, Skipped, Unreadable
from posestream.subscriber.cursor import Cursor
from posestream.subscriber.desk import Desk, Share
from tests.unit.posestream_subscriber.frames import frame


def entry(pose: PoseFrame) -> PoseEntry:
    return PoseEntry(pose.camera, pose.id, encode_pose(pose))


def desk(share: Share = Share.ALL, *, events: bool = True) -> Desk:
    return Desk({"hall": Cursor(FrameId(70), 7)}, share, events=events)


def kinds(items):
    return [type(item) for item in items]


def test_what_is_missing_comes_before_the_frame():
    gap, skipped, given = desk().open(entry(frame(20, 17, {Outcome.DEAD: 2})))
    assert (gap, skipped.count, given.seq) == (Gap("hall", FrameId(70), FrameId(200), 10), 2, 20)


def test_a_frame_handed_out_is_a_position_and_one_that_only_arrived_is_not():
    one = desk()
    (given,) = one.open(entry(frame(8, 7)))
    assert one.positions == {"hall": Position(FrameId(70), 7)}
    one.handed_out(given)
    assert one.positions == {"hall": Position(FrameId(80), 8)}


def test_without_events_only_frames_are_given_and_a_gap_is_in_the_log(caplog):
    caplog.set_level(logging.INFO, "posestream")
    one = desk(events=False)
    assert kinds(one.open(entry(frame(20, 17, {Outcome.DEAD: 2})))) == [PoseFrame]
    assert one.open(Reconnected(0)) == []
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "missed=10" in caplog.records[0].message


def test_of_the_newest_alone_nothing_is_missing():
    assert kinds(desk(Share.LATEST).open(entry(frame(20, 17, {Outcome.DEAD: 2})))) == [PoseFrame]


def test_a_member_of_a_group_hears_of_skipped_frames_and_takes_the_others_frames_for_no_gap():
    skipped, given = desk(Share.GROUP).open(entry(frame(20, 17, {Outcome.DEAD: 2})))
    assert (skipped, given.seq) == (Skipped("hall", FrameId(200), 2, {Outcome.DEAD: 2}), 20)
    assert kinds(desk(Share.GROUP).open(entry(frame(20, 19)))) == [PoseFrame]


@pytest.mark.parametrize(
    ("stray", "error"),
    [
        (PoseEntry("hall", FrameId(80), None), "no field `pose`"),
        (PoseEntry("hall", FrameId(80), b"\xc1"), "not msgpack"),
        (replace(entry(frame(8, 7)), id=FrameId(81)), "says that it is frame 80-0 of 'hall'"),
        (replace(entry(frame(8, 7)), camera="yard"), "says that it is frame 80-0 of 'hall'"),
    ],
)
def test_what_is_no_pose_is_passed_over_and_told(stray, error):
    one = desk()
    (told,) = one.open(stray)
    assert isinstance(told, Unreadable)
    assert error in told.error
    assert kinds(one.open(entry(frame(8, 7)))) == [PoseFrame], "nothing is missing"


def test_poses_of_a_newer_schema_are_refused():
    message = msgpack.unpackb(encode_pose(frame(8, 7))) | {"schema": 2}
    with pytest.raises(UnsupportedSchemaError, match="upgrade"):
        desk().open(PoseEntry("hall", FrameId(80), msgpack.packb(message)))
