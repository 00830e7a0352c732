"""The rules of ACCURACY.md, each with a case worked out by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posestream.messages import Person
from posestream.skeleton import JOINT_COUNT, JOINT_INDEX, NECK, PELVIS
from producer.synthetic.truth import Truth, Visibility
from tests.unit.training.people import found, leaning, truth_of
from training.accuracy import Accuracy, distances, match

LEFT, RIGHT = leaning((-1.0, -0.5, 4.0)), leaning((1.0, -0.5, 4.0))


def measured(truth: Truth, *people: Person, px_scale: float = 1.0) -> Accuracy:
    accuracy = Accuracy()
    accuracy.add(truth, people, px_scale)
    return accuracy


def moved(person: Person, *, px: tuple[float, float] = (0, 0), m: tuple[float, float, float] = (0, 0, 0)) -> Person:
    return replace(
        person,
        joints_px=person.joints_px + np.array(px, np.float32),
        joints_m=person.joints_m + np.array(m, np.float32),
    )


def with_visible(truth: Truth, count: int, others: Visibility = Visibility.SELF_OCCLUDED) -> Truth:
    visibility = np.full((len(truth), JOINT_COUNT), others, np.uint8)
    visibility[:, :count] = Visibility.VISIBLE
    return replace(truth, visibility=visibility)


# The best, and nothing ------------------------------------------------------------------------------------------------


def test_the_truth_itself_is_without_error():
    truth = truth_of(LEFT, RIGHT)
    accuracy = measured(truth, found(truth, 1), found(truth, 0))
    assert (accuracy.counted, accuracy.matched, accuracy.predicted, accuracy.extra) == (2, 2, 2, 0)
    assert accuracy.found_share == 1
    assert accuracy.extra_share == 0
    assert accuracy.joints_share == 1
    assert accuracy.mean_error_px == 0
    assert accuracy.mpjpe_mm == pytest.approx(0)
    assert accuracy.depth_error_m == 0


def test_where_nobody_is_and_nobody_was_found_there_is_nothing_to_measure():
    accuracy = measured(truth_of())
    assert accuracy.frames == 1
    assert math.isnan(accuracy.found_share)
    assert math.isnan(accuracy.extra_share)
    assert json.loads(json.dumps(accuracy.as_dict()))["mpjpe_mm"] is None


def test_whoever_is_found_in_an_empty_scene_is_extra():
    accuracy = measured(truth_of(), found(truth_of(LEFT), 0))
    assert (accuracy.predicted, accuracy.extra, accuracy.extra_share) == (1, 1, 1)


# Who counts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("visible", "counted"), [(7, 0), (8, 1)])
def test_eight_visible_joints_make_somebody_count(visible, counted):
    truth = with_visible(truth_of(LEFT), visible)
    assert measured(truth).counted == counted
    assert measured(truth, found(truth, 0)).matched == counted


def test_somebody_who_does_not_count_can_be_found_without_being_extra():
    truth = with_visible(truth_of(LEFT), 7)
    accuracy = measured(truth, found(truth, 0))
    assert (accuracy.counted, accuracy.predicted, accuracy.extra) == (0, 1, 0)
    assert math.isnan(accuracy.mean_error_px)


def test_it_takes_three_common_joints_to_be_found():
    person = found(truth_of(LEFT), 0)  # which has no pelvis in the image, the third joint
    assert measured(with_visible(truth_of(LEFT), 3, others=Visibility.OUT_OF_FRAME), person).extra == 1
    assert measured(with_visible(truth_of(LEFT), 4, others=Visibility.OUT_OF_FRAME), person).extra == 0


# Who is who -----------------------------------------------------------------------------------------------------------


def box(width: float, height: float) -> Truth:
    """Somebody whose joints span a box of this size in pixels."""
    truth = truth_of(LEFT)
    joints_px = np.full((1, JOINT_COUNT, 2), (100.0, 100.0), np.float32)
    joints_px[0, -1] += (width, height)
    return replace(truth, joints_px=joints_px)


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(40, 90, 60), (10, 100, 40), (0, 0, 16)],  # sides count as 16 pixels at least
)
def test_distance_is_in_units_of_the_root_of_the_box(width, height, size):
    truth = box(width, height)
    person = moved(found(truth, 0), px=(0.2 * size, 0))
    assert distances(truth, [person], 1.0)[0, 0] == pytest.approx(0.2)


@pytest.mark.parametrize(("offset", "extra"), [(0.29, 0), (0.31, 1)])
def test_beyond_three_tenths_it_is_somebody_else(offset, extra):
    truth = box(40, 90)
    assert measured(truth, moved(found(truth, 0), px=(0, offset * 60))).extra == extra


def test_only_joints_that_were_found_and_are_in_the_image_tell_the_distance():
    truth = with_visible(truth_of(LEFT), 12, others=Visibility.OUT_OF_FRAME)
    person = found(truth_of(LEFT), 0)
    person.joints_px[12:] += 1000  # outside in truth
    person.joints_px[:5] = np.nan  # not found
    assert distances(truth, [person], 1.0)[0, 0] == 0


def test_joints_that_are_hidden_tell_the_distance_too():
    truth = with_visible(truth_of(LEFT), 8, others=Visibility.OCCLUDED)
    person = found(truth_of(LEFT), 0)
    person.joints_px[8:] += (60, 0)
    assert distances(truth, [person], 1.0)[0, 0] > 0.1


def test_the_closest_pair_is_made_first():
    """Somebody between two people goes to the closer one, whatever their order."""
    first, second = truth_of(LEFT), truth_of(leaning((-0.9, -0.5, 4.0)))
    truth = truth_of(LEFT, leaning((-0.9, -0.5, 4.0)))
    shift_px = float(second.joints_px[0, NECK, 0] - first.joints_px[0, NECK, 0])
    between = moved(found(first, 0), px=(0.7 * shift_px, 0))
    assert match(truth, [between], 1.0) == [(1, 0)]
    assert sorted(match(truth, [between, found(first, 0)], 1.0)) == [(0, 1), (1, 0)]


def test_of_two_that_are_found_for_one_person_the_second_is_extra():
    truth = truth_of(LEFT)
    accuracy = measured(truth, moved(found(truth, 0), px=(3, 0)), moved(found(truth, 0), px=(1, 0)))
    assert (accuracy.matched, accuracy.extra) == (1, 1)
    assert accuracy.mean_error_px == pytest.approx(1, rel=1e-4)


# How far off ----------------------------------------------------------------------------------------------------------


def test_pixels_are_those_of_256_rows():
    truth = truth_of(LEFT)
    large = replace(truth, joints_px=truth.joints_px * 3)
    accuracy = measured(large, moved(found(large, 0), px=(9, 12)), px_scale=1 / 3)
    assert accuracy.mean_error_px == pytest.approx(5, rel=1e-4)


def test_in_the_image_only_visible_joints_that_were_found_are_judged():
    truth = truth_of(LEFT)
    truth.visibility[0, JOINT_INDEX["l_wrist"]] = Visibility.SELF_OCCLUDED
    person = found(truth_of(LEFT), 0)
    person.joints_px[JOINT_INDEX["l_wrist"]] += 50
    person.joints_px[JOINT_INDEX["r_wrist"]] = np.nan
    accuracy = measured(truth, person)
    assert accuracy.mean_error_px == 0
    assert (accuracy.visible_joints, accuracy.found_joints) == (17, 16)  # neither the left wrist nor the pelvis


def test_in_space_all_joints_are_judged_with_the_necks_on_each_other():
    truth = with_visible(truth_of(LEFT), 8)
    person = moved(found(truth, 0), m=(3, 2, 1))
    person.joints_m[JOINT_INDEX["r_ankle"]] += (0, 0, 0.19)  # not visible
    accuracy = measured(truth, person)
    assert accuracy.mpjpe_mm == pytest.approx(10, rel=1e-3)
    assert accuracy.depth_error_m == pytest.approx(1, rel=1e-3)


def with_unknown(truth: Truth, person: Person, *joints: int) -> Accuracy:
    """Measure somebody of whom the truth knows all joints but some, which it has at the origin of its world."""
    known = np.ones((1, JOINT_COUNT), bool)
    known[0, list(joints)] = False
    truth.joints_m[0, list(joints)] = (0, 0, 9)
    accuracy = Accuracy()
    accuracy.add(truth, [person], 1.0, known)
    return accuracy


def test_joints_that_the_truth_does_not_know_are_not_judged_in_space():
    truth = truth_of(LEFT)
    person = moved(found(truth, 0), m=(3, 2, 1))
    person.joints_m[JOINT_INDEX["r_ankle"]] += (0, 0, 0.18)
    accuracy = with_unknown(truth, person, JOINT_INDEX["l_ankle"])
    assert accuracy.mpjpe_mm == pytest.approx(10, rel=1e-3)
    assert accuracy.depth_error_m == pytest.approx(1, rel=1e-3)


def test_without_neck_or_pelvis_nothing_is_said_that_hangs_on_them():
    truth = truth_of(LEFT)
    person = moved(found(truth, 0), m=(0, 0, 1))
    necks = with_unknown(truth_of(LEFT), person, NECK)
    assert math.isnan(necks.mpjpe_mm)
    assert necks.depth_error_m == pytest.approx(1, rel=1e-3)
    pelvises = with_unknown(truth_of(LEFT), person, PELVIS)
    assert pelvises.mpjpe_mm == pytest.approx(0, abs=1e-3)
    assert math.isnan(pelvises.depth_error_m)
    assert pelvises.matched == 1


def test_people_count_alike_in_space_and_depth_is_a_median():
    truth = truth_of(LEFT, RIGHT, leaning((0.02, -0.5, 6.0)))
    people = [found(truth, number) for number in range(3)]
    for number, depth_m in enumerate((0.1, 0.2, 5.0)):
        people[number] = moved(people[number], m=(0, 0, depth_m))
    people[0].joints_m[NECK] += (0.19, 0, 0)  # then 18 joints are off by 190 mm, from the neck
    accuracy = measured(truth, *people)
    assert accuracy.mpjpe_mm == pytest.approx(190 * 18 / 19 / 3, rel=1e-3)
    assert accuracy.depth_error_m == pytest.approx(0.2, rel=1e-3)


def test_a_pelvis_in_the_image_is_not_missed():
    truth = truth_of(LEFT)
    assert np.isnan(found(truth, 0).joints_px[PELVIS]).all()
    assert measured(truth, found(truth, 0)).joints_share == 1


def test_frames_add_up():
    truth = truth_of(LEFT, RIGHT)
    accuracy = Accuracy()
    accuracy.add(truth, [found(truth, 0)], 1.0)
    accuracy.add(truth, [moved(found(truth, 0), px=(2, 0)), found(truth_of(leaning((0.02, -0.5, 2.5))), 0)], 1.0)
    assert accuracy.as_dict() == {
        "frames": 2,
        "counted": 4,
        "matched": 2,
        "predicted": 3,
        "extra": 1,
        "found_joints": 36,
        "found_share": 0.5,
        "extra_share": 0.33333,
        "joints_share": 1.0,
        "mean_error_px": 1.0,
        "mpjpe_mm": 0.0,
        "depth_error_m": 0.0,
    }


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), true=st.integers(0, 4), given_people=st.integers(0, 5))
def test_whatever_is_found_the_counts_are_consistent(seed, true, given_people):
    rng = np.random.default_rng(seed)
    truth = truth_of(*(leaning((rng.uniform(-1.5, 1.5), -0.5, rng.uniform(2.5, 6))) for _ in range(true)))
    truth = replace(truth, visibility=rng.integers(0, 4, truth.visibility.shape).astype(np.uint8))
    sources = [found(truth_of(leaning((rng.uniform(-1.5, 1.5), -0.5, 4.0))), 0) for _ in range(given_people)]
    people = [moved(person, px=tuple(rng.normal(0, 5, 2))) for person in sources]
    accuracy = measured(truth, *people)
    pairs = match(truth, people, 1.0)
    assert accuracy.matched <= min(accuracy.counted, len(pairs))
    assert accuracy.extra == accuracy.predicted - len(pairs) >= 0
    assert len({pair[0] for pair in pairs}) == len({pair[1] for pair in pairs}) == len(pairs)
    order = rng.permutation(given_people).tolist()
    shuffled = match(truth, [people[index] for index in order], 1.0)
    assert sorted(pairs) == sorted((one, order[other]) for one, other in shuffled)
