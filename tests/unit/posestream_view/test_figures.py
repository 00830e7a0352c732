"""Rates, latencies and people of the last seconds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posestream.keys import FrameId
from posestream.messages import CaptureClock
from posestream.view.figures import WINDOW_MS, Figures, age_ms
from tests.unit.posestream_view.test_matching import pose


def test_before_anything_has_come_there_is_nothing_to_say():
    figures = Figures(now_ms=0)
    assert (figures.frames_per_s(100), figures.latency_ms(100), figures.people(100)) == (0.0, None, None)


@pytest.mark.parametrize("seconds", [3, 5, 30])
def test_the_rate_is_that_of_the_last_seconds_however_long_it_has_run(seconds: int):
    figures = Figures(now_ms=1000)
    for step in range(seconds * 10):
        figures.add(pose(step + 1), 20.0, 1000 + step * 100)
    assert figures.frames_per_s(1000 + seconds * 1000) == pytest.approx(10, rel=0.05)


def test_latency_is_told_as_its_middle_and_its_worst():
    figures = Figures(now_ms=0)
    for late_ms in range(101):
        figures.add(pose(late_ms + 1), float(late_ms), 100)
    assert figures.latency_ms(100) == (50.0, 99.0)


def test_what_is_long_past_is_forgotten():
    figures = Figures(now_ms=0)
    figures.add(pose(1), 20.0, 0)
    assert figures.people(WINDOW_MS) == 0
    assert figures.people(WINDOW_MS + 1) is None
    assert figures.frames_per_s(WINDOW_MS + 1) == 0.0


def test_the_age_of_a_camera_s_frame_is_since_capture_and_that_of_a_recording_s_since_admission():
    live = replace(pose(1), captured_ms=9_000, id=FrameId(9_050))
    assert age_ms(live, host_ms=9_100, server_ms=50_000) == 100
    recorded = replace(live, clock=CaptureClock.FILE)
    assert age_ms(recorded, host_ms=50_000, server_ms=9_100) == 50
    assert age_ms(live, host_ms=8_000, server_ms=0) == 0  # a producer's clock that is ahead
