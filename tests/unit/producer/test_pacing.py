"""Which frames are taken, and when."""

from __future__ import annotations

import random

import pytest

from producer.pacing import NoPace, SourcePace, Thinning


def taken_of(times_ms: list[float], fps: float, early_ms: float = 2.0) -> list[float]:
    thinning = Thinning(fps, early_ms)
    return [at_ms for at_ms in times_ms if thinning.takes(at_ms)]


@pytest.mark.parametrize(
    ("source_fps", "fps", "expected"),
    [
        (25.0, 5.0, 5),  # every fifth
        (30.0, 10.0, 10),
        (30.0, 20.0, 20),  # no whole number of frames to a step
        (25.0, 25.0, 25),  # all of them
        (25.0, 60.0, 25),  # no more than there are
        (29.97, 29.97, 30),
    ],
)
def test_at_most_the_asked_for_frames_of_each_second(source_fps: float, fps: float, expected: int):
    times_ms = [number * 1000 / source_fps for number in range(round(source_fps * 10))]
    taken = taken_of(times_ms, fps)
    assert len(taken) == pytest.approx(expected * 10, abs=1)
    for second in range(10):
        assert sum(second * 1000 <= at_ms < second * 1000 + 1000 for at_ms in taken) <= expected + 1


def test_a_whole_part_of_the_rate_gives_even_steps():
    assert taken_of([number * 40.0 for number in range(50)], 5.0) == [number * 200.0 for number in range(10)]


def test_recorded_times_rounded_to_milliseconds_lose_no_frame():
    times_ms = [float(round(number * 1000 / 30)) for number in range(300)]
    assert taken_of(times_ms, 30.0) == times_ms


def test_frames_of_a_camera_that_come_a_little_early_or_late_are_not_lost():
    random.seed(1)
    times_ms = [number * 40 + random.uniform(-9, 9) for number in range(250)]
    assert len(taken_of(times_ms, 25.0, early_ms=10)) >= 249


def test_after_a_gap_there_is_no_burst():
    times_ms = [0.0, *(10_000.0 + number * 10 for number in range(100))]
    assert len(taken_of(times_ms, 10.0)) == 1 + 10


def test_the_first_frame_is_always_taken():
    assert taken_of([123_456.0], 0.05) == [123_456.0]


def test_a_frame_is_due_when_it_was_recorded():
    pace = SourcePace()
    assert pace.wait_s(0, 100.0) == 0
    assert pace.wait_s(40, 100.01) == pytest.approx(0.03)
    assert pace.wait_s(80, 100.09) == 0, "a little late: at once"
    assert pace.wait_s(120, 100.10) == pytest.approx(0.02), "and then back on time"


def test_far_behind_the_recording_goes_on_from_there_without_a_burst():
    pace = SourcePace()
    pace.wait_s(0, 100.0)
    assert pace.wait_s(40, 105.0) == 0
    assert pace.wait_s(80, 105.0) == pytest.approx(0.04)


def test_without_a_pace_every_frame_is_due():
    assert NoPace().wait_s(1e9, 0.0) == 0
