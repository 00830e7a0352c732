"""What can be told of an encoded image from its header, before anything is decoded: format, size, completeness.

Sources: ITU-T T.81 (JPEG) annex B for markers, the PNG specification (third edition) section 5 for chunks, TIFF 6.0
section 2 for the directory that EXIF (CIPA DC-008) keeps the orientation in.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from posestream.errors import ImageError

DEFAULT_MAX_BYTES: Final = 16 * 1024 * 1024
DEFAULT_MAX_PIXELS: Final = 50_000_000

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_END: Final = b"IEND"
_JPEG_START: Final = b"\xff\xd8"
_JPEG_END: Final = b"\xff\xd9"
_JPEG_SCAN: Final = 0xDA
# Start-of-frame markers: C0..CF without C4 (tables), C8 (reserved) and CC (arithmetic conditioning).
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_APP1: Final = 0xE1
_EXIF: Final = b"Exif\x00\x00"
_MAX_EXIF_BYTES: Final = 65_535  # what a segment of a JPEG can hold
_MAX_PNG_CHUNKS: Final = 4096  # that are looked at for EXIF: more than a file with pixels of 8 KB each has at 16 MiB
_TIFF_STARTS: Final = {b"II*\x00": "<", b"MM\x00*": ">"}
_ORIENTATION_TAG: Final = 0x0112
_UPRIGHT: Final = 1
_FIRST_ON_ITS_SIDE: Final = 5


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is accepted: encoded bytes and decoded pixels (width x height)."""

    max_bytes: int = DEFAULT_MAX_BYTES
    max_pixels: int = DEFAULT_MAX_PIXELS


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Format ("jpeg" or "png"), size in pixels as stored, and EXIF's orientation, 1 (upright) to 8."""

    format: str
    width: int
    height: int
    orientation: int = _UPRIGHT

    @property
    def shown_wh(self) -> tuple[int, int]:
        """Width and height of the image as it is shown: turned the way its orientation says."""
        on_its_side = self.orientation >= _FIRST_ON_ITS_SIDE
        return (self.height, self.width) if on_its_side else (self.width, self.height)


def check_image(data: bytes, limits: ImageLimits) -> ImageHeader:
    """Read the header of a complete JPEG or PNG image within the limits.

    Raises:
        ImageError: with reason empty, too_large (bytes or pixels), not_an_image or truncated.
    """
    if not data:
        raise ImageError("the image is empty", reason="empty")
    if len(data) > limits.max_bytes:
        raise ImageError(f"{len(data)} bytes, above the limit of {limits.max_bytes}", reason="too_large")
    if data.startswith(_PNG_SIGNATURE):
        header = _read_png(data)
    elif data.startswith(_JPEG_START):
        header = _read_jpeg(data)
    else:
        raise ImageError(f"neither JPEG nor PNG (starts with {data[:8].hex(' ')})", reason="not_an_image")
    if header.width * header.height > limits.max_pixels:
        raise ImageError(
            f"{header.width} x {header.height} pixels, above the limit of {limits.max_pixels}", reason="too_large"
        )
    if header.width == 0 or header.height == 0:
        raise ImageError(f"{header.width} x {header.height} pixels", reason="not_an_image")
    return header


def _read_png(data: bytes) -> ImageHeader:
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise ImageError("the PNG ends within its header", reason="truncated")
    width, height = struct.unpack_from(">II", data, 16)
    if data.rfind(_PNG_END, 33) < 0:  # whatever may follow it
        raise ImageError("the PNG ends before its IEND chunk", reason="truncated")
    return ImageHeader("png", width, height, _orientation(_exif_of_png(data)) or _UPRIGHT)


def _exif_of_png(data: bytes) -> bytes:
    """Return what the chunk eXIf holds, behind the pixels, too; nothing when there is none."""
    at = 33
    for _ in range(_MAX_PNG_CHUNKS):
        if at + 8 > len(data):
            break
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"eXIf":
            return data[at + 8 : at + 8 + min(length, _MAX_EXIF_BYTES)]
        at += 12 + length
    return b""


def _read_jpeg(data: bytes) -> ImageHeader:
    """Walk the segments up to the first scan; the end-of-image marker must come after it."""
    width = height = 0
    orientation = None
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise ImageError(f"the JPEG has no marker at byte {at}", reason="not_an_image")
        marker = data[at + 1]
        if marker == 0xFF or marker in _JPEG_STANDALONE:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker in _JPEG_FRAMES and at + 9 <= len(data):
            height, width = struct.unpack_from(">HH", data, at + 5)
        if marker == _JPEG_APP1 and orientation is None and data.startswith(_EXIF, at + 4):
            orientation = _orientation(data[at + 4 + len(_EXIF) : at + 2 + length])
        if marker == _JPEG_SCAN:
            # An end marker in an embedded thumbnail lies before the scan, so only one behind it counts.
            # Sought from the end, where it usually is: nothing of the scan is looked at then.
            if data.rfind(_JPEG_END, at + 2 + length) < 0:
                raise ImageError("the JPEG ends before its end marker", reason="truncated")
            if not width:
                raise ImageError("the JPEG has no frame header before its scan", reason="not_an_image")
            return ImageHeader("jpeg", width, height, orientation or _UPRIGHT)
        at += 2 + length
    raise ImageError("the JPEG ends within its header", reason="truncated")


def _orientation(exif: bytes) -> int | None:
    """Return the orientation that a TIFF header's first directory gives, None when it gives none.

    What is broken is read as decoders read it, who turn the image: the first entry counts, as a short, whatever type
    and number of values it claims, and one that is none of 1 to 8 leaves the image as it is.
    """
    order = _TIFF_STARTS.get(exif[:4])
    if order is None or len(exif) < 8:
        return None
    (at,) = struct.unpack_from(f"{order}I", exif, 4)
    if at + 2 > len(exif):
        return None
    (entries,) = struct.unpack_from(f"{order}H", exif, at)
    for entry in range(at + 2, min(at + 2 + 12 * entries, len(exif) - 9), 12):
        tag, value = struct.unpack_from(f"{order}H6xH", exif, entry)
        if tag == _ORIENTATION_TAG:
            return value if 1 <= value <= 8 else _UPRIGHT
    return None
