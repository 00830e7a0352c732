"""The view in 3D: people on a floor with a grid of metres, seen from beside the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from deploy.local.canvas import GREY, Image, dot, line, text
from deploy.local.colours import Colour
from deploy.local.skeletons import draw_skeleton
from posestream.skeleton import BONES, PELVIS
from posestream.view.floor import FloatArray, Floor

_BACKGROUND: Final[Colour] = (46, 40, 38)
_GRID: Final[Colour] = (92, 84, 80)
_GROUND: Final[Colour] = (60, 53, 50)
_SHADOW: Final[Colour] = (36, 31, 29)
_TRUTH: Final[Colour] = (205, 205, 205)
_ELEVATION_RAD: Final = np.radians(16)
_AZIMUTH_RAD: Final = np.radians(-28)
SWING_RAD: Final = np.radians(9)
"""So far the viewpoint may turn to either side without anything leaving the view."""
_FOCAL: Final = 1.25  # times the view's height
_RIM: Final = 0.06  # of the view's height
_LIMB_M: Final = 0.035
_NEAREST_M: Final = 0.2
_LONGEST_M: Final = 12.0
_NEAREST_EYE_M: Final = 3.0
_FARTHEST_EYE_M: Final = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Extent:
    """The part of the floor to show: metres right of the camera and forward from it."""

    right_m: tuple[float, float]
    forward_m: tuple[float, float]

    @classmethod
    def around(cls, level_m: FloatArray) -> Extent:
        """Return whole metres around people (N, 19, 3) in floor coordinates; some floor when there is nobody."""
        places_m = level_m[:, PELVIS]
        if not len(places_m):
            return cls((-2.0, 2.0), (1.0, 5.0))
        low = np.floor(np.percentile(places_m, 2, axis=0) - 0.7)
        high = np.ceil(np.percentile(places_m, 98, axis=0) + 0.7)
        high = np.minimum(high, low + _LONGEST_M)
        return cls((float(low[0]), float(high[0])), (float(low[2]), float(high[2])))


class SpaceView:
    """Draws people (19, 3) in a camera frame as seen from the side and above."""

    def __init__(self, size_wh: tuple[int, int], floor: Floor, extent: Extent) -> None:
        self._size_wh = size_wh
        self._floor = floor
        self._extent = extent
        self._target_m, self._distance_m, self._centre_px = _fitted(extent, size_wh)

    def draw(
        self, people_m: Sequence[FloatArray], colours: Sequence[Colour], truth_m: FloatArray, turn: float
    ) -> Image:
        """Draw people in their colours, and in grey those who are really there, (T, 19, 3).

        `turn` in radians moves the viewpoint around the middle.
        """
        width, height = self._size_wh
        image: Image = np.full((height, width, 3), _BACKGROUND, np.uint8)
        look = _Look(self._target_m, self._distance_m, turn, _FOCAL * height, self._centre_px)
        self._draw_floor(image, look)
        level = [self._floor.level(joints_m) for joints_m in people_m]
        for joints_m in level:
            self._draw_shadow(image, look, joints_m)
        for joints_m in truth_m:
            points_px, _ = look.project(self._floor.level(joints_m))
            for a, b in BONES:
                line(image, points_px[a], points_px[b], _TRUTH, 1)
        order = sorted(range(len(level)), key=lambda index: -look.project(level[index])[1][PELVIS])
        for index in order:
            points_px, px_per_m = look.project(level[index])
            draw_skeleton(image, points_px, colours[index], np.clip(_LIMB_M * px_per_m, 1.5, 9))
        return image

    def _draw_floor(self, image: Image, look: _Look) -> None:
        (left, right), (near, far) = self._extent.right_m, self._extent.forward_m
        corners = np.array([(left, 0, near), (right, 0, near), (right, 0, far), (left, 0, far)])
        corners_px, _ = look.project(corners)
        if np.isfinite(corners_px).all():
            cv2.fillConvexPoly(image, np.round(corners_px).astype(np.int32), _GROUND, cv2.LINE_AA)
        for x in np.arange(left, right + 0.5):
            self._floor_line(image, look, (x, near), (x, far))
        for z in np.arange(near, far + 0.5):
            self._floor_line(image, look, (left, z), (right, z))
            self._label(image, look, (right + 0.18, 0, z), f"{z:.0f}")
        self._draw_ruler(image, look, np.array((left, 0.0, far)))

    def _floor_line(self, image: Image, look: _Look, start: tuple[float, float], end: tuple[float, float]) -> None:
        ends_px, _ = look.project(np.array([(start[0], 0, start[1]), (end[0], 0, end[1])]))
        line(image, ends_px[0], ends_px[1], _GRID, 1)

    def _draw_ruler(self, image: Image, look: _Look, foot_m: FloatArray) -> None:
        """Draw a pole of two metres at the far corner."""
        marks_px, _ = look.project(foot_m + np.array([(0, 0, 0), (0, 1, 0), (0, 2, 0)]))
        line(image, marks_px[0], marks_px[2], GREY, 1)
        for metres in (1, 2):
            dot(image, marks_px[metres], GREY, 2)
            text(image, f"{metres} m", tuple(marks_px[metres] + (6, 4)), self._letters_px, GREY)

    def _label(self, image: Image, look: _Look, place_m: tuple[float, float, float], words: str) -> None:
        (place_px,), _ = look.project(np.array([place_m]))
        if np.isfinite(place_px).all():
            text(image, words, tuple(place_px), self._letters_px, GREY, align=0.5)

    @property
    def _letters_px(self) -> float:
        return self._size_wh[1] / 38

    def _draw_shadow(self, image: Image, look: _Look, level_m: FloatArray) -> None:
        points_px, px_per_m = look.project(level_m * (1, 0, 1))
        for a, b in BONES:
            line(image, points_px[a], points_px[b], _SHADOW, float(_LIMB_M * 1.6 * px_per_m[a]))


class _Look:
    """A viewpoint on a circle around a target, in floor coordinates (right, up, forward)."""

    def __init__(
        self, target_m: FloatArray, distance_m: float, turn: float, focal_px: float, centre_px: FloatArray
    ) -> None:
        azimuth = _AZIMUTH_RAD + turn
        flat = np.array((np.sin(azimuth), 0.0, np.cos(azimuth)))  # the direction of sight, level
        up = np.array((0.0, 1.0, 0.0))
        forward = np.cos(_ELEVATION_RAD) * flat - np.sin(_ELEVATION_RAD) * up
        right = np.cross(up, flat)
        self._axes = np.stack((right, np.cross(right, forward), forward))  # right, down, forward
        self._eye_m = target_m - distance_m * forward
        self._focal_px = focal_px
        self._centre_px = centre_px

    def project(self, points_m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return where points (N, 3) are, (N, 2) pixels, and how many pixels a metre is there, (N,); NaN behind us."""
        seen_m = (points_m - self._eye_m) @ self._axes.T
        px_per_m = self._focal_px / np.where(seen_m[:, 2] > _NEAREST_M, seen_m[:, 2], np.nan)
        return seen_m[:, :2] * px_per_m[:, None] + self._centre_px, px_per_m


