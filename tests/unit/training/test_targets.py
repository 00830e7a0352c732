"""Targets, mostly by what the worker's own decoder makes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posestream.skeleton import JOINT_INDEX, NECK, PELVIS
from producer.synthetic.truth import Truth, Visibility
from tests.unit.training.people import SIZE_WH, VIEW, leaning, truth_of
from training.scenes import sample_frame
from training.targets import Targets, draw_targets
from workers.pose.decoding import People, decode
from workers.pose.decoding.joints import OPENPOSE_INDEX
from workers.pose.decoding.lifting import BODY_HEIGHT_M
from workers.pose.decoding.limbs import LIMBS

FAR_APART = (leaning((-1.2, -0.5, 4.0)), leaning((1.1, -0.4, 3.5), forward=-0.3))


def decoded(targets: Targets) -> People:
    return decode(targets.features, targets.heatmaps, targets.pafs, VIEW)


def in_order_of_x(people: People) -> list[int]:
    return list(np.argsort(people.joints_px[:, NECK, 0]))


def test_the_decoder_makes_the_truth_of_the_targets():
    truth = truth_of(*FAR_APART)
    people = decoded(draw_targets(truth, SIZE_WH))

    assert len(people) == 2
    for number, person in enumerate(in_order_of_x(people)):
        given_px, true_px = people.joints_px[person], truth.joints_px[number]
        distances_px = np.delete(np.linalg.norm(given_px - true_px, axis=1), PELVIS)
        # The decoder finds peaks on a grid of 2 pixels.
        assert distances_px.max() < 2.0
        assert distances_px.mean() < 1.2
        given_m, true_m = people.joints_m[person], truth.joints_m[number]
        np.testing.assert_allclose(given_m - given_m[PELVIS], true_m - true_m[PELVIS], atol=1e-4)
        assert given_m[PELVIS, 2] == pytest.approx(true_m[PELVIS, 2], rel=0.1)


def test_positions_have_no_bias():
    """A target half a cell off would train a network that is half a cell off."""
    rng = np.random.default_rng(3)
    differences_px = []
    for _ in range(40):
        truth = truth_of(leaning((rng.uniform(-1.5, 1.5), rng.uniform(-0.7, -0.3), rng.uniform(3.0, 5.0))))
        people = decoded(draw_targets(truth, SIZE_WH))
        differences_px.append(np.delete(people.joints_px[0] - truth.joints_px[0], PELVIS, axis=0))
    assert np.nanmean(np.concatenate(differences_px), axis=0) == pytest.approx((0, 0), abs=0.15)


def test_people_of_training_frames_come_back():
    """Randomised scenes, people in front of each other included, with perfect maps: what is lost is the decoder's."""
    counted, back = 0, 0
    for seed in range(12):
        _, truth = sample_frame(seed, SIZE_WH)
        counted += int(((truth.visibility == Visibility.VISIBLE).sum(axis=1) >= 8).sum())
        back += len(decoded(draw_targets(truth, SIZE_WH)))
    assert counted > 15
    assert 0.9 * counted <= back


