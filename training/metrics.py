"""The measures that others use for poses in space, beside those of `ACCURACY.md`.

Symbols: T true people, P found people, N matched pairs, J = 19 joints. Millimetres unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from posestream.messages import Person
from posestream.skeleton import JOINT_COUNT, PELVIS

FloatArray = npt.NDArray[np.float64]

PCK_LIMIT_MM: Final = 150.0
_AUC_LIMITS_MM: Final = np.arange(0.0, PCK_LIMIT_MM + 1, 5.0)  # as Mehta et al. (3DV 2017) do: 0, 5, … 150
_ROUNDING_MM: Final = 1e-6
_DISTANCES_M: Final = (2.0, 4.0, 6.0, 8.0)

_WITHOUT_PELVIS: Final = np.arange(JOINT_COUNT) != PELVIS


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Somebody who was found: the joints as found and as they are, `(J, 3)` metres, in the camera's frame.

    Joints that the truth does not know are NaN in `true_m`.
    """

    found_m: FloatArray
    true_m: FloatArray


def errors_mm(pair: Pair) -> FloatArray:
    """Return each joint's distance from where it is, `(J,)`: MPJPE, absolute."""
    return _distances_mm(pair.found_m, pair.true_m)


def root_relative_errors_mm(pair: Pair) -> FloatArray:
    """Return the same with the pelvises put on each other."""
    return _distances_mm(pair.found_m - pair.found_m[PELVIS], pair.true_m - pair.true_m[PELVIS])


def aligned_errors_mm(pair: Pair) -> FloatArray:
    """Return the same after the best shift, turn and scaling of the found joints (Procrustes): PA-MPJPE."""
    known = np.isfinite(pair.true_m).all(axis=1)
    result = np.full(len(pair.true_m), np.nan)
    result[known] = _distances_mm(_aligned(pair.found_m[known], pair.true_m[known]), pair.true_m[known])
    return result


def _aligned(found: FloatArray, true: FloatArray) -> FloatArray:
    """Return points `(N, 3)`, shifted, turned and scaled to be as close as can be to others (Umeyama, 1991)."""
    found_mean, true_mean = found.mean(axis=0), true.mean(axis=0)
    centred, target = found - found_mean, true - true_mean
    spread = float((centred * centred).sum())
    if spread == 0:
        return np.broadcast_to(true_mean, found.shape).copy()
    left, size, right = np.linalg.svd(target.T @ centred)
    if np.linalg.det(left @ right) < 0:  # a mirror image would be closer; the best turn is another
        size[-1] *= -1
        left[:, -1] *= -1
    moved: FloatArray = (size.sum() / spread) * centred @ (left @ right).T + true_mean
    return moved


def _distances_mm(found: FloatArray, true: FloatArray) -> FloatArray:
    distances: FloatArray = 1000 * np.linalg.norm(found - true, axis=1)
    return distances


@dataclass(frozen=True, slots=True)
class SpatialFigures:
    """What the measures say of many pairs; NaN where there are none.

    Attributes:
        pairs: how many.
        mpjpe_mm, root_relative_mm, aligned_mm: mean over people of the mean over joints, absolute, with the pelvises
            on each other, and after Procrustes alignment.
        pck, auc: shares of joints that are within 150 mm once the pelvises are on each other, and the mean of such
            shares for 0, 5, … 150 mm; the pelvis does not count, as it is right by definition.
        per_joint_mm: (J,) mean root-relative error of each joint.
        per_distance: by how far away people are, in metres: from, to, how many, and absolute and root-relative errors;
            those whose pelvis the truth does not know are in none.

    Errors with the pelvises on each other are of those whose pelvis the truth knows.
    """

    pairs: int
    mpjpe_mm: float
    root_relative_mm: float
    aligned_mm: float
    pck: float
    auc: float
    per_joint_mm: tuple[float, ...]
    per_distance: tuple[tuple[float, float, int, float, float], ...]


