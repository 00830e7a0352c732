"""CMU Panoptic's files are read, and its joints projected, as the scene that they were made from says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posestream.errors import ConfigurationError
from producer.calibration.values import Calibration
from producer.synthetic.truth import Visibility
from tests.unit.training.panoptic_sample import CAMERAS, DISTORTION, FRAMES, SEQUENCE, UNKNOWN, view_of, write_sample
from training.panoptic import list_frames, read_frames, true_people


@pytest.fixture(scope="module")
def sequence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("panoptic"))


def distorted_px(joints_m: np.ndarray, camera: str) -> np.ndarray:
    """Return where a camera sees joints (19, 3), written out after OpenCV's documentation."""
    lens, (k1, k2, p1, p2, k3) = view_of(camera).intrinsics, DISTORTION
    x, y = joints_m[:, 0] / joints_m[:, 2], joints_m[:, 1] / joints_m[:, 2]
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    bent_y = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    return np.stack((lens.fx * bent_x + lens.cx, lens.fy * bent_y + lens.cy), axis=1)


def test_every_picture_of_every_camera_is_read_with_its_truth(sequence: Path) -> None:
    frames = list(read_frames(list_frames(sequence.parent)))
    assert [frame.name for frame in frames] == [
        f"{SEQUENCE} {camera}_{number:08d}" for camera in CAMERAS for number in FRAMES
    ]
    for frame, (camera, number) in zip(frames, [(c, n) for c in CAMERAS for n in FRAMES], strict=True):
        truth, view = frame.truth, view_of(camera)
        true_m = view.truth(number).joints_m
        assert frame.image.shape == (360, 640, 3)
        assert frame.intrinsics.fx == pytest.approx(view.intrinsics.fx)
        assert frame.distortion is not None
        assert frame.known is not None
        assert frame.known.sum() == (37 if number == FRAMES[0] else 38)
        known = frame.known
        np.testing.assert_allclose(truth.joints_m[known], true_m[known], atol=1e-4)
        np.testing.assert_allclose(frame.extrinsics.position_m, view.extrinsics.position_m, atol=1e-6)
        for person in range(2):
            expected = distorted_px(true_m[person].astype(float), camera)
            np.testing.assert_allclose(truth.joints_px[person][known[person]], expected[known[person]], atol=0.01)
        inside = ((truth.joints_px >= 0) & (truth.joints_px < (640, 360))).all(axis=2) & known
        np.testing.assert_array_equal(truth.visibility == Visibility.VISIBLE, inside)


def test_a_joint_that_the_data_set_does_not_know_is_said_to_be_unknown(sequence: Path) -> None:
    first = next(read_frames(list_frames(sequence)))
    assert first.known is not None
    assert not first.known[0, UNKNOWN]
    assert first.truth.visibility[0, UNKNOWN] == Visibility.OUT_OF_FRAME


def test_what_a_lens_folds_back_into_the_picture_is_not_visible(sequence: Path) -> None:
    frame = next(read_frames(list_frames(sequence)))
    camera = Calibration((640, 360), frame.intrinsics, frame.distortion, frame.extrinsics)
    camera_m = np.full((1, 19, 3), (0.1, 0.1, 4.0))
    camera_m[0, 1] = (5.8, 0.0, 2.0)  # 71 degrees off the axis
    camera_m[0, 2] = (0.1, 0.1, -4.0)
    truth = true_people(np.array([0]), frame.extrinsics.to_world(camera_m), np.ones((1, 19), bool), camera, (640, 360))
    assert ((truth.joints_px >= 0) & (truth.joints_px < (640, 360))).all()  # as Open Model Zoo's measure has them
    assert truth.visibility[0, 1] == truth.visibility[0, 2] == Visibility.OUT_OF_FRAME
    assert (truth.visibility[0, 3:] == Visibility.VISIBLE).all()


def test_every_nth_picture_is_taken_of_each_camera(sequence: Path) -> None:
    frames = list_frames(sequence, every=2)
    assert [(frame.camera, frame.image.stem) for frame in frames] == [
        (camera, f"{camera}_{FRAMES[0]:08d}") for camera in CAMERAS
    ]


def test_what_is_missing_is_named(sequence: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no folder hdImgs"):
        list_frames(tmp_path)
    (tmp_path / "hdImgs" / "00_00").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="no picture in hdImgs has joints"):
        list_frames(tmp_path)
    lonely = write_sample(tmp_path / "other")
    (lonely / f"calibration_{SEQUENCE}.json").unlink()
    with pytest.raises(ConfigurationError, match=f"calibration_{SEQUENCE}.json: No such file"):
        next(read_frames(list_frames(lonely)))


@pytest.mark.parametrize("text", ["", "{}", '{"bodies": [{"id": 1}]}', '{"bodies": [{"id": 1, "joints19": [1, 2]}]}'])
def test_broken_joints_are_named(text: str, tmp_path: Path) -> None:
    sequence = write_sample(tmp_path)
    frames = list_frames(sequence)
    frames[0].pose.write_text(text)
    with pytest.raises(ConfigurationError, match=rf"body3DScene_{FRAMES[0]:08d}\.json: no bodies of 19 joints"):
        next(read_frames(frames))
