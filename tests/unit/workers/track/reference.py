"""The reference demo's way to tell who is who, as plainly as it can be written: to be measured against.

A pose continues the previous pose with which most joints are similar (exp(-d^2 / (2 area (2 sigma)^2)) > 0.5, sigma the
COCO keypoint constants, area of the larger bounding box), at least 3; best score first; 2D truncated to whole pixels.
Joints that are missing are at (-1, -1), which the bounding box takes in, too: it is much too large then, so that people
far apart are taken for each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posestream.messages import Person
from posestream.skeleton import JOINT_NAMES

_COCO = {
    "nose": 26,
    "eye": 25,
    "ear": 35,
    "shoulder": 79,
    "elbow": 72,
    "wrist": 62,
    "hip": 107,
    "knee": 87,
    "ankle": 89,
}
SIGMA = np.array([_COCO.get(name[2:], _COCO.get(name, 79)) for name in JOINT_NAMES]) / 1000
MIN_SIMILAR = 3


class ReferenceTracks:
    """Ids from frame to frame; a person missed once is somebody new."""

    def __init__(self) -> None:
        self._before: list[tuple[int, np.ndarray]] = []
        self._next_id = 0

    def update(self, people: Sequence[Person]) -> list[int]:
        """Return everybody's id, in the order given."""
        ids = [-1] * len(people)
        left = list(self._before)
        for number in sorted(range(len(people)), key=lambda index: -people[index].score):
            joints_px = _whole(people[number].joints_px)
            similar = [_similar(joints_px, other_px) for _, other_px in left]
            if similar and max(similar) >= MIN_SIMILAR:
                ids[number] = left.pop(int(np.argmax(similar)))[0]
            else:
                ids[number] = self._next_id
                self._next_id += 1
        self._before = [(known, _whole(person.joints_px)) for known, person in zip(ids, people, strict=True)]
        return ids


def _whole(joints_px: np.ndarray) -> np.ndarray:
    return np.trunc(np.nan_to_num(joints_px, nan=-1.0))


def _similar(one_px: np.ndarray, other_px: np.ndarray) -> int:
    area = max(_area(one_px), _area(other_px))
    squares = ((one_px - other_px) ** 2).sum(axis=1)
    return int((np.exp(-squares / (2 * area * (2 * SIGMA) ** 2)) > 0.5).sum())


def _area(joints_px: np.ndarray) -> float:
    width, height = np.ptp(joints_px, axis=0)
    return max(1.0, float(width * height))
