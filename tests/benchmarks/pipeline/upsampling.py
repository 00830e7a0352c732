"""Decoding as the reference does it, with every map upsampled whole: what a plain synchronous loop would run.

Vectorised, unlike the oracle of the tests, so that it is a fair peer. Putting people together and into space is the
worker's, as it has nothing to do with upsampling. Its answers are the worker's, too.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from workers.pose.decoding import People, View, decoder
from workers.pose.decoding.grids import UPSAMPLING
from workers.pose.decoding.grouping import group
from workers.pose.decoding.joints import OPENPOSE_INDEX, OPENPOSE_JOINT_COUNT
from workers.pose.decoding.limbs import FULL_SCORE_LENGTH_PX, LIMBS, MIN_SAMPLE, SAMPLES, Pairs
from workers.pose.decoding.maps import FloatArray
from workers.pose.decoding.peaks import MIN_PEAK_DISTANCE_PX, MIN_PEAK_SCORE, Peaks

_WAY = np.linspace(0, 1, SAMPLES)[:, None]


def decode_upsampled(features: FloatArray, heatmaps: FloatArray, pafs: FloatArray, view: View) -> People:
    """Return the people of one frame, as `workers.pose.decoding.decode` does."""
    peaks = _peaks(_upsampled(heatmaps[:OPENPOSE_JOINT_COUNT]))
    pairs = _pairs(peaks, _upsampled(pafs))
    return decoder._placed(group(peaks, pairs), features, view)


def _upsampled(maps: FloatArray) -> FloatArray:
    """(C, H, W) to (4H, 4W, C)."""
    upsampled: Any = cv2.resize(
        np.ascontiguousarray(maps.transpose(1, 2, 0)),
        None,
        fx=UPSAMPLING,
        fy=UPSAMPLING,
        interpolation=cv2.INTER_CUBIC,
    )
    return np.asarray(upsampled)


def _peaks(maps: FloatArray) -> Peaks:
    high = np.where(maps >= MIN_PEAK_SCORE, maps, np.float32(0))
    around = np.pad(high, ((1, 1), (1, 1), (0, 0)))
    inner = around[1:-1, 1:-1]
    summit = (inner > around[:-2, 1:-1]) & (inner > around[2:, 1:-1])
    summit &= (inner > around[1:-1, :-2]) & (inner > around[1:-1, 2:])
    y, x, joint = np.nonzero(summit)
    kept: list[list[tuple[int, int]]] = [[] for _ in range(maps.shape[2])]
    in_order = np.lexsort((y, x, joint))
    for of, column, row in zip(joint[in_order].tolist(), x[in_order].tolist(), y[in_order].tolist(), strict=True):
        if all((column - a) ** 2 + (row - b) ** 2 >= MIN_PEAK_DISTANCE_PX**2 for a, b in kept[of]):
            kept[of].append((column, row))
    first = np.concatenate(([0], np.cumsum([len(of) for of in kept])))
    x, y = np.array([xy for of in kept for xy in of], np.intp).reshape(-1, 2).T
    joint = np.repeat(np.arange(len(kept)), np.diff(first))
    return Peaks(x, y, maps[y, x, joint], first)


def _pairs(peaks: Peaks, pafs: FloatArray) -> Pairs:
    found = [_pairs_of(limb, peaks, pafs) for limb in range(len(LIMBS))]
    limb, peak_a, peak_b, score = (np.concatenate(part) for part in zip(*found, strict=True))
    best = np.lexsort((-score, limb))
    return Pairs(limb[best], peak_a[best], peak_b[best], score[best].astype(np.float32))


def _pairs_of(limb: int, peaks: Peaks, pafs: FloatArray) -> tuple[Any, ...]:
    joint_a, joint_b, channel = LIMBS[limb]
    a, b = OPENPOSE_INDEX[joint_a], OPENPOSE_INDEX[joint_b]
    peak_a, peak_b = np.meshgrid(
        np.arange(peaks.first[a], peaks.first[a + 1]), np.arange(peaks.first[b], peaks.first[b + 1]), indexing="ij"
    )
    peak_a, peak_b = peak_a.ravel(), peak_b.ravel()
    dx, dy = peaks.x[peak_b] - peaks.x[peak_a], peaks.y[peak_b] - peaks.y[peak_a]
    length = np.maximum(np.hypot(dx, dy), 1)
    x = np.rint(peaks.x[peak_a] + _WAY * dx).astype(np.intp)  # (10, N)
    y = np.rint(peaks.y[peak_a] + _WAY * dy).astype(np.intp)
    along = dx / length * pafs[y, x, channel] + dy / length * pafs[y, x, channel + 1]
    score = along.mean(axis=0) + np.minimum(FULL_SCORE_LENGTH_PX / length - 1, 0)
    good = np.flatnonzero((along > MIN_SAMPLE).all(axis=0) & (score > 0))
    return np.full(len(good), limb), peak_a[good], peak_b[good], score[good]
