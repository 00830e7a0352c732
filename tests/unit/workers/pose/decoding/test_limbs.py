"""Pairs of peaks and their scores."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.unit.workers.pose.decoding import oracle
from workers.pose.decoding import limbs
from workers.pose.decoding.limbs import JOINTS_A, JOINTS_B, PAF_XY, find_pairs
from workers.pose.decoding.peaks import Peaks


def peaks_at(*points_by_joint: list[tuple[int, int]]) -> Peaks:
    """Peaks of the first joints; the others have none."""
    per_joint = [*points_by_joint, *[[]] * (18 - len(points_by_joint))]
    points = np.array([point for points in per_joint for point in points], np.intp).reshape(-1, 2)
    first = np.concatenate(([0], np.cumsum([len(points) for points in per_joint])))
    return Peaks(points[:, 0], points[:, 1], np.full(len(points), 0.5, np.float32), first)


def pafs_to(x: float, y: float, hw=(32, 56)) -> np.ndarray:
    """All limbs' fields the same everywhere."""
    return np.tile(np.array([x, y], np.float32)[:, None, None], (19, *hw))


def test_the_limbs_are_the_references() -> None:
    table = zip(JOINTS_A.tolist(), JOINTS_B.tolist(), *PAF_XY.tolist(), strict=True)
    assert tuple(table) == oracle.LIMBS


def test_pairs_and_scores_are_those_of_the_plain_loops() -> None:
    rng = np.random.default_rng(5)
    points = [[tuple(point) for point in rng.integers((224, 128), size=(rng.integers(0, 7), 2))] for _ in range(18)]
    peaks = peaks_at(*points)
    # Fields smooth enough that some pairs have all ten samples above the threshold.
    coarse = rng.normal(0, 1, (38, 3, 4)).astype(np.float32)
    pafs = np.stack([cv2.resize(channel, (56, 32), interpolation=cv2.INTER_LINEAR) for channel in coarse])

    pairs = find_pairs(peaks, pafs)

    expected = []
    for limb, (joint_a, joint_b, channel_x, channel_y) in enumerate(oracle.LIMBS):
        paf_x, paf_y = oracle.upsampled(pafs[channel_x]), oracle.upsampled(pafs[channel_y])
        for a in range(peaks.first[joint_a], peaks.first[joint_a + 1]):
            for b in range(peaks.first[joint_b], peaks.first[joint_b + 1]):
                at_a, at_b = (oracle.Peak(i, int(peaks.x[i]), int(peaks.y[i]), 0.5) for i in (a, b))
                score = oracle.pair_score(at_a, at_b, paf_x, paf_y)
                if score is not None:
                    expected.append((limb, a, b, score))
    expected.sort(key=lambda pair: (pair[0], -pair[3]))
    assert len(expected) > 20
    found = list(zip(pairs.limb.tolist(), pairs.peak_a.tolist(), pairs.peak_b.tolist(), strict=True))
    assert found == [pair[:3] for pair in expected]
    np.testing.assert_allclose(pairs.score, [pair[3] for pair in expected], rtol=1e-4, atol=1e-6)


def test_batches_of_any_size_give_the_same_pairs(monkeypatch) -> None:
    rng = np.random.default_rng(6)
    peaks = peaks_at(*([tuple(p) for p in rng.integers((224, 128), size=(6, 2))] for _ in range(18)))
    at_once = find_pairs(peaks, pafs_to(0.6, 0.6))
    monkeypatch.setattr(limbs, "PAIRS_AT_ONCE", 5)
    in_batches = find_pairs(peaks, pafs_to(0.6, 0.6))
    assert len(at_once.limb) > 50
    for name in ("limb", "peak_a", "peak_b"):
        np.testing.assert_array_equal(getattr(in_batches, name), getattr(at_once, name))
    np.testing.assert_allclose(in_batches.score, at_once.score, rtol=1e-5, atol=1e-6)


# The neck is joint 1, the right shoulder joint 2 and their limb is limb 0; the nose's limb 12 goes from neck to nose.
@pytest.mark.parametrize(
    ("neck", "r_shoulder", "field", "score"),
    [
        ((20, 20), (50, 20), (0.8, 0.0), 0.8),
        ((50, 20), (20, 20), (0.8, 0.0), None),  # against the field
        ((20, 20), (20, 50), (0.8, 0.0), None),  # across the field
        ((20, 20), (50, 60), (0.6, 0.8), 1.0),  # along it on both axes
        ((20, 20), (148, 20), (0.8, 0.0), 0.8 + 64 / 128 - 1),  # twice the length that scores in full
        ((4, 20), (220, 20), (0.7, 0.0), None),  # so long that its score is below 0
        ((20, 20), (50, 20), (0.051, 0.0), 0.051),
        ((20, 20), (50, 20), (0.049, 0.0), None),
        ((20, 20), (20, 20), (0.8, 0.0), None),  # no length, no direction
    ],
)
def test_a_pair_scores_by_its_length_and_by_the_field_along_it(neck, r_shoulder, field, score) -> None:
    pairs = find_pairs(peaks_at([], [neck], [r_shoulder]), pafs_to(*field))
    if score is None:
        assert pairs.limb.size == 0
    else:
        assert (pairs.limb.tolist(), pairs.peak_a.tolist(), pairs.peak_b.tolist()) == ([0], [0], [1])
        assert pairs.score[0] == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize("weak_cell", range(5, 13))
def test_one_weak_sample_anywhere_disconnects_a_pair(weak_cell) -> None:
    pafs = pafs_to(0.8, 0.0)
    peaks = peaks_at([], [(20, 20)], [(50, 20)])  # cells 5 to 12
    assert find_pairs(peaks, pafs).limb.size == 1
    pafs[:, :, weak_cell] = -3  # negative beyond what its neighbours can make up for
    assert find_pairs(peaks, pafs).limb.size == 0
