"""From sources to cameras, and from poses to the truth."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.local.cameras import plan_cameras
from posestream.errors import ConfigurationError
from producer.synthetic.options import parse_options
from producer.synthetic.view import SyntheticView
from tests.unit.deploy.local.shots import START_MS, pose_of


def test_by_default_two_cameras_look_at_the_same_moment_of_one_scene():
    first, second = plan_cameras((), START_MS)
    poses = [pose_of([], number=33, camera=camera.name) for camera in (first, second)]
    truths = [camera.scene.truth(pose) for camera, pose in zip((first, second), poses, strict=True)]

    assert list(truths[0].ids) == list(truths[1].ids)
    assert len(truths[0]) > 0
    assert not np.allclose(truths[0].joints_m, truths[1].joints_m)
    heights_m = [np.linalg.norm(truth.joints_m[:, 0] - truth.joints_m[:, 8], axis=1) for truth in truths]
    assert np.allclose(*heights_m, atol=1e-4)  # the same bodies in the same postures
    assert "start" not in first.shown


def test_the_truth_is_that_of_the_frame_the_pose_speaks_of():
    text = "synthetic:?people=2&seed=3&fps=12.5&size=320x180"
    (camera,) = plan_cameras([text], START_MS)
    view = SyntheticView(parse_options(text))
    for number in (0, 1, 7, 1234):
        captured = pose_of([], number=number, step_ms=80)
        assert np.array_equal(camera.scene.truth(captured).joints_m, view.truth(number).joints_m)


def test_a_start_of_ones_own_is_kept_and_a_recording_has_its_own():
    own, recording = plan_cameras(["synthetic:?start=5000", "synthetic:?frames=10"], START_MS)
    assert own.source == "synthetic:?start=5000"
    assert recording.source == "synthetic:?frames=10"


def test_other_sources_have_no_truth_and_keep_their_secrets():
    (camera,) = plan_cameras(["rtsp://me:secret@camera.example/1"], START_MS)
    assert camera.scene is None
    assert "secret" not in camera.shown
    assert "secret" in camera.source


@pytest.mark.parametrize("source", ["no-such.mp4", "gopher://x", "synthetic:?people=-1", "http://"])
def test_what_is_no_source_is_refused(source):
    with pytest.raises(ConfigurationError):
        plan_cameras([source], START_MS)
