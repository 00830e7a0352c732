"""Frames in the mirror, and from a camera that is turned and has a longer lens."""

from __future__ import annotations

import numpy as np

from posestream.skeleton import JOINT_NAMES, NECK
from producer.synthetic.truth import Visibility
from tests.unit.training.people import SIZE_WH, VIEW, leaning, truth_of
from tests.unit.workers.pose.decoding.synthetic_maps import project_px
from training.mirror import MIRRORED_JOINT, mirrored, moved

TRUTH = truth_of(leaning((-1.0, -0.5, 4.0)), leaning((0.6, -0.4, 3.0)))
GREY = np.full((SIZE_WH[1], SIZE_WH[0], 3), 100, np.uint8)


def test_left_and_right_change_places_and_the_others_stay():
    for name, other in zip(JOINT_NAMES, MIRRORED_JOINT, strict=True):
        side = {"l_": "r_", "r_": "l_"}.get(name[:2])
        assert JOINT_NAMES[other] == (side + name[2:] if side else name)


def test_the_mirrored_truth_is_what_the_camera_sees():
    _, truth = mirrored(GREY, TRUTH, seed=1)
    np.testing.assert_allclose(project_px(truth.joints_m, VIEW), truth.joints_px, atol=1e-3)


def test_mirrored_twice_is_as_before():
    _, truth = mirrored(*mirrored(GREY, TRUTH, seed=1), seed=2)
    np.testing.assert_allclose(truth.joints_px, TRUTH.joints_px, atol=1e-3)
    np.testing.assert_array_equal(truth.joints_m, TRUTH.joints_m)
    np.testing.assert_array_equal(truth.visibility, TRUTH.visibility)
    np.testing.assert_array_equal(truth.ids, TRUTH.ids)


def test_a_mark_on_a_joint_stays_on_the_joint():
    image = GREY.copy()
    x, y = (int(value) for value in TRUTH.joints_px[0, JOINT_NAMES.index("l_wrist")])
    image[y, x] = 255
    flipped, truth = mirrored(image, TRUTH, seed=3)
    brightest = np.unravel_index(flipped.sum(axis=2).argmax(), flipped.shape[:2])
    joint = truth.joints_px[0, JOINT_NAMES.index("r_wrist")]
    assert np.abs(np.array(brightest)[::-1] + 0.5 - joint).max() <= 1


def test_the_light_changes_with_the_seed_alone():
    assert not np.array_equal(mirrored(GREY, TRUTH, seed=1)[0], mirrored(GREY, TRUTH, seed=2)[0])
    np.testing.assert_array_equal(mirrored(GREY, TRUTH, seed=1)[0], mirrored(GREY, TRUTH, seed=1)[0])


# The same frame from another camera -----------------------------------------------------------------------------------


def test_a_moved_body_is_turned_about_the_line_of_sight_and_keeps_its_depth_and_its_size():
    _, truth = moved(GREY, TRUTH, seed=1)
    np.testing.assert_array_equal(truth.joints_m[..., 2], TRUTH.joints_m[..., 2])
    np.testing.assert_allclose(
        np.linalg.norm(truth.joints_m, axis=2), np.linalg.norm(TRUTH.joints_m, axis=2), rtol=1e-5
    )
    assert np.abs(truth.joints_m - TRUTH.joints_m).max() > 1e-3


def test_the_moved_truth_is_what_a_longer_lens_sees():
    _, truth = moved(GREY, TRUTH, seed=1)
    middle = np.array(SIZE_WH) / 2
    seen_px, given_px = project_px(truth.joints_m, VIEW) - middle, truth.joints_px - middle
    zoom = np.linalg.norm(given_px[0, NECK]) / np.linalg.norm(seen_px[0, NECK])
    assert 1 <= zoom <= 1.15
    np.testing.assert_allclose(given_px, zoom * seen_px, atol=1e-2)


def test_a_mark_moves_with_its_joint():
    wrist = JOINT_NAMES.index("l_wrist")
    for seed in range(10):
        image = GREY.copy()
        x, y = (int(value) for value in TRUTH.joints_px[0, wrist])
        image[y - 1 : y + 2, x - 1 : x + 2] = 255
        taken, truth = moved(image, TRUTH, seed)
        rows, columns = np.nonzero(taken[..., 0] > 180)
        found = np.array((columns.mean(), rows.mean())) + 0.5
        assert np.abs(found - truth.joints_px[0, wrist]).max() < 1.2


def test_what_moves_out_of_the_image_is_marked_so_and_the_rest_stays_as_it_was():
    near_the_border = truth_of(leaning((-1.75, -0.5, 4.0)))
    for seed in range(10):
        _, truth = moved(GREY, near_the_border, seed)
        inside = ((truth.joints_px >= 0) & (truth.joints_px < SIZE_WH)).all(axis=2)
        np.testing.assert_array_equal(truth.visibility == Visibility.OUT_OF_FRAME, ~inside)
        assert (truth.visibility[inside] == near_the_border.visibility[inside]).all()
