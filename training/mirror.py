"""A second frame for a fraction of the price of the first: the scene in a mirror, in another light."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from posestream.skeleton import JOINT_INDEX, JOINT_NAMES
from producer.synthetic.truth import Truth, Visibility

MIRRORED_JOINT: Final = np.array(
    [
        JOINT_INDEX[{"l_": "r_", "r_": "l_"}[name[:2]] + name[2:]] if name[:2] in ("l_", "r_") else index
        for index, name in enumerate(JOINT_NAMES)
    ]
)
"""For each joint the one that it becomes in a mirror, `(19,)`."""

GAIN: Final = (0.8, 1.2)
TINT: Final = (0.92, 1.08)
TURN_RAD: Final = 0.04
ZOOM: Final = (1.0, 1.15)


def moved(image: npt.NDArray[np.uint8], truth: Truth, seed: int) -> tuple[npt.NDArray[np.uint8], Truth]:
    """Return a frame as the same camera takes it turned about its axis a little and with a longer lens, and its truth.

    The camera's axis has to go through the middle of the image.
    """
    height, width = image.shape[:2]
    rng = np.random.default_rng((4, seed))
    angle, zoom = rng.normal(0, TURN_RAD), rng.uniform(*ZOOM)
    turn = np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
    middle = np.array((width / 2, height / 2))
    # Pixels have their centres at halves here and at whole numbers in OpenCV.
    shift = middle - 0.5 - zoom * turn @ (middle - 0.5)
    matrix = np.column_stack((zoom * turn, shift))
    taken: Any = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    joints_px = ((truth.joints_px - middle) @ (zoom * turn).T + middle).astype(np.float32)
    joints_m = truth.joints_m.copy()
    joints_m[..., :2] = joints_m[..., :2] @ turn.T
    outside = ((joints_px < 0) | (joints_px >= (width, height))).any(axis=2)
    visibility = np.where(outside, np.uint8(Visibility.OUT_OF_FRAME), truth.visibility).astype(truth.visibility.dtype)
    return np.asarray(taken), Truth(truth.ids, joints_m.astype(np.float32), joints_px, visibility)


def mirrored(image: npt.NDArray[np.uint8], truth: Truth, seed: int) -> tuple[npt.NDArray[np.uint8], Truth]:
    """Return a frame with left and right swapped and its levels changed, and the truth about that one."""
    width = image.shape[1]
    rng = np.random.default_rng((3, seed))
    factors = rng.uniform(*GAIN) * rng.uniform(*TINT, 3)
    table = np.clip(np.arange(256)[:, None] * factors, 0, 255).astype(np.uint8)
    flipped: Any = cv2.LUT(cv2.flip(image, 1), table[None])
    turned_m = truth.joints_m[:, MIRRORED_JOINT] * np.array((-1, 1, 1), np.float32)
    turned_px = truth.joints_px[:, MIRRORED_JOINT] * np.array((-1, 1), np.float32) + np.array((width, 0), np.float32)
    return np.asarray(flipped), Truth(truth.ids, turned_m, turned_px, truth.visibility[:, MIRRORED_JOINT])
