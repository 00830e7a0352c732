"""Pictures find their poses by frame id, and take no more memory than they may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posestream.keys import FrameId
from posestream.messages import CaptureClock, Intrinsics, PoseFrame
from posestream.view import matching
from posestream.view.matching import Matcher, Moment


def pose(number: int) -> PoseFrame:
    size = (64, 36)
    return PoseFrame("cam", FrameId(number), number, 0, CaptureClock.RECEIVE, size, Intrinsics.assumed(*size), ())


def told(moments: list[Moment]) -> list[tuple[int, bytes, bool]]:
    return [(moment.id.ms, moment.image, moment.pose is not None) for moment in moments]


@pytest.fixture
def matcher() -> Matcher:
    return Matcher(now_ms=0)


def test_a_picture_is_shown_with_the_pose_of_the_same_frame_and_no_other(matcher: Matcher):
    assert matcher.add_image(FrameId(1), b"one", 10) == []
    assert matcher.add_image(FrameId(2), b"two", 20) == []
    assert told(matcher.add_pose(pose(1), 30)) == [(1, b"one", True)]
    assert told(matcher.add_pose(pose(2), 40)) == [(2, b"two", True)]
    assert len(matcher) == matcher.bytes == 0


def test_a_pose_that_comes_before_its_picture_waits_for_it(matcher: Matcher):
    assert matcher.add_pose(pose(5), 0) == []
    assert matcher.due(matching.WAIT_MS - 1) == []
    assert told(matcher.add_image(FrameId(5), b"five", matching.WAIT_MS - 1)) == [(5, b"five", True)]


def test_a_pose_whose_picture_does_not_come_is_shown_alone_in_the_end(matcher: Matcher):
    matcher.add_pose(pose(5), 0)
    assert told(matcher.due(matching.WAIT_MS)) == [(5, b"", True)]


def test_a_pose_whose_picture_was_missed_does_not_wait(matcher: Matcher):
    matcher.add_image(FrameId(6), b"six", 0)
    assert told(matcher.add_pose(pose(5), 1)) == [(5, b"", True)]
    assert told(matcher.add_pose(pose(6), 2)) == [(6, b"six", True)]


def test_poses_that_wait_keep_their_order(matcher: Matcher):
    matcher.add_pose(pose(1), 0)
    matcher.add_pose(pose(2), 1)
    assert told(matcher.add_image(FrameId(2), b"two", 2)) == [(1, b"", True), (2, b"two", True)]


def test_without_pictures_no_pose_waits(matcher: Matcher):
    matcher.pictures = False
    assert told(matcher.add_pose(pose(1), 0)) == [(1, b"", True)]


def test_pictures_of_frames_that_never_got_a_pose_go_with_the_next_that_has_one(matcher: Matcher):
    for number in range(1, 9):
        matcher.add_image(FrameId(number), b"x" * 100, number)
    assert told(matcher.add_pose(pose(7), 10)) == [(7, b"x" * 100, True)]
    assert (len(matcher), matcher.bytes) == (1, 100)


def test_pictures_are_kept_for_some_seconds_only(matcher: Matcher):
    matcher.add_pose(pose(1), 0)  # poses do come
    matcher.due(matching.WAIT_MS)
    matcher.add_image(FrameId(2), b"old", 0)
    matcher.add_image(FrameId(3), b"new", matching.ALONE_AFTER_MS)
    assert len(matcher) == 2
    matcher._pose_ms = matching.KEEP_MS
    matcher.add_image(FrameId(4), b"newest", matching.KEEP_MS + 1)
    assert len(matcher) == 2


def test_pictures_take_bounded_memory_the_oldest_go_first(matcher: Matcher):
    image = bytes(matching.MAX_IMAGE_BYTES)
    for number in range(1, 9):
        matcher.add_image(FrameId(number), image, 1)
        assert matcher.bytes <= matching.KEEP_BYTES
    assert told(matcher.add_pose(pose(1), 2)) == [(1, b"", True)]
    assert told(matcher.add_pose(pose(8), 2)) == [(8, image, True)]


@pytest.mark.parametrize("image", [b"", bytes(matching.MAX_IMAGE_BYTES + 1)], ids=["empty", "too large"])
def test_what_is_no_picture_to_show_is_not_kept(matcher: Matcher, image: bytes):
    matcher.add_image(FrameId(1), image, 0)
    assert len(matcher) == 0
    assert told(matcher.add_pose(pose(1), 1)) == [(1, b"", True)]


def test_when_no_poses_come_the_pictures_are_shown_without(matcher: Matcher):
    late_ms = matching.ALONE_AFTER_MS + 1
    assert matcher.add_image(FrameId(1), b"one", late_ms - 2) == []
    assert told(matcher.add_image(FrameId(2), b"two", late_ms)) == [(2, b"two", False)]
    assert len(matcher) == 0
    matcher.add_pose(replace(pose(2), seq=2), late_ms)
    assert matcher.add_image(FrameId(3), b"three", late_ms + 1) == []  # they come again
