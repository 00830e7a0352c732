"""Who hides whom is told from geometry: known people, in known places, in front of a known camera."""

from __future__ import annotations

import numpy as np

from posestream.skeleton import JOINT_INDEX
from producer.synthetic.body import Bodies, stand
from producer.synthetic.camera import Camera
from producer.synthetic.truth import Truth, Visibility
from producer.synthetic.visibility import truth_of
from tests.unit.producer.synthetic.test_body import upright

CAMERA = Camera.looking_at((1280, 720), 950.0, np.array((0.0, 0.0, 1.2)), np.array((0.0, 5.0, 1.0)))
FACE = ("nose", "l_eye", "r_eye")


def seen(*people: tuple[float, float, float]) -> Truth:
    """Return the truth about people at x, y with a heading; pi looks at the camera."""
    posture = upright(len(people))
    posture.x_m, posture.y_m, posture.heading = (np.array(values, float) for values in zip(*people, strict=True))
    return truth_of(
        stand(Bodies.random(len(people), np.random.default_rng(1)), posture), np.arange(len(people)), CAMERA
    )


def visibility(truth: Truth, name: str, person: int = 0) -> Visibility:
    return Visibility(truth.visibility[person, JOINT_INDEX[name]])


def test_joints_are_where_the_camera_sees_them() -> None:
    truth = seen((0.3, 4.0, np.pi))
    joints = truth.joints_m[0]

    expected = joints[:, :2] / joints[:, 2:] * 950 + (640, 360)
    np.testing.assert_allclose(truth.joints_px[0], expected, rtol=1e-4)
    # Who looks at the camera has the left side at the image's right, and the head above the feet.
    assert truth.joints_px[0, JOINT_INDEX["l_shoulder"], 0] > truth.joints_px[0, JOINT_INDEX["r_shoulder"], 0]
    assert truth.joints_px[0, JOINT_INDEX["nose"], 1] < truth.joints_px[0, JOINT_INDEX["l_ankle"], 1]


def test_somebody_alone_who_looks_at_the_camera_is_seen_whole() -> None:
    truth = seen((0.0, 4.0, np.pi))

    assert (truth.visibility[0] == Visibility.VISIBLE).sum() >= 17  # ears may look away


def test_the_back_of_a_head_hides_its_face() -> None:
    truth = seen((0.0, 4.0, 0.0))

    assert {visibility(truth, name) for name in FACE} == {Visibility.SELF_OCCLUDED}
    assert visibility(truth, "neck") is Visibility.VISIBLE
    assert visibility(truth, "l_knee") is Visibility.VISIBLE


def test_from_the_side_the_far_arm_is_hidden_and_the_near_one_is_not() -> None:
    truth = seen((0.0, 4.0, np.pi / 2))  # looks to the image's left: the right side is far

    assert visibility(truth, "r_shoulder") is Visibility.SELF_OCCLUDED
    assert visibility(truth, "l_shoulder") is Visibility.VISIBLE
    assert visibility(truth, "l_elbow") is Visibility.VISIBLE


def test_who_stands_behind_somebody_else_is_hidden_by_them_and_not_the_other_way_round() -> None:
    truth = seen((0.0, 3.0, np.pi), (0.0, 4.5, np.pi))

    assert visibility(truth, "pelvis", 1) is Visibility.OCCLUDED
    assert (truth.visibility[0] != Visibility.OCCLUDED).all()


def test_who_stands_beside_somebody_else_is_not_hidden() -> None:
    truth = seen((-0.6, 3.0, np.pi), (0.8, 4.0, np.pi))

    assert (truth.visibility != Visibility.OCCLUDED).all()


def test_what_the_border_cuts_off_is_out_of_frame() -> None:
    near = seen((0.0, 1.9, np.pi))
    assert visibility(near, "l_ankle") is Visibility.OUT_OF_FRAME
    assert visibility(near, "nose") is Visibility.VISIBLE

    behind = seen((0.0, -2.0, np.pi))
    assert (behind.visibility == Visibility.OUT_OF_FRAME).all()
    assert np.isnan(behind.joints_px).all()


def test_an_empty_room_has_an_empty_truth() -> None:
    truth = truth_of(stand(Bodies.random(0, np.random.default_rng(0)), upright(0)), np.arange(0), CAMERA)

    assert (truth.joints_m.shape, truth.joints_px.shape, truth.visibility.shape) == ((0, 19, 3), (0, 19, 2), (0, 19))
