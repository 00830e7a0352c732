"""The board that calibration looks at: a checkerboard, or a ChArUco board, which may be partly out of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from posestream.errors import ConfigurationError
from producer.opencv import cv2
from producer.sources.base import Bgr

Array = npt.NDArray[np.float64]

MIN_CORNERS: Final = 8
MARKERS: Final = cv2.aruco.DICT_5X5_250
MARKER_PER_SQUARE: Final = 0.75
_MOST_MARKERS: Final = 250
_FEWEST_SQUARES: Final = 4  # OpenCV looks for no smaller checkerboard
_FEWEST_WITH_MARKERS: Final = 3
_MOST_PIXELS: Final = 200_000_000  # half as much again as A0 at 300 dots per inch
_LARGEST_SIDE_PX: Final = 1280  # a larger picture is looked through at this size first


@dataclass(frozen=True, slots=True, eq=False)
class Corners:
    """Corners of the board in one picture.

    Attributes:
        board_m: (N, 3), on the board, which lies at z = 0; metres from its upper left corner, x along its upper edge,
            y down.
        pixels: (N, 2), in the picture, from the centre of its top left pixel, as OpenCV counts.
    """

    board_m: Array
    pixels: Array


class Board(Protocol):
    """A board of which corners can be found."""

    def find(self, image: Bgr) -> Corners | None:
        """Return the corners that a picture shows; None when there are too few to be of use."""


@dataclass(frozen=True, slots=True)
class Checkerboard:
    """A plain checkerboard of so many squares, dark at the upper left; it has to be in the picture as a whole.

    Where both numbers of squares are even, or both odd, it looks the same upside down.
    """

    squares: tuple[int, int]
    square_m: float

    def find(self, image: Bgr) -> Corners | None:
        """Return all of its inner corners, or None."""
        across, down = self.squares[0] - 1, self.squares[1] - 1
        grey = _grey(image)
        small, scale = _smaller(grey)
        found, corners = cv2.findChessboardCornersSB(small, (across, down), flags=cv2.CALIB_CB_NORMALIZE_IMAGE)
        if not found:
            return None
        pixels: Any = (np.asarray(corners, np.float32).reshape(-1, 1, 2) + 0.5) / scale - 0.5
        if scale < 1:
            stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 0.001)
            reach = max(3, round(2 / scale))
            pixels = cv2.cornerSubPix(grey, np.ascontiguousarray(pixels, np.float32), (reach, reach), (-1, -1), stop)
        x, y = np.meshgrid(np.arange(1, across + 1), np.arange(1, down + 1))
        corners_m = np.stack((x, y, np.zeros_like(x)), axis=-1).reshape(-1, 3).astype(np.float64) * self.square_m
        upright = np.asarray(pixels, np.float64).reshape(-1, 2)
        if self._is_upside_down(grey, corners_m, upright):
            upright = upright[::-1]
        return Corners(corners_m, np.ascontiguousarray(upright))

    def _is_upside_down(self, grey: Bgr, corners_m: Array, pixels: Array) -> bool:
        """Tell whether the squares that should be dark are the bright ones: corners may come from either end."""
        x, y = np.meshgrid(np.arange(1, self.squares[0] - 1), np.arange(1, self.squares[1] - 1))
        middles_m = (np.stack((x, y), axis=-1).reshape(-1, 1, 2) + 0.5) * self.square_m
        homography, _ = cv2.findHomography(corners_m[:, :2], pixels)
        places = cv2.perspectiveTransform(middles_m, homography).reshape(-1, 2).round().astype(int)
        levels = grey[places[:, 1].clip(0, grey.shape[0] - 1), places[:, 0].clip(0, grey.shape[1] - 1)]
        dark = (x + y).ravel() % 2 == 0
        return bool(levels[dark].mean() > levels[~dark].mean())


class CharucoBoard:
    """A checkerboard with a marker in every white square (5 x 5, OpenCV's DICT_5X5_250), three quarters its size."""

    def __init__(self, squares: tuple[int, int], square_m: float) -> None:
        self.squares = squares
        self.square_m = square_m
        markers = cv2.aruco.getPredefinedDictionary(MARKERS)
        self.pattern = cv2.aruco.CharucoBoard(squares, square_m, MARKER_PER_SQUARE * square_m, markers)
        self._detector = cv2.aruco.CharucoDetector(self.pattern)

    def find(self, image: Bgr) -> Corners | None:
        """Return those of its corners that can be told by their markers, or None when they are fewer than 8."""
        corners, ids, _, _ = self._detector.detectBoard(_grey(image))
        if ids is None or len(ids) < MIN_CORNERS:
            return None
        places: Any = self.pattern.getChessboardCorners()
        board_m = np.asarray(places, np.float64)[np.asarray(ids).ravel()]
        return Corners(board_m, np.asarray(corners, np.float64).reshape(-1, 2))


def check_squares(squares: tuple[int, int], *, charuco: bool) -> None:
    """See to it that a board of so many squares can be drawn, and found in a picture.

    Raises:
        ConfigurationError: it has too few or too many; says how many there may be.
    """
    across, down = squares
    fewest = _FEWEST_WITH_MARKERS if charuco else _FEWEST_SQUARES
    if min(squares) < fewest or (across - 1) * (down - 1) < MIN_CORNERS:
        raise ConfigurationError(
            f"squares {across}x{down}: a board needs {fewest} squares at least across and down, and {MIN_CORNERS} "
            "corners between them; 10x7 is good"
        )
    if charuco and across * down // 2 > _MOST_MARKERS:
        raise ConfigurationError(
            f"squares {across}x{down}: there are only {_MOST_MARKERS} markers, for {2 * _MOST_MARKERS} squares: take "
            "fewer squares, such as 10x7, or a board without markers (--no-charuco)"
        )


def draw_board(squares: tuple[int, int], *, charuco: bool, px_per_square: int, margin_px: int) -> npt.NDArray[np.uint8]:
    """Return a picture `(H, W)` of a board to print.

    Raises:
        ConfigurationError: there is no board of so many squares, or it would be too large a picture.
    """
    check_squares(squares, charuco=charuco)
    width, height = squares[0] * px_per_square, squares[1] * px_per_square
    if px_per_square < 1 or (width + 2 * margin_px) * (height + 2 * margin_px) > _MOST_PIXELS:
        raise ConfigurationError(
            f"a board of {width} x {height} pixels can not be drawn: give squares of another size (--square-mm), or "
            "fewer of them (--squares)"
        )
    if charuco:
        image = CharucoBoard(squares, 1.0).pattern.generateImage((width, height))
    else:
        dark = (np.add.outer(np.arange(squares[1]), np.arange(squares[0])) % 2) == 0
        image = np.kron(np.where(dark, 0, 255), np.ones((px_per_square, px_per_square)))
    board: npt.NDArray[np.uint8] = np.asarray(image, np.uint8)
    return np.pad(board, margin_px, constant_values=255)


def _grey(image: Bgr) -> Bgr:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8) if image.ndim == 3 else image


def _smaller(grey: Bgr) -> tuple[Bgr, float]:
    scale = min(1.0, _LARGEST_SIDE_PX / max(grey.shape))
    if scale == 1.0:
        return grey, scale
    size = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8), size[0] / grey.shape[1]
