"""What the decoder asks of the network's maps before it reads them."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

FEATURE_CHANNELS: Final = 57
HEATMAP_CHANNELS: Final = 19
PAF_CHANNELS: Final = 38

MAX_MAP_SIDE: Final = 512
"""Cells. Far beyond any camera; keeps all maps below each other within what `cv2.remap` can address (32,767 rows)."""

USABLE_BELOW: Final = 1e6
"""Magnitude from which a map's value counts as nothing, as NaN and infinities do: the network's stay below about 2."""


def check_maps(features: npt.NDArray[Any], heatmaps: npt.NDArray[Any], pafs: npt.NDArray[Any]) -> None:
    """Raise `ValueError` unless these are float32 maps `(57, H, W)`, `(19, H, W)`, `(38, H, W)` of one size."""
    for name, maps, channels in (
        ("features", features, FEATURE_CHANNELS),
        ("heatmaps", heatmaps, HEATMAP_CHANNELS),
        ("pafs", pafs, PAF_CHANNELS),
    ):
        if maps.dtype != np.float32:
            raise ValueError(f"{name} are {maps.dtype}, not float32; convert them before decoding")
        if maps.ndim != 3 or maps.shape[0] != channels:
            raise ValueError(
                f"{name} have shape {maps.shape}, not ({channels}, H, W); pass one frame's, without a batch"
            )
        if maps.shape[1:] != heatmaps.shape[1:]:
            raise ValueError(f"{name} are {maps.shape[1:]} cells but heatmaps {heatmaps.shape[1:]}; they must agree")
        if not all(1 <= side <= MAX_MAP_SIDE for side in maps.shape[1:]):
            raise ValueError(f"{name} are {maps.shape[1:]} cells; each side must have 1 to {MAX_MAP_SIDE}")


def usable(values: FloatArray) -> FloatArray:
    """Return the values with everything that is not a number below 1e6 in magnitude replaced by 0.

    One broken cell would otherwise spread over its neighbourhood when the map is upsampled, and on into sums. The input
    is not changed, and handed back as it is in the usual case that nothing needs replacing.
    """
    # The sum of squares is NaN or too large if any single value is, and far quicker than looking at each. OpenCV sums
    # in float64 on this thread; a BLAS dot product would wake its thread pool for it.
    flat = np.ascontiguousarray(values).reshape(1, -1)
    if cv2.norm(flat, cv2.NORM_L2SQR) < USABLE_BELOW**2:
        return values
    return np.where(np.abs(values) < USABLE_BELOW, values, np.float32(0))
