"""Counting poses as they arrive."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.local.tally import Tally, moment_ms, percentiles
from posestream.messages import CaptureClock
from tests.unit.deploy.local.shots import START_MS, person_at, pose_of, standing_m

PERSON = person_at(standing_m(0, 1, 4))


def test_rates_and_latencies_are_those_of_the_last_seconds_and_of_all():
    tally = Tally()
    for number in range(100):  # ten a second: first slow, then quick
        tally.add(pose_of([PERSON]), 500.0 if number < 20 else 40.0, 7.0 + number / 10)

    assert tally.fps(17.0) == pytest.approx(10.0, abs=0.3)
    assert tally.recent_latency_ms(17.0) == (40.0, 40.0)
    assert tally.mean_fps() == pytest.approx(10.0)
    assert percentiles(tally.latencies_ms) == tuple(np.percentile([500.0] * 20 + [40.0] * 80, (50, 99)))
    assert (tally.poses, tally.people, tally.people_now) == (100, 100, 1)


def test_a_camera_that_falls_silent_goes_down_to_nothing():
    tally = Tally()
    tally.add(pose_of([PERSON, PERSON]), 40.0, 1.0)
    assert tally.fps(20.0) == 0.0
    assert tally.recent_latency_ms(20.0) is None


def test_nothing_has_no_rate_and_no_latency():
    tally = Tally()
    assert (tally.fps(1.0), tally.mean_fps(), tally.recent_latency_ms(1.0)) == (0.0, 0.0, None)
    assert percentiles(tally.latencies_ms) is None


def test_a_recordings_frame_counts_from_its_admission():
    assert moment_ms(pose_of([], clock=CaptureClock.SENSOR)) == START_MS
    assert moment_ms(pose_of([], clock=CaptureClock.RECEIVE)) == START_MS
    assert moment_ms(pose_of([], clock=CaptureClock.FILE)) == START_MS + 5
