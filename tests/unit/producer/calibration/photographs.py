"""Photographs of a board as a camera with a known lens, somewhere in the world, takes them."""

from __future__ import annotations

import cv2
import numpy as np

from posestream.calibration import Distortion, Extrinsics, Intrinsics, LensModel
from producer.calibration.board import draw_board

SIZE_WH = (640, 480)
LENS = Intrinsics(520.0, 524.0, 328.5, 236.5, calibrated=True)
BARREL = Distortion(LensModel.STANDARD, (-0.28, 0.1, 0.001, -0.001, -0.02))
FISHEYE = Distortion(LensModel.FISHEYE, (0.03, -0.01, 0.002, 0.0))
SQUARES = (10, 7)
SQUARE_M = 0.03

_MARGIN_PX = 20
_PX_PER_SQUARE = 40


def matrix(lens: Intrinsics = LENS) -> np.ndarray:
    """Return the camera matrix as OpenCV counts pixels."""
    return np.array([[lens.fx, 0, lens.cx - 0.5], [0, lens.fy, lens.cy - 0.5], [0, 0, 1]])


def photograph(place: Extrinsics, distortion: Distortion | None, *, charuco: bool, noise: float = 2.0) -> np.ndarray:
    """Return a picture (480, 640, 3) of a board whose top left corner is the world's origin, with x along its top and
    y down its side; the world's z axis goes into it."""
    board = draw_board(SQUARES, charuco=charuco, px_per_square=_PX_PER_SQUARE, margin_px=_MARGIN_PX)
    width, height = SIZE_WH
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(-1, 1, 2).astype(np.float64)
    coefficients = np.array(distortion.coefficients if distortion else [0.0] * 5)
    if distortion is not None and distortion.model is LensModel.FISHEYE:
        rays = cv2.fisheye.undistortPoints(pixels, matrix(), coefficients)
    else:
        rays = cv2.undistortPoints(pixels, matrix(), coefficients)
    sights = np.concatenate((rays[:, 0], np.ones((len(rays), 1))), axis=1) @ np.array(place.rotation)
    eye = place.position_m
    points_m = eye[:2] - sights[:, :2] * (eye[2] / sights[:, 2:])
    ahead = -eye[2] / sights[:, 2] > 0
    on_board = points_m / SQUARE_M * _PX_PER_SQUARE + _MARGIN_PX - 0.5
    on_board[~ahead] = -1000
    maps = on_board.reshape(height, width, 2).astype(np.float32)
    grey = cv2.remap(board, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=110)
    noisy = cv2.GaussianBlur(grey, (0, 0), 0.6) + np.random.default_rng(1).normal(0, noise, grey.shape)
    return np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def looking_at_board(turn: tuple[float, float, float], aside: tuple[float, float], distance_m: float) -> Extrinsics:
    """Return where a camera is that sees the middle of the board so far aside of its axis (per unit of depth)."""
    rotation = cv2.Rodrigues(np.array(turn, float))[0]
    middle = np.array((SQUARES[0] / 2, SQUARES[1] / 2, 0)) * SQUARE_M
    return Extrinsics.of(rotation, np.array((*aside, 1.0)) * distance_m - rotation @ middle)


def session(count: int = 18) -> list[Extrinsics]:
    """Return places all around a board, as when somebody shows it to the camera."""
    rng = np.random.default_rng(11)
    return [
        looking_at_board(
            (*rng.uniform(-0.6, 0.6, 2), rng.uniform(-0.4, 0.4)),
            tuple(rng.uniform((-0.3, -0.2), (0.3, 0.2))),
            float(rng.uniform(0.32, 0.6)),
        )
        for _ in range(count)
    ]
