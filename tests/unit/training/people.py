"""People whose truth is known: standing, seen by a camera in front of them."""

from __future__ import annotations

import numpy as np

from posestream.messages import Intrinsics, Person
from posestream.skeleton import JOINT_COUNT, PELVIS
from producer.synthetic.truth import Truth, Visibility
from tests.unit.workers.pose.decoding.synthetic_maps import project_px, standing
from workers.pose.decoding import View

SIZE_WH = (448, 256)
CAMERA = Intrinsics(300.0, 300.0, 224.0, 128.0, calibrated=True)
VIEW = View.resized(SIZE_WH, SIZE_WH, CAMERA)


def leaning(neck_m: tuple[float, float, float], forward: float = 0.2) -> np.ndarray:
    """A person (19, 3) in metres who is not flat: what is higher than the pelvis leans towards the camera."""
    joints_m = standing(neck_m)
    joints_m[:, 2] += forward * np.minimum(0, joints_m[:, 1] - joints_m[PELVIS, 1])
    return joints_m


def truth_of(*people_m: np.ndarray, visibility: np.ndarray | None = None, size_wh: tuple[int, int] = SIZE_WH) -> Truth:
    """The truth about people (19, 3): visible wherever they are inside the image, unless said otherwise."""
    joints_m = np.array(people_m, np.float32).reshape(-1, JOINT_COUNT, 3)
    joints_px = project_px(joints_m, VIEW).astype(np.float32)
    inside = ((joints_px >= 0) & (joints_px < size_wh)).all(axis=2)
    if visibility is None:
        visibility = np.full(inside.shape, Visibility.VISIBLE)
    shown = np.where(inside, visibility, Visibility.OUT_OF_FRAME).astype(np.uint8)
    return Truth(np.arange(len(joints_m)), joints_m, joints_px, shown)


def found(truth: Truth, number: int) -> Person:
    """A true person as a perfect worker finds it: every joint that is visible, and the pelvis in space alone."""
    joints_px = truth.joints_px[number].copy()
    unseen = truth.visibility[number] != Visibility.VISIBLE
    unseen[PELVIS] = True
    joints_px[unseen] = np.nan
    return Person(None, 1.0, joints_px, np.where(unseen, 0, 1).astype(np.float32), truth.joints_m[number].copy())
