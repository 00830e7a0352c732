"""What is known of a camera: its lens (intrinsics, distortion) and its place in the world (extrinsics).

Values only: they travel with every frame and every pose message, as `docs/wire-format.md` says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

Floats = TypeVar("Floats", npt.NDArray[np.float32], npt.NDArray[np.float64])
Row = tuple[float, float, float]

MAX_ROTATION_ERROR: Final = 1e-3
"""How far a rotation times its transpose may be from the identity, in any element."""


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """A pinhole camera, in pixels of the source frame.

    Attributes:
        fx, fy: focal lengths, positive.
        cx, cy: principal point, measured like `joints_px` from the outer corner of the top left pixel: a calibration of
            OpenCV's, which counts from that pixel's centre, has to be moved by + 0.5.
        calibrated: measured, rather than assumed of a camera nobody has calibrated.

    Raises `ValueError` for focal lengths that are not positive and finite and a principal point that is not finite.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    calibrated: bool

    def __post_init__(self) -> None:
        if not (0 < self.fx < math.inf and 0 < self.fy < math.inf):
            raise ValueError(f"focal lengths must be positive and finite, not {self.fx} and {self.fy} px")
        if not (math.isfinite(self.cx) and math.isfinite(self.cy)):
            raise ValueError(f"the principal point must be finite, not ({self.cx}, {self.cy}) px")

    @classmethod
    def assumed(cls, width: int, height: int) -> Intrinsics:
        """Return what is assumed of a camera nobody has calibrated: fx = fy = 0.8 x width, centred."""
        focal = 0.8 * width
        return cls(focal, focal, width / 2, height / 2, calibrated=False)

    def scaled(self, x: float, y: float) -> Intrinsics:
        """Return the same camera for images scaled by these factors."""
        return Intrinsics(self.fx * x, self.fy * y, self.cx * x, self.cy * y, self.calibrated)


class LensModel(StrEnum):
    """Which of OpenCV's models the coefficients of a distortion belong to."""

    STANDARD = "standard"
    """`cv2.projectPoints`: k1, k2, p1, p2, and as many more of k3, k4, k5, k6, s1, s2, s3, s4, τx, τy as there are."""
    FISHEYE = "fisheye"
    """`cv2.fisheye.projectPoints`: k1, k2, k3, k4."""


COEFFICIENT_COUNTS: Final = {LensModel.STANDARD: (4, 5, 8, 12, 14), LensModel.FISHEYE: (4,)}


@dataclass(frozen=True, slots=True)
class Distortion:
    """How a lens departs from a pinhole, in OpenCV's terms.

    Attributes:
        model: what the coefficients mean.
        coefficients: in OpenCV's order; 4, 5, 8, 12 or 14 of the standard model, 4 of the fisheye model.

    Raises `ValueError` for any other number of coefficients, and for some that are not finite.
    """

    model: LensModel
    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        counts = COEFFICIENT_COUNTS[self.model]
        if len(self.coefficients) not in counts:
            expected = ", ".join(map(str, counts))
            raise ValueError(f"the {self.model} model has {expected} coefficients, not {len(self.coefficients)}")
        if not all(map(math.isfinite, self.coefficients)):
            raise ValueError("the coefficients must be finite")


@dataclass(frozen=True, slots=True)
class Extrinsics:
    """Where a camera is: a point of the world is at `rotation · point + translation_m` in the camera's frame.

    The camera's frame has OpenCV's axes (x right, y down, z forward). The world is in metres, its z axis points up, and
    the floor, where there is one, is at z = 0.

    Attributes:
        rotation: 3 rows of 3, world to camera.
        translation_m: the world's origin in the camera's frame, metres.

    Raises `ValueError` for a matrix that is not a rotation and numbers that are not finite.
    """

    rotation: tuple[Row, Row, Row]
    translation_m: Row

    def __post_init__(self) -> None:
        matrix = np.array(self.rotation, np.float64)
        if matrix.shape != (3, 3) or len(self.translation_m) != 3:
            raise ValueError("expected a rotation of 3 x 3 numbers and a translation of 3")
        if not (np.isfinite(matrix).all() and all(map(math.isfinite, self.translation_m))):
            raise ValueError("rotation and translation must be finite")
        error = float(np.abs(matrix @ matrix.T - np.eye(3)).max())
        if not (error <= MAX_ROTATION_ERROR and np.linalg.det(matrix) > 0):
            raise ValueError("not a rotation: the rows must be unit vectors, orthogonal and right-handed")

    @classmethod
    def of(cls, rotation: npt.ArrayLike, translation_m: npt.ArrayLike) -> Extrinsics:
        """Return the extrinsics that a matrix `(3, 3)` and a vector `(3,)` give.

        Raises:
            ValueError: they have other shapes, or as the class says.
        """
        rows: Any = np.asarray(rotation, np.float64).reshape(3, 3).tolist()
        place: Any = np.asarray(translation_m, np.float64).reshape(3).tolist()
        return cls((tuple(rows[0]), tuple(rows[1]), tuple(rows[2])), tuple(place))

    @property
    def position_m(self) -> npt.NDArray[np.float64]:
        """Where the camera is in the world, `(3,)` metres."""
        return self.to_world(np.zeros(3))

    def to_world(self, camera_m: Floats) -> Floats:
        """Return points `(..., 3)` of the camera's frame in the world, metres, of the same type; NaN stays NaN."""
        rotation = np.array(self.rotation, camera_m.dtype)
        result: Floats = (camera_m - np.array(self.translation_m, camera_m.dtype)) @ rotation
        return result

    def to_camera(self, world_m: Floats) -> Floats:
        """Return points `(..., 3)` of the world in the camera's frame, metres, of the same type; NaN stays NaN."""
        rotation = np.array(self.rotation, world_m.dtype)
        result: Floats = world_m @ rotation.T + np.array(self.translation_m, world_m.dtype)
        return result
