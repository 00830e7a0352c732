"""What is missing between two frames: what never had a pose is told from what is no longer kept."""

from __future__ import annotations

import pytest

from posestream.keys import FrameId
from posestream.messages import Outcome
from posestream.subscriber import Gap, Skipped
from posestream.subscriber.cursor import Cursor
from tests.unit.posestream_subscriber.frames import frame


def at_frame(seq: int) -> Cursor:
    return Cursor(FrameId(10 * seq), seq)


def test_nothing_is_missing_between_neighbours():
    cursor = at_frame(7)
    assert cursor.advance(frame(8, 7)) == []
    assert cursor.advance(frame(9, 8)) == []
    assert cursor.after == FrameId(90)


def test_frames_without_a_pose_are_skipped_with_how_they_ended():
    outcomes = {Outcome.SUPERSEDED: 2, Outcome.DEAD: 1}
    assert at_frame(7).advance(frame(11, 7, outcomes)) == [Skipped("hall", FrameId(110), 3, outcomes)]


def test_a_frame_that_the_tracker_gave_up_on_is_skipped_without_an_outcome():
    assert at_frame(7).advance(frame(9, 7)) == [Skipped("hall", FrameId(90), 1, {})]


def test_what_was_published_and_has_gone_is_a_gap_that_counts_the_frames():
    assert at_frame(7).advance(frame(20, 19)) == [Gap("hall", FrameId(70), FrameId(200), 12)]


def test_a_gap_and_what_was_skipped_after_it_are_told_apart():
    outcomes = {Outcome.STALE: 2}
    assert at_frame(7).advance(frame(20, 17, outcomes)) == [
        Gap("hall", FrameId(70), FrameId(200), 10),
        Skipped("hall", FrameId(200), 2, outcomes),
    ]


def test_numbers_that_begin_anew_are_a_gap_of_unknown_size():
    cursor = at_frame(7)
    assert cursor.advance(frame(1, 0, at=990)) == [Gap("hall", FrameId(70), FrameId(990), None)]
    assert cursor.advance(frame(2, 99, at=1000)) == []


def test_a_publisher_that_does_not_name_the_previous_pose_is_believed_to_have_skipped():
    assert at_frame(7).advance(frame(10, None)) == [Skipped("hall", FrameId(100), 2, {})]


def test_where_reading_begins_at_the_beginning_nothing_is_missing_before():
    cursor = Cursor(FrameId(0), may_miss=False)
    assert cursor.advance(frame(500, 499)) == []
    assert cursor.advance(frame(502, 501)) == [Gap("hall", FrameId(5000), FrameId(5020), 1)]


@pytest.mark.parametrize(
    ("previous", "told"),
    [
        (49, []),  # before the beginning that was asked for
        (50, []),  # the very frame that was asked for
        (51, [Gap("hall", FrameId(505), FrameId(600), None)]),  # after it, and gone
    ],
)
def test_a_beginning_that_is_not_kept_any_more_is_a_gap_only_if_something_came_after_it(previous, told):
    assert Cursor(FrameId(505)).advance(frame(60, previous)) == told


def test_a_new_camera_is_expected_from_its_first_frame_on():
    assert Cursor(FrameId(0), 0).advance(frame(1, 0)) == []
    assert Cursor(FrameId(0), 0).advance(frame(4, 3)) == [Gap("hall", FrameId(0), FrameId(40), 3)]
