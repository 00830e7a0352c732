"""Heatmaps to candidate joints: the peaks of the maps upsampled 4 times, without upsampling what can have none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from workers.pose.decoding.grids import UPSAMPLING
from workers.pose.decoding.joints import OPENPOSE_JOINT_COUNT
from workers.pose.decoding.maps import FloatArray

IntArray = npt.NDArray[np.intp]

MIN_PEAK_SCORE: Final = np.float32(0.1)
MIN_PEAK_DISTANCE_PX: Final = 3

# OpenCV's bicubic kernel (a = -0.75) weighs 4 neighbours by -n0, p1, p2, -n3. Over the phases of a 4 times upsampling,
# 1/8, 3/8, 5/8 and 7/8, n0 + n3 = -a t (1 - t) is largest at 3/8, and p1 + p2 = 1 + n0 + n3.
OVERSHOOT: Final = 0.75 * 3 / 8 * 5 / 8

# Of `MIN_PEAK_SCORE`, for float32 rounding in the bound and in the upsampling alike.
ROUNDING_SLACK: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Peaks:
    """N candidates for joints, those of joint k (of K = 18, OpenPose order) at `first[k]` to `first[k + 1]`.

    - `x`, `y` `(N,)` intp: fine pixel.
    - `score` `(N,)` float32: the heatmap's value there, at least 0.1.
    - `first` `(K + 1,)` intp.
    """

    x: IntArray
    y: IntArray
    score: FloatArray
    first: IntArray


def find_peaks(heatmaps: FloatArray) -> Peaks:
    """Find the peaks of heatmaps `(K, H, W)`, float32 and finite, in order of joint and x.

    A peak's value is at least 0.1 and above those of its 4 neighbours, where values below 0.1, and everything outside,
    count as 0. In order of x, a peak then removes the later ones nearer than 3 fine pixels.
    """
    fine, joint_of_row, y_of_row = _upsampled_where_high(heatmaps)  # (R, 4W), (R,), (R,)
    row, x = _summits(fine)
    joint, y, score = joint_of_row[row], y_of_row[row], fine[row, x]

    in_order = np.lexsort((y, x, joint))
    joint, x, y, score = joint[in_order], x[in_order], y[in_order], score[in_order]
    kept = _far_enough_apart(joint, x, y)
    first = np.searchsorted(joint[kept], np.arange(OPENPOSE_JOINT_COUNT + 1))
    return Peaks(x[kept], y[kept], score[kept], first)


def _upsampled_where_high(heatmaps: FloatArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Upsample those rows of the maps where a value can reach 0.1.

    Returns R rows of fine pixels `(R, 4W)` below each other, with the joint and the fine y of each. Rows that can reach
    0.1 and are next to each other in a map are so here, too; all others are kept apart by rows of zeros.
    """
    joints, height, _ = heatmaps.shape
    # The 4 rows of fine pixels between cells' centres make a gap. Gap g lies between rows g - 1 and g, has fine rows
    # 4g - 2 to 4g + 1 and is made from rows g - 2 to g + 1, which are g to g + 3 of the map with its border repeated.
    padded_row = np.clip(np.arange(-2, height + 2), 0, height - 1)
    high = np.zeros((joints, height + 4), np.bool_)
    high[:, : height + 1] = _gaps_that_can_reach(MIN_PEAK_SCORE, heatmaps, padded_row)
    needed = high.copy()
    for later in range(1, 4):
        needed[:, later:] |= high[:, :-later]

    joint, gap = np.nonzero(needed)
    if not joint.size:
        return np.zeros((0, 1), np.float32), joint, gap
    # Resizing rows taken from several places gives, for each gap whose own 4 rows are there in sequence, what resizing
    # the whole map gives: the very same numbers, ties included, except for the last bit at the top and bottom border.
    # What lies between such gaps is nonsense and set to 0.
    fine = cv2.resize(
        heatmaps[joint, padded_row[gap]], None, fx=UPSAMPLING, fy=UPSAMPLING, interpolation=cv2.INTER_CUBIC
    )
    lead = UPSAMPLING + UPSAMPLING // 2  # gap g is in the middle of rows g to g + 3
    joint_of_row = np.roll(np.repeat(joint, UPSAMPLING), lead)
    y_of_row = np.roll((gap[:, None] * UPSAMPLING + np.arange(-2, 2)).ravel(), lead)
    inside = (y_of_row >= 0) & (y_of_row < height * UPSAMPLING)
    fine[~(inside & np.roll(np.repeat(high[joint, gap], UPSAMPLING), lead))] = 0
    return fine, joint_of_row, y_of_row


def _gaps_that_can_reach(threshold: np.float32, maps: FloatArray, padded_row: IntArray) -> npt.NDArray[np.bool_]:
    """Say which gaps between rows `(K, H + 1)` can hold a bicubically upsampled value of at least the threshold.

    Along one axis the upsampled value is (p1 a1 + p2 a2) - (n0 a0 + n3 a3). With n = n0 + n3 <= OVERSHOOT and
    p1 + p2 = 1 + n it is at most max(a1, a2) + n (max(a1, a2) - min(a0, a3)). That grows with n unless the outer two
    are above the inner two, and then is at most max(a1, a2). It holds within each row, and then between the rows for
    what it made of them.
    """
    highest, lowest = maps.max(axis=2), maps.min(axis=2)  # (K, H)
    excess = OVERSHOOT * (highest - lowest)
    highest, lowest = (highest + excess)[:, padded_row], (lowest - excess)[:, padded_row]  # (K, H + 4)
    inner = np.maximum(highest[:, 1:-2], highest[:, 2:-1])  # (K, H + 1)
    outer = np.minimum(lowest[:, :-3], lowest[:, 3:])
    bound = inner + OVERSHOOT * np.maximum(inner - outer, 0)
    reaches: npt.NDArray[np.bool_] = bound >= threshold * (1 - ROUNDING_SLACK)
    return reaches


def _summits(fine: FloatArray) -> tuple[IntArray, IntArray]:
    """Return row and x of the pixels of at least 0.1 that are above their 4 neighbours."""
    width = fine.shape[1]
    flat = fine.ravel()
    at = np.flatnonzero(flat >= MIN_PEAK_SCORE)
    value = flat.take(at)
    # A row that can reach 0.1 has others above and below it here. Beside the first and the last column is nothing.
    for neighbour, border in ((-width, None), (width, None), (-1, 0), (1, width - 1)):
        higher = value > flat.take(at + neighbour)
        if border is not None:
            higher |= at % width == border
        at, value = at[higher], value[higher]
    return at // width, at % width


def _far_enough_apart(joint: IntArray, x: IntArray, y: IntArray) -> IntArray:
    """Return the indices of the peaks left when each, in order of joint and x, removes the later ones near it."""
    columns = (joint * (x.max(initial=0) + MIN_PEAK_DISTANCE_PX) + x).tolist()
    rows = y.tolist()
    removed = [False] * len(rows)
    for peak, (column, row) in enumerate(zip(columns, rows, strict=True)):
        if removed[peak]:
            continue
        for later in range(peak + 1, len(rows)):
            dx = columns[later] - column
            if dx >= MIN_PEAK_DISTANCE_PX:
                break
            if dx**2 + (rows[later] - row) ** 2 < MIN_PEAK_DISTANCE_PX**2:
                removed[later] = True
    return np.flatnonzero(~np.array(removed, np.bool_))
