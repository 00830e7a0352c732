"""A second frame for a fraction of the price of the first: the scene in a mirror, in another light."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from posestream.skeleton import JOINT_INDEX, JOINT_NAMES
from producer.synthetic.truth import Truth

MIRRORED_JOINT: Final = np.array(
    [
        JOINT_INDEX[{"l_": "r_", "r_": "l_"}[name[:2]] + name[2:]] if name[:2] in ("l_", "r_") else index
        for index, name in enumerate(JOINT_NAMES)
    ]
)
"""For each joint the one that it becomes in a mirror, `(19,)`."""

GAIN: Final = (0.8, 1.2)
TINT: Final = (0.92, 1.08)


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
