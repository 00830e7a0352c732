"""Extrinsics: where a camera is, from points on the floor whose places are known, or from a board that lies on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from posestream.calibration import Distortion, Extrinsics, Intrinsics, LensModel
from posestream.errors import ConfigurationError
from producer.opencv import cv2

Array = npt.NDArray[np.float64]

MIN_POINTS: Final = 4
_STRAIGHT: Final = 1e-3
_HARDLY_BESIDE: Final = 0.02
_LARGEST: Final = 1e6
_NEAREST_M: Final = 0.05
_BEYOND: Final = 1.1


@dataclass(frozen=True, slots=True, eq=False)
class PlaceReport:
    """Where a camera is, and how well that explains the points.

    Attributes:
        extrinsics: the place.
        world_m: (N, 3) the points.
        pixels: (N, 2) where they are in the picture, from the outer corner of its top left pixel.
        projected: (N, 2) where the camera has them.
    """

    extrinsics: Extrinsics
    world_m: Array
    pixels: Array
    projected: Array

    @property
    def error_px(self) -> float:
        """Root of the mean square of the distances between the points and where the camera has them."""
        return float(np.sqrt(((self.pixels - self.projected) ** 2).sum(axis=1).mean()))

    @property
    def worst(self) -> int:
        """Index of the point that is farthest off."""
        return int(np.linalg.norm(self.pixels - self.projected, axis=1).argmax())


def read_points(path: Path) -> tuple[Array, Array]:
    """Read known points: a line `x y u v` or `x y z u v` for each, metres and pixels, with blanks or commas between.

    Empty lines and what follows a # are left out. Returns `(N, 3)` metres and `(N, 2)` pixels.

    Raises:
        ConfigurationError: naming the file and the line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"points file {path}: {error}") from error
    rows = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].replace(",", " ").replace(";", " ").split()
        if not words:
            continue
        try:
            values = [float(word) for word in words]
        except ValueError:
            values = []
        if len(values) not in (4, 5) or not (np.abs(values) < _LARGEST).all():  # also not NaN
            raise ConfigurationError(
                f"points file {path}: line {number}: write x y u v (metres on the floor, pixels in the picture), or "
                f"x y z u v, not {line.strip()[:60]!r}"
            )
        rows.append(values if len(values) == 5 else [*values[:2], 0.0, *values[2:]])
    if len(rows) < MIN_POINTS:
        raise ConfigurationError(f"points file {path}: {len(rows)} points, {MIN_POINTS} or more are needed")
    table = np.array(rows)
    return table[:, :3], table[:, 3:]


def locate(world_m: Array, pixels: Array, intrinsics: Intrinsics, distortion: Distortion | None) -> PlaceReport:
    """Return where a camera of this lens is that sees points of the world, `(N, 3)` metres, at pixels `(N, 2)`.

    Of the places that explain points in a plane, the one above the floor is taken.

    Raises:
        ConfigurationError: there are fewer than 4 points, all of them but one are in one line, or no camera sees them
            so.
    """
    if len(world_m) < MIN_POINTS:
        raise ConfigurationError(f"{len(world_m)} points, {MIN_POINTS} or more are needed")
    spread = np.linalg.svd(world_m - world_m.mean(axis=0), compute_uv=False)
    if spread[1] < _STRAIGHT * spread[0]:
        raise ConfigurationError("the points are in one line: take some beside it")
    _check_spread(world_m, "on the floor")
    camera = Projection(intrinsics, distortion)
    rays = camera.rays(pixels)
    _check_spread(rays, "in the picture")
    flat = spread[2] < _STRAIGHT * spread[0]
    method = cv2.SOLVEPNP_IPPE if flat else cv2.SOLVEPNP_SQPNP
    try:
        count, turns, places, _ = cv2.solvePnPGeneric(world_m[:, None], rays[:, None], np.eye(3), None, flags=method)
        found = []
        for rough in zip(turns[:count], places[:count], strict=True):
            turn, place = cv2.solvePnPRefineLM(world_m[:, None], rays[:, None], np.eye(3), None, *rough)
            extrinsics = Extrinsics.of(cv2.Rodrigues(turn)[0], place)
            found.append(PlaceReport(extrinsics, world_m, pixels, camera.pixels(extrinsics.to_camera(world_m))))
    except (cv2.error, ValueError) as error:  # ValueError: of numbers that are not finite
        raise ConfigurationError("no camera sees the points so: is each pixel that of its point?") from error
    above = [report for report in found if report.extrinsics.position_m[2] > 0]
    if not above:
        raise ConfigurationError(
            "no camera above the floor sees the points so: are x and y swapped, or is one of them mirrored? Seen from "
            "above, y points to the left of x"
        )
    return min(above, key=lambda report: report.error_px)


