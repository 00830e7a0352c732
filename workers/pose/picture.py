"""The image stage: encoded image to the network's input pixels."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from posestream.errors import ImageError
from posestream.image import ImageHeader
from workers.pose.fit import INPUT_HEIGHT, Fit

Pixels = npt.NDArray[np.uint8]

PADDING_LEVEL = 128  # what the network subtracts as the mean: padding is zero to it

# libjpeg scales while it decodes: an eighth of the pixels costs a fraction of the time.
_REDUCED = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))


def decode_image(data: bytes, header: ImageHeader) -> Pixels:
    """Decode a JPEG or PNG image to (H, W, 3) uint8 BGR, turned the way its EXIF orientation says.

    A JPEG much larger than the network's input comes at a half, a quarter or an eighth of its size.

    Raises:
        ImageError: with reason corrupt.
    """
    try:
        image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), _decode_flag(header))
    except cv2.error as error:
        raise ImageError(f"can not be decoded: {error}", reason="corrupt") from error
    if image is None:
        raise ImageError(f"the {header.format} can not be decoded", reason="corrupt")
    return np.asarray(image)


def shown_size(header: ImageHeader, image: Pixels) -> tuple[int, int]:
    """Return width and height of the full image as it is shown: swapped when decoding has turned it."""
    height, width = image.shape[:2]
    turned = (width > height) != (header.width > header.height) and width != height
    return (header.height, header.width) if turned else (header.width, header.height)


def fill_input(image: Pixels, place: Fit) -> Pixels:
    """Scale an image into the network's input: (1, 256, W, 3) uint8 BGR, padded on the right and at the bottom."""
    width, height = place.content_wh
    used = image[:, : max(1, round(image.shape[1] * place.used_wh[0]))]
    content: Any = cv2.resize(used, place.content_wh, interpolation=cv2.INTER_LINEAR)
    if place.padded:
        content = cv2.copyMakeBorder(
            content,
            0,
            INPUT_HEIGHT - height,
            0,
            place.input_width - width,
            cv2.BORDER_CONSTANT,
            value=(PADDING_LEVEL,) * 3,
        )
    return np.asarray(content[np.newaxis])


def _decode_flag(header: ImageHeader) -> int:
    if header.format == "jpeg":
        for factor, flag in _REDUCED:
            if min(header.width, header.height) >= factor * INPUT_HEIGHT:
                return flag
    return cv2.IMREAD_COLOR
