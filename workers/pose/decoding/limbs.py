"""Candidate joints to candidate limbs: which pairs of peaks the part affinity fields connect, and how well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from workers.pose.decoding.joints import OPENPOSE_INDEX
from workers.pose.decoding.maps import FloatArray
from workers.pose.decoding.peaks import IntArray, Peaks
from workers.pose.decoding.sampling import FineSampler

LIMBS: Final = (
    ("neck", "r_shoulder", 12),
    ("neck", "l_shoulder", 20),
    ("r_shoulder", "r_elbow", 14),
    ("r_elbow", "r_wrist", 16),
    ("l_shoulder", "l_elbow", 22),
    ("l_elbow", "l_wrist", 24),
    ("neck", "r_hip", 0),
    ("r_hip", "r_knee", 2),
    ("r_knee", "r_ankle", 4),
    ("neck", "l_hip", 6),
    ("l_hip", "l_knee", 8),
    ("l_knee", "l_ankle", 10),
    ("neck", "nose", 28),
    ("nose", "r_eye", 30),
    ("r_eye", "r_ear", 34),
    ("nose", "l_eye", 32),
    ("l_eye", "l_ear", 36),
    ("r_shoulder", "r_ear", 18),
    ("l_shoulder", "l_ear", 26),
)
"""The 19 limbs in the order in which people are put together: joint A, joint B, PAF channel of x (y is next)."""

JOINTS_A: Final = np.array([OPENPOSE_INDEX[a] for a, _, _ in LIMBS])  # (L,)
JOINTS_B: Final = np.array([OPENPOSE_INDEX[b] for _, b, _ in LIMBS])  # (L,)
PAF_XY: Final = np.array([(channel, channel + 1) for _, _, channel in LIMBS]).T  # (2, L)

SAMPLES: Final = 10
MIN_SAMPLE: Final = np.float32(0.05)

FULL_SCORE_LENGTH_PX: Final = 64
"""Fine pixels: half the height of a network input of 256 px. A longer limb's score shrinks with its length."""

ROUNDING_SLACK: Final = 1e-4

