"""Frames to calibrate with, from whatever a producer plays: a video, a folder of images, a camera, drawn people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Final

from posestream.errors import ConfigurationError, ImageError
from posestream.image import ImageLimits, check_image
from producer.encode import Encoder
from producer.sources import Picture, make_source
from producer.sources.spread import spread
from workers.pose.picture import Pixels, decode_image

_JPEG_QUALITY: Final = 90


def calibration_frames(source: str, most: int) -> Iterator[Pixels]:
    """Yield up to `most` frames of a source, spread over its length where that is known, `(H, W, 3)` uint8 BGR.

    Each is what a worker would see of it: compressed as a producer does, and decoded at a part of its size where it is
    much larger than the network's input. Frames that can not be read are passed over.

    Raises:
        ConfigurationError: the text names nothing that can be a source, or there is no frame in it that can be read.
        SourceError: it can not be opened, or was lost.
    """
    limits = ImageLimits()
    encoder = Encoder(limits, max_side=None, quality=_JPEG_QUALITY)
    opened = make_source(source, limits)
    given = tried = 0
    with closing(spread(opened, most)) as pictures:
        for picture in pictures:
            tried += 1
            pixels = _seen(picture, encoder, limits)
            if pixels is not None:
                given += 1
                yield pixels
            if given == most:
                return
    if not given:
        raise ConfigurationError(f"source {opened.name!r}: none of {tried} frames can be read; give another")


def _seen(picture: Picture, encoder: Encoder, limits: ImageLimits) -> Pixels | None:
    encoded = encoder.encode(picture)
    try:
        return decode_image(encoded.image, check_image(encoded.image, limits))
    except ImageError:
        return None
