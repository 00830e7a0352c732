"""Whether two decoders found the same people, whatever their order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posestream.skeleton import JOINT_INDEX
from tests.unit.workers.pose.decoding.oracle import LiftedPerson
from workers.pose.decoding import People, View

PX = 0.01
METRES = 0.001

# The heatmaps that the reference hands on as 2D joints 15 to 18, in its order.
REFERENCE_FACE = [JOINT_INDEX[name] for name in ("r_eye", "l_eye", "r_ear", "l_ear")]


@dataclass(frozen=True)
class Expected:
    """One person as somebody else decoded it, missing joints NaN with confidence 0."""

    joints_px: np.ndarray  # (19, 2)
    confidence: np.ndarray  # (19,)
    joints_m: np.ndarray  # (19, 3)
    score: float

    @classmethod
    def by_oracle(cls, person: LiftedPerson) -> Expected:
        return cls(
            truly_named(np.array([(np.nan, np.nan) if xy is None else xy for xy in person.xy_px])),
            truly_named(np.array(person.confidence)),
            np.array(person.xyz_m),
            person.score,
        )


def truly_named(seen: np.ndarray) -> np.ndarray:
    """Put what the reference, or the oracle, says of joints on the image (19, ...) under the joints' own names.

    The reference numbers the face's heatmaps (r_eye, l_eye, r_ear, l_ear) 15 to 18 in the order they come, which are
    the Panoptic numbers of l_eye, l_ear, r_eye and r_ear. Its joints in space are rightly named and stay as they are.
    """
    named = seen.copy()
    named[REFERENCE_FACE] = seen[15:19]
    return named


def oracle_view(view: View) -> dict[str, tuple[float, float]]:
    """The view in the words of the oracle's `decode`."""
    camera = view.intrinsics
    return {
        "scale_xy": view.scale_xy,
        "offset_px": view.offset_px,
        "focal_px": (camera.fx, camera.fy),
        "centre_px": (camera.cx, camera.cy),
    }


def assert_same_people(people: People, expected: list[Expected]) -> None:
    assert len(people) == len(expected)
    left = list(range(len(people)))
    for other in expected:
        # The same place in both lists usually; otherwise the one whose joints are nearest.
        match = min(left, key=lambda index: _difference(people, index, other))
        left.remove(match)
        # `assert_allclose` takes NaN for equal to NaN only.
        np.testing.assert_allclose(people.joints_px[match], other.joints_px, rtol=0, atol=PX)
        np.testing.assert_allclose(people.confidence[match], other.confidence, rtol=0, atol=1e-5)
        np.testing.assert_allclose(people.joints_m[match], other.joints_m, rtol=1e-5, atol=METRES)
        np.testing.assert_allclose(people.score[match], other.score, rtol=1e-4)


def _difference(people: People, index: int, other: Expected) -> float:
    both = np.stack((people.joints_px[index], other.joints_px))
    missing = np.isnan(both)
    return float(np.abs(np.diff(np.where(missing, 0, both), axis=0)).sum() + 1e6 * (missing[0] != missing[1]).sum())
