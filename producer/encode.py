"""From a source's picture to the bytes that are admitted: unchanged where possible, never refused for being broken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from posestream.errors import ImageError
from posestream.image import ImageHeader, ImageLimits, check_image
from posestream.messages import MAX_SIDE_PX
from producer.opencv import cv2
from producer.sources.base import Bgr, Picture, Unreadable

_MAX_JPEG_SIDE_PX: Final = 65_500
_CHECKED: Final = (b"\xff\xd8", b"\x89PNG")  # what check_image knows: a broken one is not to be mended here


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """What is admitted of one frame.

    Attributes:
        image: JPEG or PNG; whatever a broken file held; empty together with `error`.
        source_wh: width and height in pixels as the source shows it; None when the image can not be read.
        scaled: the image is smaller than that.
        passed_through: the image is the source's own, byte for byte.
        error: why there is no image.
    """

    image: bytes
    source_wh: tuple[int, int] | None = None
    scaled: bool = False
    passed_through: bool = False
    error: str | None = None


class Encoder:
    """Encodes one camera's pictures.

    A picture that is broken goes out as it is, and one above the limits as an error, so that it ends as a counted dead
    letter like any other frame. `max_side` is in pixels; `quality` is the JPEG's, 1 to 100.
    """

    def __init__(self, limits: ImageLimits, *, max_side: int | None, quality: int) -> None:
        self._limits = limits
        self._max_side = max_side or MAX_SIDE_PX
        self._quality = quality

    def encode(self, picture: Picture) -> EncodedFrame:
        """Return a picture as it is to be admitted."""
        if isinstance(picture, Unreadable):
            return EncodedFrame(b"", error=picture.why[:1000])
        if isinstance(picture, np.ndarray):
            return self._compress(picture)
        try:
            header = check_image(picture, self._limits)
        except ImageError as error:
            return self._irregular(picture, error)
        if self._fits(header):
            return EncodedFrame(picture, header.shown_wh, passed_through=True)
        image = _decode(picture)
        return EncodedFrame(picture, passed_through=True) if image is None else self._compress(image)

    def _fits(self, header: ImageHeader) -> bool:
        return max(header.width, header.height) <= self._max_side

    def _irregular(self, data: bytes, error: ImageError) -> EncodedFrame:
        """Treat what is no proper JPEG or PNG: another format OpenCV reads becomes JPEG, the rest stays as it is."""
        if error.reason == "too_large":
            return EncodedFrame(b"", error=str(error))
        known = data.startswith(_CHECKED)
        image = _decode(data) if error.reason == "not_an_image" and not known else None
        if image is None:
            return EncodedFrame(data, passed_through=True)
        height, width = image.shape[:2]
        if width * height > self._limits.max_pixels:
            return EncodedFrame(b"", error=f"{width} x {height} pixels, above the limit of {self._limits.max_pixels}")
        return self._compress(image)

    def _compress(self, image: Bgr) -> EncodedFrame:
        height, width = image.shape[:2]
        scale = min(self._max_side, _MAX_JPEG_SIDE_PX) / max(height, width)
        if scale < 1.0:
            small_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
            image = np.asarray(cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        if encoded.nbytes > self._limits.max_bytes:
            return EncodedFrame(
                b"", error=f"{encoded.nbytes} bytes as JPEG, above the limit of {self._limits.max_bytes}"
            )
        return EncodedFrame(encoded.tobytes(), (width, height), scaled=scale < 1.0)


def _decode(data: bytes) -> Bgr | None:
    """Return (H, W, 3) uint8 BGR, turned as its EXIF orientation says; None when OpenCV can not or will not."""
    try:
        image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if image is None else np.asarray(image, dtype=np.uint8)
