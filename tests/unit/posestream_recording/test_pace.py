"""When frames of a recording are due."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posestream.recording.limits import Limits
from posestream.recording.pace import Pace, scheduled
from tests.unit.posestream_subscriber.frames import frame


def at(captured_ms: int, *, camera: str = "hall", id_ms: int = 1000):
    return replace(frame(1, None, at=id_ms), camera=camera, captured_ms=captured_ms)


@pytest.mark.parametrize(("speed", "times"), [(1, [0, 0.04, 0.1]), (2, [0, 0.02, 0.05]), (0.5, [0, 0.08, 0.2])])
def test_frames_are_due_as_they_were_captured_at_the_speed_given(speed, times):
    pace = Pace(speed)
    assert [pace.due_s(at(captured_ms)) for captured_ms in (5000, 5040, 5100)] == pytest.approx(times)


def test_at_no_speed_nothing_waits():
    pace = Pace(0)
    assert [pace.due_s(at(captured_ms)) for captured_ms in (5000, 9000)] == [0, 0]


def test_a_long_pause_is_cut_and_a_clock_that_goes_back_takes_no_time():
    pace = Pace(1)
    assert [pace.due_s(at(captured_ms)) for captured_ms in (0, 3_600_000, 0, 40)] == pytest.approx([0, 10, 10, 10.04])


def test_cameras_with_other_clocks_begin_when_they_were_admitted():
    pace = Pace(1)
    assert pace.due_s(at(5000, id_ms=1000)) == 0
    assert pace.due_s(at(999_000, camera="yard", id_ms=1500)) == pytest.approx(0.5)
    assert pace.due_s(at(5040, id_ms=1510)) == pytest.approx(0.04)
    assert pace.due_s(at(999_100, camera="yard", id_ms=9000)) == pytest.approx(0.6)


def test_cameras_that_were_recorded_one_after_the_other_are_due_side_by_side():
    hall = [at(captured_ms, id_ms=captured_ms + 10) for captured_ms in (0, 40, 80)]
    yard = [at(captured_ms, camera="yard", id_ms=captured_ms + 15) for captured_ms in (0, 40, 80)]
    order = [frame.camera for _, frame in scheduled([*hall, *yard], 1)]
    assert order == ["hall", "yard"] * 3
    assert [frame.camera for _, frame in scheduled([*hall, *yard], 0)] == ["hall"] * 3 + ["yard"] * 3


@pytest.mark.parametrize(
    ("limits", "reached"),
    [
        (Limits(), None),
        (Limits(duration_s=10.1, bytes=101, frames=11), None),
        (Limits(duration_s=10), "the duration given"),
        (Limits(bytes=100), "the size given"),
        (Limits(frames=10), "the number of frames given"),
    ],
)
def test_a_limit_is_reached_when_there_is_as_much(limits, reached):
    assert limits.reached(seconds=10, size=100, frames=10) == reached


def test_how_far_a_recording_is_goes_by_the_nearest_limit():
    assert Limits().share(seconds=5, size=5, frames=5) is None
    assert Limits(duration_s=10, frames=100).share(seconds=5, size=0, frames=80) == 0.8
    assert Limits(bytes=10).share(seconds=0, size=50, frames=0) == 1
