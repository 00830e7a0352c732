"""Keeping frames until their poses come."""

from __future__ import annotations

from itertools import pairwise

from deploy.local.recording import SECONDS, Recording
from posestream.keys import FrameId
from tests.unit.deploy.local.shots import START_MS, pose_of


def test_a_pose_gets_the_very_frame_it_was_decoded_from():
    recording = Recording()
    poses = [pose_of([], number=number) for number in range(5)]
    for number, pose in enumerate(poses):
        recording.add_frame(pose.id, bytes([number]))
    for pose in poses[1:4]:  # the first and the last never get one
        recording.add_pose(pose, 50.0, None)
    assert [shot.image for shot in recording.shots] == [b"\1", b"\2", b"\3"]
    assert [shot.pose for shot in recording.shots] == poses[1:4]


def test_a_pose_whose_frame_was_missed_is_passed_over():
    recording = Recording()
    recording.add_frame(FrameId(START_MS + 99_999), b"another")
    recording.add_pose(pose_of([]), 50.0, None)
    assert recording.shots == []


def test_only_the_last_seconds_are_kept_ten_frames_of_each():
    recording = Recording()
    for number in range(1000):
        pose = pose_of([], number=number, step_ms=20)
        recording.add_frame(pose.id, b"image")
        recording.add_pose(pose, 50.0, None)
    moments = [shot.moment_ms for shot in recording.shots]
    assert moments[-1] - moments[0] == SECONDS * 1000
    assert {after - before for before, after in pairwise(moments)} == {100}


def test_frames_that_wait_for_ever_do_not_pile_up():
    recording = Recording()
    poses = [pose_of([], number=number) for number in range(200)]
    for pose in poses:
        recording.add_frame(pose.id, b"image")
    for pose in poses:
        recording.add_pose(pose, 50.0, None)
    assert 40 < len(recording.shots) <= 64
