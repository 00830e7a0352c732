"""Every measure against values worked out by hand."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from posestream.messages import Person
from posestream.skeleton import JOINT_COUNT, JOINT_INDEX, PELVIS
from training.metrics import (
    Pair,
    aligned_errors_mm,
    errors_mm,
    open_model_zoo_mm,
    root_relative_errors_mm,
    spatial_figures,
)

TRUE_M = np.random.default_rng(1).normal(0, 0.4, (JOINT_COUNT, 3)) + np.array((0.2, -0.1, 4.0))


def moved(*shift_m: float, joint: str | None = None) -> Pair:
    """Somebody found where they are, but for a shift of all joints or of one."""
    found = TRUE_M.copy()
    found[slice(None) if joint is None else JOINT_INDEX[joint]] += shift_m
    return Pair(found, TRUE_M)


def test_a_shift_counts_in_the_absolute_error_alone() -> None:
    pair = moved(0.03, 0.0, 0.04)  # 3, 4, 5
    np.testing.assert_allclose(errors_mm(pair), 50)
    np.testing.assert_allclose(root_relative_errors_mm(pair), 0, atol=1e-9)
    np.testing.assert_allclose(aligned_errors_mm(pair), 0, atol=1e-9)


def test_a_turned_and_scaled_body_is_right_once_it_is_aligned() -> None:
    turn = cv2.Rodrigues(np.array((0.4, -0.2, 0.7)))[0]
    pair = Pair(1.3 * TRUE_M @ turn.T + np.array((1, 2, 3)), TRUE_M)
    assert root_relative_errors_mm(pair).mean() > 100
    np.testing.assert_allclose(aligned_errors_mm(pair), 0, atol=1e-6)


def test_a_mirror_image_is_not_aligned_away() -> None:
    assert aligned_errors_mm(Pair(TRUE_M * (-1, 1, 1), TRUE_M)).mean() > 50


def test_alignment_is_the_least_squares_one() -> None:
    noisy = Pair(TRUE_M + np.random.default_rng(2).normal(0, 0.05, TRUE_M.shape), TRUE_M)
    best = (aligned_errors_mm(noisy) ** 2).sum()
    assert best < (root_relative_errors_mm(noisy) ** 2).sum()
    rng = np.random.default_rng(3)
    centre = noisy.found_m.mean(axis=0)
    for _ in range(50):  # no other similarity near the plain one is better
        turn = cv2.Rodrigues(rng.normal(0, 0.05, 3))[0]
        other = rng.normal(1, 0.03) * (noisy.found_m - centre) @ turn.T + TRUE_M.mean(axis=0) + rng.normal(0, 0.01, 3)
        assert ((1000 * (other - TRUE_M)) ** 2).sum() >= best - 1e-6


def test_the_figures_of_known_errors_are_known() -> None:
    # One person 120 mm too far with a wrist another 190 mm off, across; and one whose 18 joints are 100 mm off.
    one = moved(0, 0, 0.12)
    one.found_m[JOINT_INDEX["l_wrist"], 0] += 0.19
    other_m = TRUE_M + np.array((0.1, 0, 0))
    other_m[PELVIS] = TRUE_M[PELVIS]
    figures = spatial_figures([one, Pair(other_m, TRUE_M)])
    assert figures.pairs == 2
    wrist = math.hypot(120, 190)
    assert figures.mpjpe_mm == pytest.approx(((18 * 120 + wrist) / 19 + 18 * 100 / 19) / 2)
    assert figures.root_relative_mm == pytest.approx((190 / 19 + 18 * 100 / 19) / 2)
    assert figures.pck == pytest.approx(35 / 36)  # all but the wrist; pelvises do not count
    # Of the limits 0, 5, … 150 all 31 hold 17 joints without error; the 11 from 100 on hold the 18 that are 100 off.
    assert figures.auc == pytest.approx((31 * 17 + 11 * 18) / 31 / 36)
    assert figures.per_joint_mm[JOINT_INDEX["l_wrist"]] == pytest.approx((190 + 100) / 2)
    assert figures.per_joint_mm[PELVIS] == 0
    depth = TRUE_M[PELVIS, 2]
    (filled,) = [entry for entry in figures.per_distance if entry[2]]
    assert filled[0] <= depth < filled[1]
    assert filled[2:] == pytest.approx((2, figures.mpjpe_mm, figures.root_relative_mm))


def test_joints_that_the_truth_does_not_know_do_not_count() -> None:
    true_m = TRUE_M.copy()
    true_m[5] = np.nan
    pair = Pair(TRUE_M + np.array((0.05, 0, 0)), true_m)
    figures = spatial_figures([pair])
    assert figures.mpjpe_mm == pytest.approx(50)
    assert figures.aligned_mm == pytest.approx(0, abs=1e-6)
    assert figures.pck == 1
    assert math.isnan(figures.per_joint_mm[5])


def test_somebody_whose_pelvis_is_unknown_counts_where_it_does_not_matter() -> None:
    true_m = TRUE_M.copy()
    true_m[PELVIS] = np.nan
    unknown = Pair(TRUE_M + np.array((0.05, 0, 0)), true_m)
    wrist = TRUE_M.copy()
    wrist[JOINT_INDEX["l_wrist"], 0] += 0.19
    figures = spatial_figures([unknown, Pair(wrist, TRUE_M)])
    assert figures.pairs == 2
    assert figures.mpjpe_mm == pytest.approx((50 + 10) / 2)
    assert figures.root_relative_mm == pytest.approx(10)
    assert figures.pck == pytest.approx(17 / 18)
    assert figures.per_joint_mm[JOINT_INDEX["l_wrist"]] == pytest.approx(190)
    assert sum(entry[2] for entry in figures.per_distance) == 1
    assert not math.isnan(figures.aligned_mm)
    assert math.isnan(spatial_figures([unknown]).root_relative_mm)


def test_without_anybody_there_is_nothing_to_say() -> None:
    figures = spatial_figures([])
    assert figures.pairs == 0
    assert all(math.isnan(value) for value in (figures.mpjpe_mm, figures.pck, figures.auc, figures.aligned_mm))


# Open Model Zoo's -----------------------------------------------------------------------------------------------------


def square_px(left: float, top: float, side: float = 100.0) -> np.ndarray:
    """Joints whose box is a square."""
    joints = np.full((JOINT_COUNT, 2), (left + side / 2, top + side / 2))
    joints[0], joints[1] = (left, top), (left + side, top + side)
    return joints


def person(joints_px: np.ndarray, joints_m: np.ndarray, score: float) -> Person:
    return Person(None, score, joints_px.astype(np.float32), np.ones(19, np.float32), joints_m.astype(np.float32))


def test_their_number_is_a_norm_over_the_number_of_joints() -> None:
    found = person(square_px(0, 0), TRUE_M + np.array((0.03, 0.0, 0.04)), 1.0)
    number = open_model_zoo_mm([found], square_px(10, 10)[None], TRUE_M[None])
    # Every joint is 50 mm off: the norm is 50 times the root of 18, the number that over 18.
    assert number == pytest.approx(math.sqrt(18) * 50 / 18, rel=1e-5)


def test_the_pelvis_is_left_out() -> None:
    found_m = TRUE_M.copy()
    found_m[PELVIS] += 1.0
    number = open_model_zoo_mm([person(square_px(0, 0), found_m, 1.0)], square_px(0, 0)[None], TRUE_M[None])
    assert number == pytest.approx(0, abs=1e-3)


def test_the_surest_goes_first_and_takes_the_box_that_overlaps_most() -> None:
    true_px = np.stack((square_px(0, 0), square_px(60, 0)))
    true_m = np.stack((TRUE_M, TRUE_M + np.array((1.0, 0, 0))))
    unsure = person(square_px(40, 0), true_m[1], 1.0)  # would have the second
    sure = person(square_px(45, 0), true_m[1], 2.0)  # has it, being surer; the first is left
    number = open_model_zoo_mm([unsure, sure], true_px, true_m)
    assert number == pytest.approx((0 + math.sqrt(18) * 1000 / 18) / 2, rel=1e-5)


def test_who_overlaps_nobody_is_left_out_and_an_image_without_a_match_counts_as_nothing() -> None:
    far = person(square_px(500, 500), TRUE_M, 3.0)
    near = person(square_px(0, 0), TRUE_M + np.array((0.18, 0, 0)), 1.0)
    expected = math.sqrt(18) * 180 / 18
    assert open_model_zoo_mm([far, near], square_px(0, 0)[None], TRUE_M[None]) == pytest.approx(expected, rel=1e-4)
    assert open_model_zoo_mm([far], square_px(0, 0)[None], TRUE_M[None]) == 0
    assert open_model_zoo_mm([], square_px(0, 0)[None], TRUE_M[None]) == 0
    assert open_model_zoo_mm([far], np.zeros((0, 19, 2)), np.zeros((0, 19, 3))) == 0


def test_joints_that_were_not_found_are_no_part_of_the_box() -> None:
    joints_px = square_px(0, 0)
    joints_px[PELVIS] = np.nan
    assert open_model_zoo_mm([person(joints_px, TRUE_M, 1.0)], square_px(0, 0)[None], TRUE_M[None]) < 0.001
