"""Bones of a length that stays the same: a body is rebuilt from its pelvis outwards, in the directions it has.

Symbols: N people, J = 19 joints, B = 18 bones, in the order of `BONES`: parents come before their children.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from posestream.skeleton import JOINT_INDEX

FloatArray = npt.NDArray[np.float32]


def _of_side(side: str) -> list[tuple[str, str]]:
    chains = (
        ("neck", "shoulder", "elbow", "wrist"),
        ("pelvis", "hip", "knee", "ankle"),
        ("nose", "eye", "ear"),
    )
    named = [[chain[0], *(f"{side}_{joint}" for joint in chain[1:])] for chain in chains]
    return [pair for chain in named for pair in pairwise(chain)]


BONES: Final = [("pelvis", "neck"), ("neck", "nose"), *_of_side("l"), *_of_side("r")]
BONE_COUNT: Final = len(BONES)

_FROM: Final = np.array([JOINT_INDEX[start] for start, _ in BONES])
_TO: Final = np.array([JOINT_INDEX[end] for _, end in BONES])
_SIDE: Final = (BONE_COUNT - 2) // 2
# The same bone on the other side; the two in the middle are their own.
_OTHER: Final = np.array([0, 1, *range(2 + _SIDE, BONE_COUNT), *range(2, 2 + _SIDE)])

_SHORTEST_M: Final = np.float32(1e-3)
_SLOWEST: Final = np.float32(0.02)


def bone_lengths(joints_m: FloatArray) -> FloatArray:
    """Return the lengths `(N, B)` of people's bones, of joints `(N, J, 3)`."""
    along = joints_m[:, _TO] - joints_m[:, _FROM]
    lengths: FloatArray = np.sqrt((along * along).sum(axis=2))
    return lengths


def learnt(lengths: FloatArray, measured: FloatArray, times: FloatArray) -> FloatArray:
    """Return what is known of bones `(N, B)` after one more measurement; `times` `(N,)` were there before.

    It is the mean of the first fifty, and from then on follows slowly. What is not measured (NaN) is as it was.
    """
    weight = np.maximum(_SLOWEST, 1 / (times + 1)).astype(np.float32)[:, None]
    result: FloatArray = lengths + weight * (measured - lengths)
    return np.where(np.isnan(result), np.where(np.isnan(lengths), measured, lengths), result)


def with_lengths(joints_m: FloatArray, lengths: FloatArray) -> FloatArray:
    """Return joints `(N, J, 3)` with bones of these lengths `(N, B)`, those of both sides alike; pelvises stay."""
    alike = (lengths + lengths[:, _OTHER]) / 2
    along = joints_m[:, _TO] - joints_m[:, _FROM]
    along *= (alike / np.maximum(bone_lengths(joints_m), _SHORTEST_M))[..., None]
    rebuilt = joints_m.copy()
    for bone, (start, end) in enumerate(zip(_FROM, _TO, strict=True)):
        rebuilt[:, end] = rebuilt[:, start] + along[:, bone]
    return rebuilt
