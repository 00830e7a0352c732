"""Rotations about the axes, for many angles at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def about_x(angle: FloatArray) -> FloatArray:
    """Return `(..., 3, 3)` matrices that turn y towards z by `angle` `(...)` radians."""
    return _about(angle, 1, 2)


def about_y(angle: FloatArray) -> FloatArray:
    """Return `(..., 3, 3)` matrices that turn z towards x by `angle` `(...)` radians."""
    return _about(angle, 2, 0)


def about_z(angle: FloatArray) -> FloatArray:
    """Return `(..., 3, 3)` matrices that turn x towards y by `angle` `(...)` radians."""
    return _about(angle, 0, 1)


def _about(angle: FloatArray, first: int, second: int) -> FloatArray:
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.zeros((*np.shape(angle), 3, 3))
    matrix[..., range(3), range(3)] = 1.0
    matrix[..., first, first] = matrix[..., second, second] = cos
    matrix[..., first, second] = -sin
    matrix[..., second, first] = sin
    return matrix


def turned(matrix: FloatArray, *vector: FloatArray | float) -> FloatArray:
    """Return `matrix` `(..., 3, 3)` times the vector with these three components, `(..., 3)`."""
    x, y, z = (np.asarray(part)[..., None] for part in vector)
    result: FloatArray = matrix[..., 0] * x + matrix[..., 1] * y + matrix[..., 2] * z
    return result
