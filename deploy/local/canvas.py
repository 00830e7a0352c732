"""Lines, dots and letters on an image, the same with every version of OpenCV."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from deploy.local.colours import Colour

Image = npt.NDArray[np.uint8]
"""(H, W, 3) uint8, blue, green, red."""

Point = npt.NDArray[np.floating]
"""(2,) x and y in pixels."""

WHITE: Final[Colour] = (240, 240, 240)
GREY: Final[Colour] = (150, 150, 150)
BLACK: Final[Colour] = (20, 18, 18)
_FONT: Final = cv2.FONT_HERSHEY_DUPLEX
_SHIFT: Final = 4  # bits of a pixel: lines do not jump from pixel to pixel


def line(image: Image, start_px: Point, end_px: Point, colour: Colour, width_px: float) -> None:
    """Draw a smooth line between two points (2,); does nothing when one is far outside, or not finite."""
    if _drawable(image, start_px) and _drawable(image, end_px):
        cv2.line(image, _fixed(start_px), _fixed(end_px), colour, max(1, round(width_px)), cv2.LINE_AA, _SHIFT)


def dot(image: Image, centre_px: Point, colour: Colour, radius_px: float) -> None:
    """Draw a filled circle; does nothing when it is far outside, or not finite."""
    if _drawable(image, centre_px):
        radius = max(1, round(radius_px * (1 << _SHIFT)))
        cv2.circle(image, _fixed(centre_px), radius, colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def text(
    image: Image,
    words: str,
    anchor_px: tuple[float, float],
    height_px: float,
    colour: Colour = WHITE,
    *,
    align: float = 0.0,
    boxed: bool = False,
) -> float:
    """Write ASCII on a baseline and return how wide that was.

    `anchor_px` is the left end of the words (align 0), their right end (1), or between; `boxed` puts a plate behind.
    """
    scale = height_px / cv2.getTextSize("H", _FONT, 1.0, 1)[0][1]
    width = cv2.getTextSize(words, _FONT, scale, 1)[0][0]
    place = (round(anchor_px[0] - align * width), round(anchor_px[1]))
    if boxed:
        rim = round(height_px / 3)
        start = (place[0] - rim, place[1] - round(height_px) - rim)
        cv2.rectangle(image, start, (place[0] + width + rim, place[1] + rim), BLACK, cv2.FILLED)
    cv2.putText(image, words, place, _FONT, scale, colour, 1, cv2.LINE_AA)
    return float(width)


def _drawable(image: Image, point_px: Point) -> bool:
    return bool(np.isfinite(point_px).all() and np.abs(point_px).max() < 4 * max(image.shape))


def _fixed(point_px: Point) -> tuple[int, int]:
    x, y = np.round(point_px * (1 << _SHIFT)).astype(int)
    return int(x), int(y)
