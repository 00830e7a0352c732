"""A perspective camera without distortion, somewhere in the world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from posestream.messages import Intrinsics
from producer.synthetic.rotations import FloatArray

NEAREST_M = 0.05
"""Points nearer than this in front of the camera, or behind it, have no place in the image."""


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A pinhole camera.

    Attributes:
        size_wh: of the image, pixels.
        intrinsics: focal lengths and principal point, pixels.
        rotation: (3, 3), world to camera; the camera frame has OpenCV's axes (x right, y down, z forward).
        translation_m: (3,), so that a point's camera coordinates are `rotation @ world + translation_m`.
    """

    size_wh: tuple[int, int]
    intrinsics: Intrinsics
    rotation: FloatArray
    translation_m: FloatArray

    @classmethod
    def looking_at(
        cls, size_wh: tuple[int, int], focal_px: float, position_m: FloatArray, target_m: FloatArray, roll: float = 0.0
    ) -> Self:
        """Return a camera at a place, with its image's centre on another, turned about its axis by `roll` radians."""
        width, height = size_wh
        forward = target_m - position_m
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right = right / np.linalg.norm(right)
        down = np.cross(forward, right)
        cos, sin = np.cos(roll), np.sin(roll)
        rotation = np.stack((cos * right + sin * down, cos * down - sin * right, forward))
        intrinsics = Intrinsics(focal_px, focal_px, width / 2, height / 2, calibrated=True)
        return cls(size_wh, intrinsics, rotation, -rotation @ position_m)

    @property
    def position_m(self) -> FloatArray:
        """Where the camera is in the world, (3,)."""
        return -self.rotation.T @ self.translation_m

    def seen(self, world_m: FloatArray) -> FloatArray:
        """Return points `(..., 3)` of the world in the camera frame."""
        return world_m @ self.rotation.T + self.translation_m

    def project(self, camera_m: FloatArray) -> FloatArray:
        """Return where points `(..., 3)` of the camera frame are in the image, `(..., 2)` pixels; NaN behind it."""
        depth = camera_m[..., 2:]
        depth = np.where(depth > NEAREST_M, depth, np.nan)
        camera = self.intrinsics
        scaled: FloatArray = camera_m[..., :2] / depth * (camera.fx, camera.fy) + (camera.cx, camera.cy)
        return scaled
