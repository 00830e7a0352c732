"""How good poses are, against the truth: the rules of `ACCURACY.md`, in NumPy.

Symbols: T true people, P found people, J = 19 joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from posestream.messages import Person
from posestream.skeleton import JOINT_COUNT, NECK, PELVIS
from producer.synthetic.truth import Truth, Visibility

FloatArray = npt.NDArray[np.float64]

MIN_VISIBLE_JOINTS: Final = 8
MIN_COMMON_JOINTS: Final = 3
MAX_DISTANCE: Final = 0.3
MIN_BOX_SIDE_PX: Final = 16.0
ROWS: Final = 256
"""Pixels are those of an image of so many rows, whatever the frame's size."""


@dataclass(slots=True)
class Accuracy:
    """Sums over frames, and the figures that follow from them; figures without anything to measure are NaN.

    Attributes:
        frames: how many were added.
        counted: true people with at least 8 visible joints.
        matched: those of them that were found.
        predicted: people that were found.
        extra: those of them that are nobody.
        visible_joints: of matched counted people, visible joints other than the pelvis, which has no 2D position.
        found_joints: those of them that have a 2D position.
        error_px: of these, the sum of the distances, in pixels at 256 rows.
        bodies: matched counted people of whom the truth knows the neck: all, but where a data set lacks joints.
        error_m: of these, the sum of the joints' mean distances once the necks are on each other; known joints only.
        depth_errors_m: of matched counted people, the distance of the pelvis along the camera's axis from the true one,
            where that is known.
    """

    frames: int = 0
    counted: int = 0
    matched: int = 0
    predicted: int = 0
    extra: int = 0
    visible_joints: int = 0
    found_joints: int = 0
    error_px: float = 0.0
    bodies: int = 0
    error_m: float = 0.0
    depth_errors_m: list[float] = field(default_factory=list)

    def add(
        self,
        truth: Truth,
        people: Sequence[Person],
        px_scale: float,
        known: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Add the people found in a frame.

        `px_scale` converts the frame's pixels, in which both are given, to those of an image of 256 rows: 256 / height.
        `known` `(T, J)` tells which joints the truth knows in space; None for all.
        """
        counted = (truth.visibility == Visibility.VISIBLE).sum(axis=1) >= MIN_VISIBLE_JOINTS  # (T,)
        pairs = match(truth, people, px_scale)
        self.frames += 1
        self.counted += int(counted.sum())
        self.predicted += len(people)
        self.extra += len(people) - len(pairs)
        for true, found in pairs:
            if counted[true]:
                self.matched += 1
                self._add_in_image(truth, true, people[found], px_scale)
                joints = np.ones(JOINT_COUNT, bool) if known is None else known[true]
                self._add_in_space(truth.joints_m[true].astype(float), people[found].joints_m.astype(float), joints)

    def _add_in_image(self, truth: Truth, true: int, person: Person, px_scale: float) -> None:
        visible = truth.visibility[true] == Visibility.VISIBLE
        visible[PELVIS] = False
        distances_px = np.linalg.norm(person.joints_px - truth.joints_px[true], axis=1)[visible] * px_scale
        self.visible_joints += len(distances_px)
        self.found_joints += int(np.isfinite(distances_px).sum())
        self.error_px += float(np.nansum(distances_px))

    def _add_in_space(self, true_m: FloatArray, given_m: FloatArray, known: npt.NDArray[np.bool_]) -> None:
        if known[NECK]:
            difference_m = (given_m - given_m[NECK]) - (true_m - true_m[NECK])
            self.bodies += 1
            self.error_m += float(np.linalg.norm(difference_m, axis=1)[known].mean())
        if known[PELVIS]:
            self.depth_errors_m.append(abs(float(given_m[PELVIS, 2] - true_m[PELVIS, 2])))

    @property
    def found_share(self) -> float:
        """Counted people that were found, of all of them."""
        return _share(self.matched, self.counted)

    @property
    def extra_share(self) -> float:
        """Found people that are nobody, of all that were found."""
        return _share(self.extra, self.predicted)

    @property
    def joints_share(self) -> float:
        """Visible joints that have a 2D position, of those of matched counted people; without the pelvis."""
        return _share(self.found_joints, self.visible_joints)

    @property
    def mean_error_px(self) -> float:
        """Mean distance of found visible joints in the image, in pixels at 256 rows."""
        return _share(self.error_px, self.found_joints)

    @property
    def mpjpe_mm(self) -> float:
        """Mean distance of joints in space after the necks were put on each other, in millimetres."""
        return 1000 * _share(self.error_m, self.bodies)

    @property
    def depth_error_m(self) -> float:
        """Median distance of the pelvis along the camera's axis, in metres."""
        return float(np.median(self.depth_errors_m)) if self.depth_errors_m else float("nan")

    def as_dict(self) -> dict[str, float | int | None]:
        """Return counts and figures by name, ready for JSON: None where there was nothing to measure."""
        figures = {
            "found_share": self.found_share,
            "extra_share": self.extra_share,
            "joints_share": self.joints_share,
            "mean_error_px": self.mean_error_px,
            "mpjpe_mm": self.mpjpe_mm,
            "depth_error_m": self.depth_error_m,
        }
        counts = {
            name: getattr(self, name) for name in ("frames", "counted", "matched", "predicted", "extra", "found_joints")
        }
        return counts | {name: None if np.isnan(value) else round(value, 5) for name, value in figures.items()}


def match(truth: Truth, people: Sequence[Person], px_scale: float) -> list[tuple[int, int]]:
    """Pair true and found people, each with one at most, closest first; returns indices into both."""
    distance = distances(truth, people, px_scale)
    pairs = []
    while distance.size and distance.min() < MAX_DISTANCE:
        true, found = (int(index) for index in np.unravel_index(distance.argmin(), distance.shape))
        pairs.append((true, found))
        distance[true], distance[:, found] = np.inf, np.inf
    return pairs


def distances(truth: Truth, people: Sequence[Person], px_scale: float) -> FloatArray:
    """Return how far apart true and found people are in the image `(T, P)`, in units of the true person's size.

    It is the mean over the joints that were found and are in the image, whether visible or not, over the square root of
    the area of the box around the true person's joints in the image; infinite where there are fewer than 3 such joints.
    """
    found_px = np.array([person.joints_px for person in people], float).reshape(-1, JOINT_COUNT, 2) * px_scale
    true_px = truth.joints_px.astype(float) * px_scale  # (T, J, 2)
    inside = truth.visibility != Visibility.OUT_OF_FRAME  # (T, J)
    apart_px = np.linalg.norm(true_px[:, None] - found_px[None], axis=3)  # (T, P, J)
    common = inside[:, None] & np.isfinite(apart_px)
    count = common.sum(axis=2)  # (T, P)
    mean_px = np.where(common, apart_px, 0).sum(axis=2) / np.maximum(count, 1)
    size_px = np.array([_size_px(joints[shown]) for joints, shown in zip(true_px, inside, strict=True)])
    return np.where(count >= MIN_COMMON_JOINTS, mean_px / size_px[:, None], np.inf)


def _size_px(joints_px: FloatArray) -> float:
    """The square root of the area of the box around joints `(N, 2)`, whose sides count as 16 px at least."""
    if not len(joints_px):
        return MIN_BOX_SIDE_PX
    return float(np.sqrt(np.maximum(np.ptp(joints_px, axis=0), MIN_BOX_SIDE_PX).prod()))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