def _check_spread(points: Array, where: str) -> None:
    """Refuse points that do not tell a plane's perspective: it takes four of which no three are in one line."""
    distinct = np.unique(points, axis=0)
    if len(distinct) < MIN_POINTS:
        raise ConfigurationError(
            f"only {len(distinct)} of the points differ {where}, {MIN_POINTS} are needed: is one given twice?"
        )
    for left_out in range(len(distinct)):
        others = np.delete(distinct, left_out, axis=0)
        spread = np.linalg.svd(others - others.mean(axis=0), compute_uv=False)
        if spread[1] < _HARDLY_BESIDE * spread[0]:
            raise ConfigurationError(
                f"all points but one are in one line {where}: take some beside it, such as the corners of a square"
            )


class Projection:
    """A lens in OpenCV's terms, with pixels counted our way, from the outer corner of the top left one."""

    def __init__(self, intrinsics: Intrinsics, distortion: Distortion | None) -> None:
        self._matrix = np.array(
            [[intrinsics.fx, 0, intrinsics.cx], [0, intrinsics.fy, intrinsics.cy], [0, 0, 1]], np.float64
        )
        self._fisheye = distortion is not None and distortion.model is LensModel.FISHEYE
        self._coefficients = np.array(distortion.coefficients if distortion else [0.0] * 5)

    def rays(self, pixels: Array) -> Array:
        """Return the lines of sight `(N, 2)`, at a depth of 1, of pixels `(N, 2)`."""
        straighten = cv2.fisheye.undistortPoints if self._fisheye else cv2.undistortPoints
        rays = straighten(np.ascontiguousarray(pixels[:, None]), self._matrix, self._coefficients)
        return np.asarray(rays, np.float64).reshape(-1, 2)

    def pixels(self, camera_m: Array) -> Array:
        """Return the pixels `(N, 2)` of points `(N, 3)` of the camera's frame, by the lens's formula anywhere."""
        project = cv2.fisheye.projectPoints if self._fisheye else cv2.projectPoints
        still = np.zeros(3)
        found, _ = project(np.ascontiguousarray(camera_m[:, None]), still, still, self._matrix, self._coefficients)
        return np.asarray(found, np.float64).reshape(-1, 2)

    def reaches(self, camera_m: Array, size_wh: tuple[int, int] | None = None) -> npt.NDArray[np.bool_]:
        """Tell which points `(N, 3)` are in front of the camera and, of a picture of that size, not far outside it.

        Far outside the models of lenses mean nothing any more, and may fold back into the picture.
        """
        seen = camera_m[:, 2] > _NEAREST_M
        if size_wh is not None:
            width, height = size_wh
            corners = self.rays(np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64))
            reach = _BEYOND * np.linalg.norm(corners, axis=1).max()
            seen &= np.linalg.norm(camera_m[:, :2], axis=1) < reach * camera_m[:, 2]
        return np.asarray(seen, np.bool_)


def project(
    world_m: Array,
    intrinsics: Intrinsics,
    distortion: Distortion | None,
    extrinsics: Extrinsics,
    size_wh: tuple[int, int] | None = None,
) -> Array:
    """Return where a camera sees points `(N, 3)` of the world, `(N, 2)` pixels; NaN for those not in front of it.

    With a picture's size, points far outside it are NaN, too.
    """
    lens = Projection(intrinsics, distortion)
    camera_m = extrinsics.to_camera(world_m)
    seen = lens.reaches(camera_m, size_wh)
    pixels = np.full((len(world_m), 2), np.nan)
    if seen.any():
        pixels[seen] = lens.pixels(camera_m[seen])
    return pixels
