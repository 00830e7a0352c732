"""From pixels to lines of sight, through the lens that the camera really has."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from posestream.calibration import Distortion, Intrinsics, LensModel

_FARTHEST: Final = 30.0  # per unit of depth, 88 degrees off the axis: what can not be straightened comes out beyond
_ENOUGH: Final = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-7)


def sight_rays(
    frame_px: npt.NDArray[np.float32], intrinsics: Intrinsics, distortion: Distortion | None
) -> npt.NDArray[np.float64]:
    """Return where the lines of sight through points `(..., 2)` of the image pass z = 1: x and y, camera axes.

    `frame_px` are in pixels of the frame, from the outer corner of its top left pixel, like the principal point. NaN
    stays NaN, and so becomes a point that the lens, as it is described, can not have put there.
    """
    centre_px = (intrinsics.cx, intrinsics.cy)
    rays = (frame_px.astype(np.float64) - centre_px) / (intrinsics.fx, intrinsics.fy)
    if distortion is None or not rays.size:
        return rays
    flat = rays.reshape(-1, 2)
    seen = np.isfinite(flat).all(axis=1)
    straight = np.full_like(flat, np.nan)
    if seen.any():
        straight[seen] = _straightened(flat[seen], distortion)
    return straight.reshape(rays.shape)


def _straightened(rays: npt.NDArray[np.float64], distortion: Distortion) -> npt.NDArray[np.float64]:
    """Return distorted rays `(N, 2)` as a pinhole would see them."""
    coefficients = np.array(distortion.coefficients)
    unit, points = np.eye(3), rays.reshape(-1, 1, 2)
    found: Any
    if distortion.model is LensModel.FISHEYE:
        found = cv2.fisheye.undistortPoints(points, unit, coefficients)
    elif hasattr(cv2, "undistortPointsIter"):  # OpenCV 4
        found = cv2.undistortPointsIter(points, unit, coefficients, unit, unit, _ENOUGH)
    else:
        found = cv2.undistortPoints(points, unit, coefficients, None, unit, unit, _ENOUGH)
    straight = np.asarray(found, np.float64).reshape(-1, 2)
    within = (np.abs(straight) < _FARTHEST).all(axis=1, keepdims=True)
    return np.where(within, straight, np.nan)
