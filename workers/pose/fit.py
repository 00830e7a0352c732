"""How a frame fits the network: which input width, and where in the input the frame's pixels go."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

INPUT_HEIGHT: Final = 256
WIDTH_STEP: Final = 8  # the network's stride
MIN_WIDTH: Final = 96
MAX_WIDTH: Final = 1024


@dataclass(frozen=True, slots=True)
class Fit:
    """A frame's place in the network's input: both top left corners coincide, proportions are kept.

    Attributes:
        input_width: of the network, in pixels; the height is always 256.
        content_wh: width and height of the part of the input that shows the frame; the rest is padding.
        used_wh: width and height of the part of the frame that is shown, as fractions of the frame's.
    """

    input_width: int
    content_wh: tuple[int, int]
    used_wh: tuple[float, float]

    @property
    def padded(self) -> bool:
        """Whether some of the input is padding."""
        return self.content_wh != (self.input_width, INPUT_HEIGHT)

    def scale_xy(self, frame_wh: tuple[int, int]) -> tuple[float, float]:
        """Return frame pixels per input pixel, for a frame of this size."""
        return (
            frame_wh[0] * self.used_wh[0] / self.content_wh[0],
            frame_wh[1] * self.used_wh[1] / self.content_wh[1],
        )


def natural_width(frame_wh: tuple[int, int]) -> int:
    """Return the input width for a frame's aspect ratio: rounded down to the step (448 for 16:9), within the bounds."""
    width, height = frame_wh
    steps = INPUT_HEIGHT * width // (height * WIDTH_STEP)
    return min(max(steps * WIDTH_STEP, MIN_WIDTH), MAX_WIDTH)


def fit(frame_wh: tuple[int, int], input_width: int) -> Fit:
    """Place a frame in an input of a given width.

    At its natural width the frame fills the height and, as in the reference demo, what goes beyond the last whole step
    is cut off on the right: less than 8 of the input's pixels, 20 of 1280. At any other width it is padded instead.
    """
    width, height = frame_wh
    exact = INPUT_HEIGHT * width / height
    if input_width <= exact < input_width + WIDTH_STEP:
        return Fit(input_width, (input_width, INPUT_HEIGHT), (input_width / exact, 1.0))
    scale = min(input_width / width, INPUT_HEIGHT / height)
    return Fit(input_width, (max(1, round(width * scale)), max(1, round(height * scale))), (1.0, 1.0))


def choose_width(natural: int, compiled: Collection[int], limit: int) -> int:
    """Return the width to use: the natural one while fewer than `limit` networks are compiled, else the best of those.

    The best is the narrowest that is wide enough, or the widest of all.
    """
    if natural in compiled or len(compiled) < limit:
        return natural
    wide_enough = [width for width in compiled if width >= natural]
    return min(wide_enough) if wide_enough else max(compiled)
