"""When frames of a recording are due."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posestream.frames import CaptureClock, PoseFrame
from posestream.recording.limits import Limits
from posestream.recording.pace import scheduled
from tests.unit.posestream_subscriber.frames import frame


def at(captured_ms: int, *, camera: str = "hall", id_ms: int = 1000):
    return replace(frame(1, None, at=id_ms), camera=camera, captured_ms=captured_ms)


def due(speed: float, *frames: PoseFrame) -> list[float]:
    return [due_s for due_s, _ in scheduled(frames, speed)]


@pytest.mark.parametrize(("speed", "times"), [(1, [0, 0.04, 0.1]), (2, [0, 0.02, 0.05]), (0.5, [0, 0.08, 0.2])])
def test_frames_are_due_as_they_were_captured_at_the_speed_given(speed, times):
    assert due(speed, *(at(captured_ms) for captured_ms in (5000, 5040, 5100))) == pytest.approx(times)


def test_at_no_speed_nothing_waits():
    assert due(0, at(5000), at(9000)) == [0, 0]


def test_a_long_pause_is_cut_and_a_clock_that_goes_back_takes_no_time():
    hour_ms = 3_600_000
    times = due(2, at(0), at(hour_ms, id_ms=1000 + hour_ms), at(0, id_ms=hour_ms), at(40, id_ms=hour_ms))
    assert times == pytest.approx([0, 5, 5, 5.02])


def test_a_clock_that_is_set_ahead_costs_no_more_time_than_there_was():
    assert due(1, at(0), at(3_600_000, id_ms=1040), at(3_600_040, id_ms=1080)) == pytest.approx([0, 0.04, 0.08])
    file = [replace(at(captured_ms), clock=CaptureClock.FILE) for captured_ms in (0, 12_000)]
    assert due(1, *file) == pytest.approx([0, 10]), "its steps are exact, however fast it was admitted"


def test_a_pause_of_one_camera_alone_is_as_long_as_it_was_so_that_cameras_stay_together():
    hall = [at(ms, id_ms=1000 + ms) for ms in (0, 60_000, 60_040)]
    yard = [at(ms, camera="yard", id_ms=1000 + ms) for ms in range(20_000, 62_000, 1000)]  # begins late, too
    times = {(frame.camera, frame.captured_ms): due_s for due_s, frame in scheduled([*hall, *yard], 1)}
    assert times["yard", 20_000] == pytest.approx(10), "nobody had anything before"
    assert times["hall", 60_000] == pytest.approx(times["yard", 60_000]) == pytest.approx(50)
    assert times["hall", 60_040] == pytest.approx(50.04)


def test_cameras_with_other_clocks_begin_when_they_were_admitted():
    frames = [
        at(5000, id_ms=1000),
        at(999_000, camera="yard", id_ms=1500),
        at(5040, id_ms=1510),
        at(999_100, camera="yard", id_ms=9000),
    ]
    order = [(frame.captured_ms, pytest.approx(due_s)) for due_s, frame in scheduled(frames, 1)]
    assert order == [(5000, 0), (5040, 0.04), (999_000, 0.5), (999_100, 0.6)]


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
