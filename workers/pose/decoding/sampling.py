"""The values of bicubically upsampled maps at single fine pixels, without upsampling the maps."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from workers.pose.decoding.grids import UPSAMPLING
from workers.pose.decoding.maps import FloatArray
from workers.pose.decoding.peaks import IntArray

BORDER: Final = 2  # cells a bicubic kernel reaches beyond a map

# Where fine pixel 0's centre is, in cells from cell 0's centre.
FIRST_FINE_PX: Final = 0.5 / UPSAMPLING - 0.5

MAX_POINTS_PER_ROW: Final = 1 << 14  # `cv2.remap` wants fewer than 32,767 along each axis


class FineSampler:
    """Reads maps `(C, H, W)`, float32 and finite, as if they had been upsampled 4 times by OpenCV's bicubic resize.

    `cv2.remap` has the same kernel. It places points to 32nds of a cell and fine pixels lie at odd 8ths, so that its
    weights are exact; only the order of its float32 sums differs from `cv2.resize`.
    """

    def __init__(self, maps: FloatArray) -> None:
        channels, height, width = maps.shape
        self._rows_per_channel = height + 2 * BORDER
        # All channels below each other make one image to sample in one call. Left and right `remap` repeats the border
        # itself; above and below it would reach into the next channel.
        padded = np.empty((channels, self._rows_per_channel, width), np.float32)
        padded[:, BORDER:-BORDER] = maps
        padded[:, :BORDER] = maps[:, :1]
        padded[:, -BORDER:] = maps[:, -1:]
        self._image = padded.reshape(-1, width)

    def sample(self, channel: IntArray, x: IntArray, y: IntArray) -> FloatArray:
        """Return the channels' values at fine pixels (x, y), in the shape that the three arrays broadcast to."""
        column = x * (1 / UPSAMPLING) + FIRST_FINE_PX
        row = y * (1 / UPSAMPLING) + (channel * self._rows_per_channel + (BORDER + FIRST_FINE_PX))
        shape = row.shape
        if not row.size:
            return np.zeros(shape, np.float32)
        grid_rows = -(-row.size // MAX_POINTS_PER_ROW)
        grid = (grid_rows, -(-row.size // grid_rows))
        points = np.zeros((2, grid[0] * grid[1]), np.float32)
        points[0, : row.size] = np.broadcast_to(column, shape).ravel()
        points[1, : row.size] = row.ravel()
        values = cv2.remap(
            self._image,
            points[0].reshape(grid),
            points[1].reshape(grid),
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        result: FloatArray = values.ravel()[: row.size].reshape(shape)
        return result