def _fitted(extent: Extent, size_wh: tuple[int, int]) -> tuple[FloatArray, float, FloatArray]:
    """Return the target, the distance and the image's centre that fill a view with the extent and people on it."""
    (left, right), (near, far) = extent.right_m, extent.forward_m
    target_m = np.array(((left + right) / 2, 0.8, (near + far) / 2))
    corners_m = np.array([(x, y, z) for x in (left, right) for y in (0.0, 1.8) for z in (near, far)])
    size_px = np.array(size_wh, float)
    room_px = size_px - 2 * _RIM * size_px[1]
    for distance_m in np.arange(_NEAREST_EYE_M, _FARTHEST_EYE_M, 0.1):
        corners_px = np.concatenate(
            [
                _Look(target_m, float(distance_m), turn, _FOCAL * size_px[1], np.zeros(2)).project(corners_m)[0]
                for turn in (0.0, -SWING_RAD, SWING_RAD)
            ]
        )
        low_px, high_px = corners_px.min(axis=0), corners_px.max(axis=0)
        if (high_px - low_px <= room_px).all():  # False for a corner behind the eye, which is NaN
            return target_m, float(distance_m), size_px / 2 - (low_px + high_px) / 2
    return target_m, _FARTHEST_EYE_M, size_px / 2
