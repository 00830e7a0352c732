"""Pictures that show how good a calibration is."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from posestream.calibration import Distortion, Intrinsics
from posestream.errors import ConfigurationError
from producer.calibration.floor import PlaceReport, project
from producer.calibration.lens import LensReport
from producer.opencv import as_bytes, cv2
from producer.sources.base import Bgr

Array = npt.NDArray[np.float64]
Colour = tuple[int, int, int]

MAGNIFIED: Final = 20
"""How much longer than they are the errors of corners are drawn."""

_BAR_PX: Final = 46
_WIDTH_PX: Final = 1280
_GREEN, _AMBER, _RED, _BLUE, _WHITE = (90, 200, 90), (60, 190, 240), (70, 70, 240), (250, 160, 90), (250, 250, 250)
_SUBPIXEL: Final = 4


def lens_picture(image: Bgr, report: LensReport) -> Bgr:
    """Return a picture of all corners that were found, with where the lens has them, 20 times as far away.

    Green up to half a pixel, amber up to one, red beyond.
    """
    canvas, scale = _canvas(image // 2)
    for view, projected in zip(report.views, report.projected, strict=True):
        errors = np.linalg.norm(view.pixels - projected, axis=1)
        for found, seen, error in zip(view.pixels + 0.5, projected + 0.5, errors, strict=True):
            colour = _GREEN if error <= 0.5 else _AMBER if error <= 1 else _RED
            _line(canvas, found * scale, (found + MAGNIFIED * (seen - found)) * scale, colour)
            cv2.circle(canvas, _fixed(found * scale), 2 * 2**_SUBPIXEL, colour, -1, cv2.LINE_AA, _SUBPIXEL)
    corners = sum(len(view.pixels) for view in report.views)
    focal = "" if report.focal_deviation_px is None else f" +- {report.focal_deviation_px:.1f}"
    return _titled(
        canvas,
        f"{corners} corners in {len(report.views)} views: error {report.error_px:.2f} px (drawn x {MAGNIFIED}), "
        f"focal length {report.intrinsics.fx:.1f}{focal} px, {report.coverage:.0%} of the picture covered",
    )


def floor_picture(image: Bgr, report: PlaceReport, intrinsics: Intrinsics, distortion: Distortion | None) -> Bgr:
    """Return the picture with a grid of metres on the floor, the world's axes, and the points with their errors."""
    canvas, scale = _canvas(image)
    size_wh = (image.shape[1], image.shape[0])
    lines = [(line_m, _WHITE, 1) for line_m in _grid_m(report.world_m)]
    half_m = np.linspace(0, 0.5, 12)[:, None]
    lines += [(half_m * axis, colour, 3) for axis, colour in zip(np.eye(3), (_RED, _GREEN, _BLUE), strict=True)]
    for line_m, colour, thickness in lines:
        pixels = project(line_m, intrinsics, distortion, report.extrinsics, size_wh)
        _polyline(canvas, pixels * scale, colour, thickness)
    for found, seen in zip(report.pixels * scale, report.projected * scale, strict=True):
        cv2.circle(canvas, _fixed(found), 6 * 2**_SUBPIXEL, _AMBER, 2, cv2.LINE_AA, _SUBPIXEL)
        for step in ((5, 5), (5, -5)):
            _line(canvas, seen - step, seen + np.array(step), _GREEN)
    x, y, z = report.extrinsics.position_m
    return _titled(
        canvas,
        f"{len(report.pixels)} points (circles), and where the camera has them (crosses): {report.error_px:.2f} px. "
        f"Camera at ({x:.2f}, {y:.2f}, {z:.2f}) m. Squares of 1 m; x red, y green, z blue",
    )


def save(path: Path, image: Bgr) -> None:
    """Write a picture, in the format that the name ends in.

    Raises:
        ConfigurationError: it can not be written.
    """
    try:
        written = cv2.imwrite(as_bytes(path), image)
    except cv2.error as error:
        raise ConfigurationError(f"{path}: no picture can be written there ({error.err})") from error
    if not written:
        raise ConfigurationError(f"{path}: no picture can be written there")


def _grid_m(points_m: Array) -> list[Array]:
    """Return lines on the floor, a metre apart, about some points: each (N, 3)."""
    low = np.floor(points_m[:, :2].min(axis=0)) - 2
    high = np.ceil(points_m[:, :2].max(axis=0)) + 2
    lines = []
    for along, across in ((0, 1), (1, 0)):
        steps = np.arange(low[along], high[along] + 0.05, 0.1)
        for place in np.arange(low[across], high[across] + 0.5):
            line = np.zeros((len(steps), 3))
            line[:, along], line[:, across] = steps, place
            lines.append(line)
    return lines


def _canvas(image: Bgr) -> tuple[Bgr, float]:
    scale = min(1.0, _WIDTH_PX / image.shape[1])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _titled(canvas: Bgr, text: str) -> Bgr:
    """Return the picture with a line of text below, as large as the line has room."""
    height, width = canvas.shape[:2]
    titled: Bgr = np.zeros((height + _BAR_PX, width, 3), np.uint8)
    titled[:height] = canvas
    (text_width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 1)
    size = min(0.7, (width - 20) / text_width)
    place = (10, height + _BAR_PX // 2 + 6)
    cv2.putText(titled, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, _WHITE, 1, cv2.LINE_AA)
    return titled


def _polyline(canvas: Bgr, pixels: Array, colour: Colour, thickness: int) -> None:
    for start, end in pairwise(pixels):
        if np.isfinite((start, end)).all() and np.abs((start, end)).max() < 1e4:
            _line(canvas, start, end, colour, thickness)


def _line(canvas: Bgr, start: Array, end: Array, colour: Colour, thickness: int = 1) -> None:
    cv2.line(canvas, _fixed(start), _fixed(end), colour, thickness, cv2.LINE_AA, _SUBPIXEL)


def _fixed(point: Array) -> tuple[int, int]:
    """Return a point, from the outer corner of the picture, as OpenCV draws fractions of pixels."""
    x, y = np.clip((point - 0.5) * 2**_SUBPIXEL, -(2**20), 2**20).round()
    return int(x), int(y)
