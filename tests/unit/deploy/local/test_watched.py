"""One camera as the demo watches it."""

from __future__ import annotations

import pytest

from deploy.local.cameras import plan_cameras
from deploy.local.subscriber import FrameSeen, PoseSeen
from deploy.local.watched import Watched
from posestream.messages import CaptureClock
from tests.unit.deploy.local.shots import START_MS, person_at, pose_of, standing_m, status_of
from training.accuracy import Accuracy

SYNTHETIC = "synthetic:?people=2&seed=3&fps=10&size=320x180"


def seen(pose, after_ms: float) -> PoseSeen:
    return PoseSeen(pose, pose.captured_ms + after_ms, pose.captured_ms / 1000)


def test_the_latency_is_that_from_capture_to_arrival():
    watched = Watched(plan_cameras(["rtsp://host/1"], START_MS)[0], None)
    for number in range(30):
        watched.add_pose(seen(pose_of([], number=number), 84.0), server_ahead_ms=5000.0)
    report = watched.report(status_of(posed=30))
    assert report.latency_ms == pytest.approx((84.0, 84.0))
    assert report.latency_from == "capture"
    assert report.fps == pytest.approx(10.0)


def test_the_latency_of_a_recording_is_that_from_admission_on_the_servers_clock():
    watched = Watched(plan_cameras(["rtsp://host/1"], START_MS)[0], None)
    watched.add_pose(seen(pose_of([], clock=CaptureClock.FILE), 84.0), server_ahead_ms=20.0)
    report = watched.report(status_of(posed=1))
    assert report.latency_ms == pytest.approx((84.0 - 5.0 + 20.0,) * 2)
    assert report.latency_from == "admission"


def test_people_are_held_against_the_truth_of_their_own_frame():
    accuracy = Accuracy()
    watched = Watched(plan_cameras([SYNTHETIC], START_MS)[0], accuracy)
    counted = 0
    for number in range(0, 200, 20):
        pose = pose_of([], number=number, size_wh=(320, 180))
        truth = watched.camera.scene.truth(pose)
        people = [person_at(standing_m(0, 1, 4)) for _ in truth.ids]
        for person, joints_px, joints_m in zip(people, truth.joints_px, truth.joints_m, strict=True):
            person.joints_px[:], person.joints_m[:] = joints_px, joints_m
        watched.add_pose(seen(pose_of(people, number=number, size_wh=(320, 180)), 50.0), 0.0)
        counted = accuracy.counted
    assert counted > 5
    assert accuracy.matched == accuracy.counted
    assert accuracy.mpjpe_mm < 0.01
    assert accuracy.mean_error_px < 0.01


def test_frame_and_pose_become_a_shot_with_its_truth():
    watched = Watched(plan_cameras([SYNTHETIC], START_MS)[0], Accuracy())
    pose = pose_of([], size_wh=(320, 180))
    watched.add_frame(FrameSeen("camera-1", pose.id, b"image"))
    watched.add_pose(seen(pose, 50.0), 0.0)
    (shot,) = watched.recording.shots
    assert (shot.image, shot.latency_ms, len(shot.truth)) == (b"image", 50.0, 2)


def test_before_the_first_pose_nothing_is_known():
    now = Watched(plan_cameras(["rtsp://host/1"], START_MS)[0], None).now(None, 5.0)
    assert (now.fps, now.people, now.latency_ms, now.status) == (0.0, None, None, None)