@pytest.mark.parametrize("size_wh", [(448, 256), (256, 256), (320, 256)])
def test_maps_have_the_size_of_the_input(size_wh):
    targets = draw_targets(truth_of(FAR_APART[0], size_wh=size_wh), size_wh)
    hw = (size_wh[1] // 8, size_wh[0] // 8)
    assert targets.heatmaps.shape == targets.heatmap_weights.shape == (19, *hw)
    assert targets.pafs.shape == (38, *hw)
    assert targets.paf_weights.shape == (19, *hw)
    assert targets.features.shape == (57, *hw)
    assert targets.feature_weights.shape == (19, *hw)
    assert {getattr(targets, name).dtype for name in Targets.__slots__} == {np.dtype(np.float32)}


def test_an_empty_scene_asks_for_empty_maps_everywhere():
    targets = draw_targets(truth_of(), SIZE_WH)
    assert not targets.heatmaps[:18].any()
    assert (targets.heatmaps[18] == 1).all()
    assert (targets.heatmap_weights == 1).all()
    assert not targets.pafs.any()
    assert (targets.paf_weights == 1).all()
    assert not targets.feature_weights.any()


# Who counts -----------------------------------------------------------------------------------------------------------


def with_hidden(truth: Truth, *joints: str, visibility: Visibility = Visibility.OCCLUDED) -> Truth:
    changed = truth.visibility.copy()
    changed[0, [JOINT_INDEX[joint] for joint in joints]] = visibility
    return replace(truth, visibility=changed)


def cell_of(truth: Truth, joint: str) -> tuple[int, int]:
    x, y = truth.joints_px[0, JOINT_INDEX[joint]] // 8
    return int(y), int(x)


def test_a_joint_that_another_person_hides_is_neither_asked_for_nor_punished():
    truth = with_hidden(truth_of(FAR_APART[0]), "l_wrist")
    targets = draw_targets(truth, SIZE_WH)
    at = cell_of(truth, "l_wrist")
    wrist, elbow = OPENPOSE_INDEX["l_wrist"], OPENPOSE_INDEX["l_elbow"]
    assert not targets.heatmaps[wrist].any()
    assert targets.heatmap_weights[(wrist, *at)] == 0
    assert targets.heatmap_weights[(18, *at)] == 0
    assert targets.heatmap_weights[(elbow, *at)] == 1
    assert (targets.heatmap_weights[wrist] == 0).sum() < 20
    limb = next(channel // 2 for a, b, channel in LIMBS if (a, b) == ("l_elbow", "l_wrist"))
    assert not targets.pafs[2 * limb : 2 * limb + 2].any()
    assert targets.paf_weights[(limb, *at)] == 0
    assert targets.feature_weights[(JOINT_INDEX["l_wrist"], *at)] < 0.2  # at most the rim of the elbow's disc


def test_a_joint_that_the_own_body_hides_is_asked_for():
    truth = with_hidden(truth_of(FAR_APART[0]), "l_wrist", visibility=Visibility.SELF_OCCLUDED)
    plain = draw_targets(truth_of(FAR_APART[0]), SIZE_WH)
    for name in Targets.__slots__:
        np.testing.assert_array_equal(getattr(draw_targets(truth, SIZE_WH), name), getattr(plain, name))


def test_a_joint_outside_the_image_is_not_asked_for():
    truth = truth_of(leaning((0.03, -0.1, 2.2)))  # the feet are below the image
    assert truth.visibility[0, JOINT_INDEX["l_ankle"]] == Visibility.OUT_OF_FRAME
    targets = draw_targets(truth, SIZE_WH)
    assert not targets.heatmaps[OPENPOSE_INDEX["l_ankle"]].any()
    assert (targets.heatmap_weights == 1).all()
    assert len(decoded(targets)) == 1


def test_somebody_with_a_hidden_neck_is_found_all_the_same():
    people = decoded(draw_targets(with_hidden(truth_of(FAR_APART[0]), "neck"), SIZE_WH))
    assert len(people) == 1


def test_a_neck_is_not_guessed_where_little_else_is_visible():
    truth = truth_of(FAR_APART[0], visibility=np.full((1, 19), Visibility.OCCLUDED))
    targets = draw_targets(truth, SIZE_WH)
    assert not targets.heatmaps[:18].any()
    assert targets.heatmap_weights[(OPENPOSE_INDEX["neck"], *cell_of(truth, "neck"))] == 0


def test_a_visible_joint_counts_where_another_ones_is_hidden():
    shown, hidden = leaning((0.03, -0.5, 4.0)), leaning((0.05, -0.5, 4.1))
    visibility = np.array([[Visibility.VISIBLE] * 19, [Visibility.OCCLUDED] * 19])
    truth = truth_of(shown, hidden, visibility=visibility)
    targets = draw_targets(truth, SIZE_WH)
    at = (OPENPOSE_INDEX["l_knee"], *cell_of(truth, "l_knee"))
    assert targets.heatmaps[at] > 0.5
    assert targets.heatmap_weights[at] == 1
    assert len(decoded(targets)) == 1


def test_people_behind_the_camera_are_ignored():
    behind = replace(truth_of(FAR_APART[0]), joints_px=np.full((1, 19, 2), np.nan, np.float32))
    assert not draw_targets(behind, SIZE_WH).heatmaps[:18].any()


# Where people meet ----------------------------------------------------------------------------------------------------


def test_locations_are_those_of_the_person_whose_joint_is_nearest():
    left, right = leaning((-0.06, -0.5, 4.0)), leaning((0.06, -0.5, 4.0), forward=-0.4)
    truth = truth_of(left, right)
    targets = draw_targets(truth, SIZE_WH)
    for number in (0, 1):
        x, y = truth.joints_px[number, NECK] // 8
        given = targets.features[:, int(y), int(x)].reshape(19, 3) * BODY_HEIGHT_M
        true_m = truth.joints_m[number] - truth.joints_m[number, PELVIS]
        np.testing.assert_allclose(given[NECK], true_m[NECK], atol=1e-6)


def test_fields_of_two_people_are_averaged_where_they_cross():
    truth = truth_of(leaning((0.0, -0.5, 4.0)), leaning((0.0, -0.5, 4.0)))
    single = draw_targets(truth_of(leaning((0.0, -0.5, 4.0))), SIZE_WH)
    np.testing.assert_allclose(draw_targets(truth, SIZE_WH).pafs, single.pafs, atol=1e-6)


def test_fields_are_unit_vectors_from_a_to_b():
    targets = draw_targets(truth_of(FAR_APART[0]), SIZE_WH)
    for a, b, channel in LIMBS:
        field = targets.pafs[channel : channel + 2]
        length = np.hypot(*field)
        assert set(np.round(length[length > 0], 4)) == {1.0}, (a, b)
    down = next(channel for a, b, channel in LIMBS if (a, b) == ("l_hip", "l_knee"))
    assert targets.pafs[down + 1].max() > 0.9


def test_the_whole_face_can_be_read_at_any_of_its_joints():
    """The decoder reads each half of the face at joints of the other one, too."""
    truth = truth_of(leaning((0.0, -0.1, 2.0)))
    targets = draw_targets(truth, SIZE_WH)
    face = ("nose", "l_eye", "l_ear", "r_eye", "r_ear")
    for place in face:
        at = cell_of(truth, place)
        assert all(targets.feature_weights[(JOINT_INDEX[joint], *at)] > 0.5 for joint in face)


def test_an_arm_can_be_read_at_the_other_one_s_joints_too_but_that_counts_less():
    """The decoder often takes a wrist for the other one of the same person."""
    truth = truth_of(FAR_APART[0])
    targets = draw_targets(truth, SIZE_WH)
    own, other = cell_of(truth, "l_wrist"), cell_of(truth, "r_wrist")
    wrist = JOINT_INDEX["l_wrist"]
    weights = [targets.feature_weights[(wrist, *at)] for at in (own, other)]
    assert weights[0] > 0.5
    assert 0.25 < weights[1] <= 0.5
    true_m = truth.joints_m[0, wrist] - truth.joints_m[0, PELVIS]
    for y, x in (own, other):
        given_m = targets.features[3 * wrist : 3 * wrist + 3, y, x] * BODY_HEIGHT_M
        np.testing.assert_allclose(given_m, true_m, atol=1e-6)
