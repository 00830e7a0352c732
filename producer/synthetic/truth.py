"""What is really there in a synthetic frame, to hold the decoded people against."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt


class Visibility(IntEnum):
    """How well a camera sees a joint."""

    OUT_OF_FRAME = 0
    """Outside the image, or behind the camera."""
    OCCLUDED = 1
    """Another person is in front of it."""
    SELF_OCCLUDED = 2
    """The person's own body is in front of it: its back, or the other side of it, is seen."""
    VISIBLE = 3


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The P people in front of a camera at one frame, those outside the image included; P may be 0.

    Attributes:
        ids: (P,) int64, the same for the same person in every frame and every camera of a scene.
        joints_m: (P, 19, 3) float32, metres, camera frame with OpenCV axes (x right, y down, z forward).
        joints_px: (P, 19, 2) float32, x right, y down, in pixels from the outer corner of the top left pixel, also for
            joints outside the image; NaN behind the camera.
        visibility: (P, 19) uint8, of `Visibility`.
    """

    ids: npt.NDArray[np.int64]
    joints_m: npt.NDArray[np.float32]
    joints_px: npt.NDArray[np.float32]
    visibility: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.ids)
