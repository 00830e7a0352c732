"""What autoscaling hears: the load in workers, from the server's counters alone."""

from __future__ import annotations

import math

import pytest

from posestream.broker import CameraStatus, ShardStatus
from posestream.messages import Outcome, Policy
from workers.track.load import LoadMeter

WORKER_FPS = 8.0


def look(at_s: float, *cameras: CameraStatus, workers: int = 0) -> ShardStatus:
    named = {camera.camera: camera for camera in cameras}
    return ShardStatus(round(at_s * 1000), 0, 0, 0, 0, 1, 1, 1, "", 0, workers, named)


def camera(
    name: str = "hall", policy: Policy | str = Policy.LIVE, *, admitted: int = 0, waiting: int = 0, **refused: int
) -> CameraStatus:
    return CameraStatus(
        camera=name,
        policy=str(policy),
        admitted=admitted,
        outcomes=dict.fromkeys(Outcome, 0),
        waiting=waiting,
        tokens=waiting,
        records=0,
        bytes=0,
        refused=refused,
        heard_ms=0,
        holder="",
    )


def offered_load(*looks: ShardStatus) -> float | None:
    meter = LoadMeter(WORKER_FPS)
    return [meter.measure(status).offered_load for status in looks][-1]


def test_a_live_camera_of_16_frames_a_second_keeps_two_workers_busy():
    assert offered_load(*(look(s, camera(admitted=16 * s)) for s in range(0, 200, 2))) == pytest.approx(2)


def test_the_load_stands_when_every_worker_is_gone_and_the_queue_is_full():
    steady = [look(s, camera(admitted=80 * s, waiting=4), workers=9 if s < 60 else 0) for s in range(0, 120, 2)]

    assert offered_load(*steady) == pytest.approx(10)


def test_frames_refused_for_want_of_room_were_offered_too_and_others_were_not():
    crowded = [look(s, camera(admitted=8 * s, backlog=8 * s, held=100 * s, order=s)) for s in (0, 30)]

    assert offered_load(*crowded) == pytest.approx(2)


def test_what_came_before_the_first_look_does_not_count():
    assert offered_load(look(0, camera(admitted=1_000_000)), look(20, camera(admitted=1_000_160))) == pytest.approx(1)


def test_a_camera_that_comes_later_does_not_bring_its_past_along():
    veteran = camera("yard", admitted=500_000)

    assert offered_load(look(0), look(30, veteran), look(60, veteran)) == 0


def test_there_is_no_load_before_ten_seconds_have_been_seen():
    assert offered_load(look(0, camera())) is None
    assert offered_load(look(0, camera()), look(9, camera(admitted=99))) is None
    assert offered_load(look(0, camera()), look(10, camera(admitted=80))) == pytest.approx(1)


def test_the_load_is_that_of_the_last_minute():
    busy = [look(s, camera(admitted=80 * s)) for s in range(0, 100, 2)]
    quiet = [look(s, camera(admitted=80 * 98)) for s in range(100, 170, 2)]

    assert offered_load(*busy, *quiet[:16]) == pytest.approx(5, abs=0.5)
    assert offered_load(*busy, *quiet) == 0


def test_counters_that_start_again_are_counted_from_zero():
    assert offered_load(look(0, camera(admitted=900)), look(20, camera(admitted=160))) == pytest.approx(1)


def test_another_server_with_an_earlier_clock_makes_the_meter_begin_anew():
    before = [look(s, camera(admitted=800 * s)) for s in (100, 120)]

    assert offered_load(*before, look(50, camera(admitted=0))) is None
    assert offered_load(*before, look(50, camera(admitted=0)), look(70, camera(admitted=160))) == pytest.approx(1)


def test_lossless_frames_are_no_offered_load_but_a_backlog_that_counts_at_once():
    batch = camera("film", Policy.LOSSLESS, admitted=64, waiting=40)
    load = LoadMeter(WORKER_FPS).measure(look(0, batch, camera(waiting=4), camera("none", "", waiting=3)))

    assert load.backlog_s == pytest.approx(5)
    assert offered_load(*(look(s, camera("film", Policy.LOSSLESS, admitted=100 * s)) for s in (0, 30))) == 0


def test_a_live_fleet_scaled_on_the_load_follows_it_without_hunting():
    """The autoscaler's rule, ceil(value / threshold), every 16 s: from one camera to twenty and back."""
    meter, admitted, sizes = LoadMeter(WORKER_FPS), 0, []
    for s in range(0, 900, 2):
        admitted += 2 * (20 * 15 if 200 <= s < 500 else 15)
        load = meter.measure(look(s, camera(admitted=admitted))).offered_load
        if load is not None and s % 16 == 0:
            sizes.append(max(1, math.ceil(round(load / 0.75, 6))))

    rising = sizes[: sizes.index(max(sizes)) + 1]
    assert max(sizes) == math.ceil(20 * 15 / WORKER_FPS / 0.75) == 50
    assert rising == sorted(rising)
    assert sizes[rising.index(50) :][:10].count(50) == 10
    assert sizes[-1] == sizes[0] == 3
