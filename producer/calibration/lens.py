"""Intrinsics and distortion from pictures of a board: a choice of different views, and OpenCV's calibration of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from posestream.calibration import Distortion, Intrinsics, LensModel
from posestream.errors import ConfigurationError
from producer.calibration.board import Corners
from producer.opencv import cv2

Array = npt.NDArray[np.float64]

MIN_VIEWS: Final = 5
MAX_VIEWS: Final = 40
MIN_TILT_DEG: Final = 10.0
_FOCAL_LENGTHS: Final = (0.15, 12.0)  # in longer sides of the picture: from fisheyes to 5 degrees
_SAME_PX: Final = 1.0
_BLURRED: Final = 2.5  # times the median error: moved too fast
_CELLS: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class LensReport:
    """A calibrated lens, and how well it explains the pictures.

    Attributes:
        intrinsics, distortion: the lens.
        error_px: root of the mean square of what is left between corners found and projected.
        focal_deviation_px: standard deviation of the focal length, as far as the corners tell; None for fisheyes.
        views: the corners used.
        projected: for each of them, where the lens has the corners, (N, 2).
        coverage: share of the picture's 8 x 8 parts in which there were corners.
        tilt_deg: the largest angle between two of the boards.
    """

    intrinsics: Intrinsics
    distortion: Distortion
    error_px: float
    focal_deviation_px: float | None
    views: list[Corners]
    projected: list[Array]
    coverage: float
    tilt_deg: float

    @property
    def advice(self) -> list[str]:
        """What would make it better."""
        hints = []
        if self.coverage < 0.6:
            hints.append(f"corners were seen in {self.coverage:.0%} of the picture: show the board near its edges, too")
        if self.tilt_deg < 25:
            hints.append(f"the board was tilted by {self.tilt_deg:.0f}° at most: tilt it by 30° and more, all ways")
        if len(self.views) < 12:
            hints.append(
                f"there were {len(self.views)} different views: show it longer, and hold it still now and then"
            )
        if self.error_px > 1:
            hints.append("the error is above 1 px: use a flat board, good light, and a camera that does not refocus")
        return hints


def different(found: Sequence[Corners]) -> list[Corners]:
    """Return the views without those that show the same corners where an earlier one has them, to within a pixel."""
    kept = []
    known: dict[bytes, list[Array]] = {}
    for view in found:
        others = known.setdefault(view.board_m.tobytes(), [])
        if others and np.abs(np.array(others) - view.pixels).max(axis=(1, 2)).min() <= _SAME_PX:
            continue
        others.append(view.pixels)
        kept.append(view)
    return kept


def choose_views(found: Sequence[Corners], size_wh: tuple[int, int], at_most: int = MAX_VIEWS) -> list[Corners]:
    """Return the views that differ most: each time the one that is farthest from all those chosen.

    Views differ by where in the picture the board is, how large, and how it is turned.
    """
    if len(found) <= at_most:
        return list(found)
    features = np.array([_feature(view, size_wh) for view in found])
    chosen = [int(np.argmax([len(view.pixels) for view in found]))]
    distance = np.full(len(found), np.inf)
    while len(chosen) < at_most:
        distance = np.minimum(distance, np.linalg.norm(features - features[chosen[-1]], axis=1))
        chosen.append(int(distance.argmax()))
    return [found[index] for index in sorted(chosen)]


def _feature(view: Corners, size_wh: tuple[int, int]) -> Array:
    """Return place, size and perspective of a view as numbers of like weight."""
    homography, _ = cv2.findHomography(view.board_m[:, :2], view.pixels / size_wh)
    turned = np.asarray(homography, np.float64) if homography is not None else np.zeros((3, 3))
    reach = np.ptp(view.board_m[:, :2], axis=0).max() or 1.0
    middle, spread = (view.pixels / size_wh).mean(axis=0), (view.pixels / size_wh).std(axis=0)
    return np.concatenate((middle, 2 * spread, 3 * reach * turned[2, :2]))


def calibrate(views: Sequence[Corners], size_wh: tuple[int, int], model: LensModel) -> LensReport:
    """Return the lens that explains the views best; those that fit far worse than the others are left out.

    Raises:
        ConfigurationError: too few views, no lens explains them, or they do not tell the focal length.
    """
    chosen = list(views)
    result = _solved(chosen, size_wh, model)
    errors = np.array([_error_px(view, seen) for view, seen in zip(chosen, result.projected, strict=True)])
    good = [view for view, error in zip(chosen, errors, strict=True) if error <= _BLURRED * np.median(errors)]
    if MIN_VIEWS <= len(good) < len(chosen):
        result = _solved(good, size_wh, model)
    _check_told(result, size_wh)
    return result


def _check_told(report: LensReport, size_wh: tuple[int, int]) -> None:
    """Refuse what came of boards that all faced the camera: any focal length explains those equally well.

    The standard deviation does not show that, and one far too long makes noise look like tilt.
    """
    focal = report.intrinsics.fx
    shortest, longest = (limit * max(size_wh) for limit in _FOCAL_LENGTHS)
    if report.tilt_deg >= MIN_TILT_DEG and shortest <= focal <= longest:
        return
    raise ConfigurationError(
        f"these pictures do not tell the focal length: it came out as {focal:.0f} px, of {size_wh[0]} px in width, and "
        f"the board as tilted by {report.tilt_deg:.0f}° at most. Show it tilted by 30° and more, all ways"
    )


def _solved(views: list[Corners], size_wh: tuple[int, int], model: LensModel) -> LensReport:
    if len(views) < MIN_VIEWS:
        raise ConfigurationError(
            f"the board was found in {len(views)} different pictures, {MIN_VIEWS} are needed and 15 are good: is it as "
            "large (--squares), wholly in the picture, well lit and held still?"
        )
    try:
        matrix, coefficients, turns, places, deviation = (
            _fisheye(views, size_wh) if model is LensModel.FISHEYE else _standard(views, size_wh)
        )
    except cv2.error as error:
        raise ConfigurationError(
            f"no lens explains these pictures ({error.err}): show the board tilted, too"
        ) from error
    if not (np.isfinite(matrix).all() and matrix[0, 0] > 0 and matrix[1, 1] > 0):
        raise ConfigurationError("no lens explains these pictures: show the board tilted, and all over the picture")
    project = cv2.fisheye.projectPoints if model is LensModel.FISHEYE else cv2.projectPoints
    projected = [
        np.asarray(project(view.board_m[:, None], turn, place, matrix, coefficients)[0], np.float64).reshape(-1, 2)
        for view, turn, place in zip(views, turns, places, strict=True)
    ]
    squares = np.concatenate([(view.pixels - seen) ** 2 for view, seen in zip(views, projected, strict=True)])
    normals = np.array([cv2.Rodrigues(turn)[0][:, 2] for turn in turns])
    return LensReport(
        intrinsics=Intrinsics(
            float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]) + 0.5, float(matrix[1, 2]) + 0.5, True
        ),
        distortion=Distortion(model, tuple(coefficients.ravel().tolist())),
        error_px=float(np.sqrt(squares.sum(axis=1).mean())),
        focal_deviation_px=deviation,
        views=views,
        projected=projected,
        coverage=_coverage(views, size_wh),
        tilt_deg=float(np.degrees(np.arccos(np.clip((normals @ normals.T).min(), -1, 1)))),
    )


def _standard(
    views: list[Corners], size_wh: tuple[int, int]
) -> tuple[Array, Array, Sequence[Any], Sequence[Any], float | None]:
    board, pixels = (
        [getattr(view, name).astype(np.float32)[:, None] for view in views] for name in ("board_m", "pixels")
    )
    _, matrix, coefficients, turns, places, deviations, _, _ = cv2.calibrateCameraExtended(
        board, pixels, size_wh, np.eye(3), np.zeros(5)
    )
    coefficients = np.asarray(coefficients, np.float64).ravel()[:5]
    return np.asarray(matrix, np.float64), coefficients, turns, places, float(np.asarray(deviations).ravel()[0])


def _fisheye(
    views: list[Corners], size_wh: tuple[int, int]
) -> tuple[Array, Array, Sequence[Any], Sequence[Any], float | None]:
    board, pixels = ([getattr(view, name).astype(np.float64)[None] for view in views] for name in ("board_m", "pixels"))
    flags = _fisheye_flag("CALIB_RECOMPUTE_EXTRINSIC") | _fisheye_flag("CALIB_FIX_SKEW")
    _, matrix, coefficients, turns, places = cv2.fisheye.calibrate(
        board, pixels, size_wh, np.eye(3), np.zeros((4, 1)), flags=flags
    )
    return np.asarray(matrix, np.float64), np.asarray(coefficients, np.float64).ravel(), turns, places, None


def _fisheye_flag(name: str) -> int:
    """Return a flag of `cv2.fisheye.calibrate`, which OpenCV 5 keeps elsewhere than OpenCV 4."""
    flag: int = getattr(cv2.fisheye, name, None) or getattr(cv2, name)
    return flag


def _error_px(view: Corners, projected: Array) -> float:
    return float(np.sqrt(((view.pixels - projected) ** 2).sum(axis=1).mean()))


def _coverage(views: Sequence[Corners], size_wh: tuple[int, int]) -> float:
    pixels = np.concatenate([view.pixels for view in views])
    cells = np.clip(pixels / size_wh * _CELLS, 0, _CELLS - 1).astype(int)
    return len(np.unique(cells, axis=0)) / _CELLS**2
