"""The noise of a camera's sensor."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from producer.synthetic.tubes import Bgr

_SPARE_PX: Final = 64


class SensorNoise:
    """Adds noise of a standard deviation, in levels, to images of one size; the same for the same number."""

    def __init__(self, size_wh: tuple[int, int], deviation: float, rng: np.random.Generator) -> None:
        width, height = size_wh
        # One field, larger than the image, looked at in another place each time: drawing it anew would cost more than
        # drawing the people.
        field = rng.standard_normal((height + _SPARE_PX, width + _SPARE_PX, 3), dtype=np.float32) * deviation
        self._brighter = np.rint(np.maximum(field, 0)).astype(np.uint8)
        self._darker = np.rint(np.maximum(-field, 0)).astype(np.uint8)

    def add(self, image: Bgr, number: int) -> None:
        """Add the noise of frame `number` to an image, in place."""
        height, width = image.shape[:2]
        top, left = np.random.default_rng(number).integers(_SPARE_PX, size=2)
        window = (slice(top, top + height), slice(left, left + width))
        cv2.add(image, self._brighter[window], dst=image)
        cv2.subtract(image, self._darker[window], dst=image)
