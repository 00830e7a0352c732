"""Peaks are those of the maps upsampled whole, and no row that can have one is left out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.workers.pose.decoding import oracle
from workers.pose.decoding.peaks import (
    OVERSHOOT,
    _far_enough_apart,
    _gaps_that_can_reach,
    _summits,
    find_peaks,
)

SIZES = [(32, 56), (32, 42), (32, 80), (7, 5), (2, 3)]


def upsampled(heatmaps: np.ndarray) -> np.ndarray:
    return np.stack([cv2.resize(m, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC) for m in heatmaps])


def gaps(heatmaps: np.ndarray) -> np.ndarray:
    height = heatmaps.shape[1]
    return _gaps_that_can_reach(np.float32(0.1), heatmaps, np.clip(np.arange(-2, height + 2), 0, height - 1))


@pytest.mark.parametrize("hw", SIZES)
@pytest.mark.parametrize("noise", [0.02, 0.08, 0.5])  # hardly any row, some rows, every row can reach 0.1
def test_peaks_are_those_of_the_map_upsampled_whole(hw, noise) -> None:
    heatmaps = np.random.default_rng(4).normal(0, noise, (18, *hw)).astype(np.float32)

    peaks = find_peaks(heatmaps)

    for joint in range(18):
        expected = oracle.peaks_of(upsampled(heatmaps)[joint], first_id=0)
        found = slice(peaks.first[joint], peaks.first[joint + 1])
        assert list(zip(peaks.x[found], peaks.y[found], strict=True)) == [(peak.x, peak.y) for peak in expected]
        # To the last bit except at the top and the bottom border.
        np.testing.assert_allclose(peaks.score[found], [peak.score for peak in expected], rtol=1e-6)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    hw=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    values=st.lists(st.sampled_from([-1e3, -1.0, -0.2, 0.0, 0.06, 0.071, 0.09, 0.0999, 0.1, 0.2, 1.0]), min_size=1),
)
def test_every_value_that_reaches_the_threshold_is_in_a_gap_that_was_said_to_be_able_to(seed, hw, values) -> None:
    heatmaps = np.random.default_rng(seed).choice(np.array(values, np.float32), (18, *hw))
    joint, y, _ = np.nonzero(upsampled(heatmaps) >= 0.1)
    assert gaps(heatmaps)[joint, (y + 2) // 4].all()


def test_the_overshoot_is_what_the_kernel_weighs_negative_at_most() -> None:
    # A step of the kernel's outer neighbours alone: 0 in the middle, 1 outside, along one axis.
    outside_only = np.array([[0, 0, 0, 1, 0, 0, 1, 0, 0, 0]], np.float32)
    at_the_gap = cv2.resize(outside_only, (40, 1), interpolation=cv2.INTER_CUBIC)[0, 18:22]
    assert at_the_gap.min() == pytest.approx(-OVERSHOOT)


def test_a_peak_that_only_the_overshoot_lifts_above_the_threshold_is_found() -> None:
    heatmaps = np.zeros((18, 8, 8), np.float32)
    heatmaps[3, 3:5, 3:5] = 0.08  # four equal cells: 0.08 * 1.18 ** 2 = 0.11 between them
    heatmaps[3, 3, 3] = 0.081
    peaks = find_peaks(heatmaps)
    assert len(peaks.x) == 1
    assert peaks.score[0] > 0.1 > heatmaps.max()


def test_rows_that_can_not_reach_the_threshold_are_left_out() -> None:
    heatmaps = np.zeros((18, 32, 56), np.float32)
    heatmaps[3, 10, 20] = 1
    assert set(np.argwhere(gaps(heatmaps))[:, 0]) == {3}
    # Four gaps have the row in reach; in the outer two it weighs negative.
    assert np.flatnonzero(gaps(heatmaps)[3]).tolist() == [10, 11]


def test_a_plateau_has_no_summit_and_a_border_pixel_can_be_one() -> None:
    fine = np.zeros((6, 4), np.float32)
    fine[1, 0] = 0.5
    fine[1, 3] = 0.6  # next to it in memory is the next row's first
    fine[2, 0] = 0.4
    fine[3, 1:3] = 0.3
    rows, columns = _summits(fine)
    assert sorted(zip(rows.tolist(), columns.tolist(), strict=True)) == [(1, 0), (1, 3)]


@pytest.mark.parametrize(
    ("points", "kept"),
    [
        ([(10, 10), (12, 12)], [0]),  # 2.8 px apart
        ([(10, 10), (13, 10)], [0, 1]),  # exactly 3
        ([(10, 10), (10, 12)], [0]),
        ([(10, 10), (12, 10), (14, 10)], [0, 2]),  # a removed one removes nobody
        ([(10, 10), (11, 30), (12, 11)], [0, 1]),  # others of that column in between
    ],
)
def test_a_peak_removes_the_later_ones_nearer_than_3_px(points, kept) -> None:
    x, y = np.array(points).T
    assert _far_enough_apart(np.zeros_like(x), x, y).tolist() == kept


def test_peaks_of_other_joints_remove_nobody() -> None:
    joint = np.array([0, 0, 1, 1])
    x, y = np.array([(0, 5), (223, 5), (0, 5), (1, 5)]).T
    assert _far_enough_apart(joint, x, y).tolist() == [0, 1, 2]


def test_empty_maps_have_no_peaks() -> None:
    peaks = find_peaks(np.zeros((18, 32, 56), np.float32))
    assert peaks.x.shape == peaks.y.shape == peaks.score.shape == (0,)
    assert peaks.first.tolist() == [0] * 19