def spatial_figures(pairs: Sequence[Pair]) -> SpatialFigures:
    """Return all measures over some pairs."""
    absolute, relative, aligned = (
        np.array([measure(pair) for pair in pairs], float).reshape(-1, JOINT_COUNT)
        for measure in (errors_mm, root_relative_errors_mm, aligned_errors_mm)
    )
    counted = relative[:, _WITHOUT_PELVIS]
    counted = counted[np.isfinite(counted)]
    within = [_mean(counted <= limit + _ROUNDING_MM) for limit in _AUC_LIMITS_MM]
    depths = np.array([pair.true_m[PELVIS, 2] for pair in pairs], float)
    bounds = (0.0, *_DISTANCES_M, np.inf)
    per_distance = []
    for near, far in pairwise(bounds):
        chosen = (depths >= near) & (depths < far)
        per_distance.append(
            (near, far, int(chosen.sum()), _mean_of_means(absolute[chosen]), _mean_of_means(relative[chosen]))
        )
    return SpatialFigures(
        pairs=len(pairs),
        mpjpe_mm=_mean_of_means(absolute),
        root_relative_mm=_mean_of_means(relative),
        aligned_mm=_mean_of_means(aligned),
        pck=within[-1],
        auc=float(np.mean(within)),
        per_joint_mm=tuple(_mean(column[np.isfinite(column)]) for column in relative.T),
        per_distance=tuple(per_distance),
    )


def _mean_of_means(errors: FloatArray) -> float:
    """Return the mean over people of the mean over known joints; people without any are left out."""
    known = np.isfinite(errors)
    return _mean(np.array([row[there].mean() for row, there in zip(errors, known, strict=True) if there.any()]))


def _mean(values: npt.NDArray[np.floating] | npt.NDArray[np.bool_]) -> float:
    return float(np.mean(values)) if values.size else float("nan")


# Open Model Zoo's -----------------------------------------------------------------------------------------------------


def open_model_zoo_mm(
    found: Sequence[Person], true_px: npt.NDArray[np.floating], true_m: npt.NDArray[np.floating]
) -> float:
    """Return one image's number of what Open Model Zoo's accuracy checker calls MPJPE, in its millimetres.

    The surest person goes first and gets the true one whose box overlaps most, if any is left that overlaps at all. Of
    each pair it is the length of the vector of all 54 differences, joints but the pelvis, divided by 18: less than the
    mean distance of joints by a factor of up to √18. 0 for an image where nobody was matched.

    The found people have to be placed by the reference's translation, with the data set's focal length; `true_px`
    `(T, J, 2)` and `true_m` `(T, J, 3)` are the truth, with all joints, whether in the image or not.
    """
    left = set(range(len(true_px)))
    boxes = [_box(joints) for joints in true_px]
    numbers = []
    for index in sorted(range(len(found)), key=lambda place: -found[place].score):
        box = _box(found[index].joints_px)
        overlap = {true: _overlap(box, boxes[true]) for true in sorted(left)}
        best = max(overlap, key=lambda true: overlap[true], default=None)
        if best is None or not overlap[best] > 0:
            continue
        left.remove(best)
        apart = (found[index].joints_m.astype(float) - true_m[best])[_WITHOUT_PELVIS]
        numbers.append(1000 * float(np.linalg.norm(apart)) / len(apart))
    return float(np.mean(numbers)) if numbers else 0.0


def _box(joints_px: npt.NDArray[np.floating]) -> FloatArray:
    """Return left, top, right and bottom of the joints that there are."""
    seen = joints_px[np.isfinite(joints_px).all(axis=1)].astype(float)
    return np.concatenate((seen.min(axis=0), seen.max(axis=0)))


def _overlap(one: FloatArray, other: FloatArray) -> float:
    """Return intersection over union."""
    width, height = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    common = max(0.0, float(width)) * max(0.0, float(height))
    areas = sum(float(np.prod(box[2:] - box[:2])) for box in (one, other))
    return common / (areas - common) if areas > common else 0.0
