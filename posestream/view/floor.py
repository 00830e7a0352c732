"""The floor that people stand on, found from the people themselves: no camera has to say how it hangs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from posestream.skeleton import JOINT_INDEX, NECK

FloatArray = npt.NDArray[np.floating]

_ANKLES: Final = (JOINT_INDEX["l_ankle"], JOINT_INDEX["r_ankle"])
_ANKLE_HEIGHT_M: Final = 0.08
_STANDING_M: Final = (0.9, 2.0)
_MOST_TILT_RAD: Final = np.radians(50)


@dataclass(frozen=True, slots=True, eq=False)
class Floor:
    """A floor seen by a camera.

    Attributes:
        axes: (3, 3), rows right, up and forward in the camera frame; forward is where the camera looks, level.
        height_m: of the camera above the floor.
    """

    axes: FloatArray
    height_m: float

    def level(self, points_m: FloatArray) -> FloatArray:
        """Return points `(..., 3)` of the camera frame from the floor under the camera: right, up, forward, metres."""
        level_m: FloatArray = points_m @ self.axes.T + np.array((0.0, self.height_m, 0.0))
        return level_m


def floor_under(people_m: FloatArray) -> Floor:
    """Find the floor under people (N, 19, 3) in a camera frame; N may be 0, which gives one under a level camera.

    Up is the middle of the directions from ankles to neck of those who stand; feet are on the floor now and then.
    """
    ankles_m = people_m[:, _ANKLES].mean(axis=1)  # (N, 3)
    bodies_m = people_m[:, NECK] - ankles_m
    lengths_m = np.linalg.norm(bodies_m, axis=1)
    standing = (lengths_m >= _STANDING_M[0]) & (lengths_m <= _STANDING_M[1])
    up = np.array((0.0, -1.0, 0.0))
    if standing.any():
        middle = np.median(bodies_m[standing] / lengths_m[standing, None], axis=0)
        middle /= np.linalg.norm(middle)
        if middle @ up > np.cos(_MOST_TILT_RAD):
            up = middle
    forward = np.array((0.0, 0.0, 1.0)) - up * up[2]
    forward /= np.linalg.norm(forward)
    axes = np.stack((np.cross(forward, up), up, forward))
    feet_m = people_m[:, _ANKLES] @ up  # (N, 2), upwards from the camera
    height_m = _ANKLE_HEIGHT_M - float(np.percentile(feet_m.min(axis=1), 20)) if len(feet_m) else 1.6
    return Floor(axes, height_m)