PAIRS_AT_ONCE: Final = 1 << 14
"""Bounds the memory that a frame full of noise takes."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """N pairs of peaks that can be a limb, by limb and then best first.

    - `limb` `(N,)` intp: index into `LIMBS`.
    - `peak_a`, `peak_b` `(N,)` intp: indices into `Peaks`.
    - `score` `(N,)` float32, above 0.
    """

    limb: IntArray
    peak_a: IntArray
    peak_b: IntArray
    score: FloatArray


def find_pairs(peaks: Peaks, pafs: FloatArray) -> Pairs:
    """Score the pairs of candidates of every limb with the part affinity fields `(38, H, W)`, float32 and finite.

    Ten points evenly from A to B, both included and rounded to fine pixels, sample the field's component along the
    limb. A pair stays if all ten are above 0.05 and their mean plus min(64 / length - 1, 0), length in fine pixels, is
    above 0. Two peaks at the same pixel have no direction and are no pair.
    """
    sampler = FineSampler(pafs)
    ends_a = _Ends.of(JOINTS_A, peaks, sampler)
    ends_b = _Ends.of(JOINTS_B, peaks, sampler)

    found = [_no_pairs()]
    for limb, end_a, end_b in _combinations(ends_a.first, ends_b.first):
        peak_a, peak_b = ends_a.peak[end_a], ends_b.peak[end_b]
        unit, _ = _direction(peaks, peak_a, peak_b)  # (2, N)
        # Few pairs survive the samples at their two ends, and those are at hand.
        at_a = (unit * ends_a.field[:, end_a]).sum(axis=0)
        at_b = (unit * ends_b.field[:, end_b]).sum(axis=0)
        likely = np.flatnonzero((at_a > MIN_SAMPLE) & (at_b > MIN_SAMPLE))
        found.append(_connected(limb[likely], peak_a[likely], peak_b[likely], peaks, sampler))

    limb, score = np.concatenate([part.limb for part in found]), np.concatenate([part.score for part in found])
    return _picked(
        np.lexsort((-score, limb)),
        limb,
        np.concatenate([part.peak_a for part in found]),
        np.concatenate([part.peak_b for part in found]),
        score,
    )


@dataclass(frozen=True, slots=True)
class _Ends:
    """The peaks that one end of each limb can have, those of limb l at `first[l]` to `first[l + 1]`.

    - `peak` `(E,)` intp: index into `Peaks`.
    - `field` `(2, E)` float32: x and y of the limb's field there.
    - `first` `(L + 1,)` intp.
    """

    peak: IntArray
    field: FloatArray
    first: IntArray

    @classmethod
    def of(cls, joint: IntArray, peaks: Peaks, sampler: FineSampler) -> _Ends:
        """Return the ends at the peaks of one joint per limb `(L,)`, where the field is strong enough to count."""
        count = np.diff(peaks.first)[joint]  # (L,)
        limb = np.repeat(np.arange(len(LIMBS)), count)  # (E,)
        peak = np.arange(len(limb)) + np.repeat(peaks.first[joint] - np.cumsum(count) + count, count)
        field = sampler.sample(PAF_XY[:, limb], peaks.x[peak], peaks.y[peak])  # (2, E)
        # No direction has more of the field than its length.
        strong = np.flatnonzero(np.hypot(field[0], field[1]) > MIN_SAMPLE * (1 - ROUNDING_SLACK))
        first = np.searchsorted(limb[strong], np.arange(len(LIMBS) + 1))
        return cls(peak[strong], field[:, strong], first)


def _combinations(first_a: IntArray, first_b: IntArray) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
    """Yield each limb with each of its ends A and each of its ends B, in batches of at most `PAIRS_AT_ONCE`."""
    count_b = np.diff(first_b)
    first_pair = np.concatenate(([0], np.cumsum(np.diff(first_a) * count_b)))  # (L + 1,)
    total = int(first_pair[-1])
    for start in range(0, total, PAIRS_AT_ONCE):
        pair = np.arange(start, min(start + PAIRS_AT_ONCE, total))
        limb = np.searchsorted(first_pair, pair, side="right") - 1
        nth_a, nth_b = np.divmod(pair - first_pair[limb], count_b[limb])
        yield limb, first_a[limb] + nth_a, first_b[limb] + nth_b


def _direction(peaks: Peaks, peak_a: IntArray, peak_b: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return unit vectors `(2, N)` from A to B, (0, 0) if at the same pixel, and lengths `(N,)` of at least 1."""
    delta = np.stack((peaks.x[peak_b] - peaks.x[peak_a], peaks.y[peak_b] - peaks.y[peak_a])).astype(np.float32)
    length = np.maximum(np.hypot(delta[0], delta[1]), 1)
    return delta / length, length


def _connected(limb: IntArray, peak_a: IntArray, peak_b: IntArray, peaks: Peaks, sampler: FineSampler) -> Pairs:
    """Return those of the pairs `(N,)` that the field connects all the way, with their scores."""
    unit, length = _direction(peaks, peak_a, peak_b)  # (2, N), (N,)
    # No sample lies halfway between two pixels (n / 9 of a whole number never is), so any rounding is half to even.
    way = np.linspace(0, 1, SAMPLES)[:, None]  # (S, 1)
    x = np.rint(peaks.x[peak_a] + way * (peaks.x[peak_b] - peaks.x[peak_a])).astype(np.intp)  # (S, N)
    y = np.rint(peaks.y[peak_a] + way * (peaks.y[peak_b] - peaks.y[peak_a])).astype(np.intp)
    field = sampler.sample(PAF_XY[:, None, limb], x, y)  # (2, S, N)
    along = unit[0] * field[0] + unit[1] * field[1]  # (S, N)
    score = along.mean(axis=0) + np.minimum(FULL_SCORE_LENGTH_PX / length - 1, 0)
    return _picked(np.flatnonzero((along > MIN_SAMPLE).all(axis=0) & (score > 0)), limb, peak_a, peak_b, score)


def _picked(index: IntArray, limb: IntArray, peak_a: IntArray, peak_b: IntArray, score: FloatArray) -> Pairs:
    return Pairs(limb[index], peak_a[index], peak_b[index], score[index])


def _no_pairs() -> Pairs:
    nobody = np.empty(0, np.intp)
    return Pairs(nobody, nobody, nobody, np.empty(0, np.float32))
