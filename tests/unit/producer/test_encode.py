"""From pictures to what is admitted."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posestream.calibration import Intrinsics
from posestream.image import ImageLimits, check_image
from producer.calibration.live import LiveCalibration, Registry
from producer.calibration.values import Calibration
from producer.encode import EncodedFrame, Encoder
from producer.sources import Unreadable
from tests.unit.producer.media import encoded, picture


def encoder(max_bytes: int = 1_000_000, max_pixels: int = 1_000_000, max_side: int | None = None) -> Encoder:
    return Encoder(ImageLimits(max_bytes, max_pixels), max_side=max_side, quality=90)


def size_of(frame: EncodedFrame) -> tuple[int, int]:
    header = check_image(frame.image, ImageLimits())
    assert header.format == "jpeg"
    return header.width, header.height


def tiff(orientation: int, order: str = "<", tag: int = 0x0112) -> bytes:
    """What EXIF is in: one directory with one entry, a short."""
    mark = {"<": b"II", ">": b"MM"}[order]
    return mark + struct.pack(f"{order}HIHHHIHHI", 42, 8, 1, tag, 3, 1, orientation, 0, 0)


def with_exif(image: bytes, exif: bytes) -> bytes:
    """A JPEG with another first segment, or a PNG with another chunk behind its header."""
    if image.startswith(b"\xff\xd8"):
        segment = b"Exif\0\0" + exif
        return image[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + image[2:]
    chunk = b"eXIf" + exif
    return image[:33] + struct.pack(">I", len(exif)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + image[33:]


def decoded(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_jpeg_and_png_pass_through(suffix: str):
    data = encoded(1, suffix)
    assert encoder().encode(data) == EncodedFrame(data, (160, 120), passed_through=True)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_image_as_it_is_shown_and_its_calibration_is_kept(orientation, suffix, order):
    data = with_exif(encoded(1, suffix), tiff(orientation, order))
    passed, scaled = encoder().encode(data), encoder(max_side=80).encode(data)

    height, width = decoded(data).shape[:2]
    assert (width, height) == ((160, 120) if orientation < 5 else (120, 160))
    assert passed == EncodedFrame(data, (width, height), passed_through=True)
    assert (scaled.source_wh, scaled.scaled) == ((width, height), True)
    lens = Calibration((2 * width, 2 * height), Intrinsics(200.0, 200.0, width, height, calibrated=True))
    for frame in (passed, scaled):
        known = LiveCalibration("hall", Registry(lens.as_json)).now(0.0, frame.source_wh, Calibration())
        assert known.intrinsics == Intrinsics(100.0, 100.0, width / 2, height / 2, calibrated=True)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"II",
        b"garbage that is no TIFF",
        b"II*\0" + struct.pack("<I", 0xFFFFFFFF),
        b"II*\0" + struct.pack("<IH", 8, 0xFFFF),
        tiff(6)[:-7],
        tiff(0),
        tiff(9),
        tiff(6, tag=0x0111),
    ],
    ids=["empty", "cut", "no TIFF", "far away", "no entries", "no value", "0", "9", "another tag"],
)
def test_exif_that_does_not_say_leaves_the_image_as_it_is(exif: bytes, suffix: str):
    data = with_exif(encoded(1, suffix), exif)
    assert decoded(data).shape[:2] == (120, 160)
    assert encoder().encode(data).source_wh == (160, 120)


def test_the_first_segment_that_says_is_believed():
    data = with_exif(encoded(1), tiff(6))
    for before, shown_wh in ((b"http", (120, 160)), (tiff(6, tag=0x0111), (120, 160)), (tiff(1), (160, 120))):
        turned = with_exif(data, before)
        assert decoded(turned).shape[:2] == shown_wh[::-1]
        assert encoder().encode(turned).source_wh == shown_wh


@given(st.binary(max_size=200), st.sampled_from([".jpg", ".png"]), st.sampled_from("<>"))
def test_no_exif_keeps_an_image_from_being_sent(rest: bytes, suffix: str, order: str):
    for exif in (rest, tiff(6, order)[:8] + rest):
        data = with_exif(encoded(1, suffix), exif)
        frame = encoder().encode(data)
        assert (frame.image, frame.error) == (data, None)
        assert frame.source_wh in ((160, 120), (120, 160))


@pytest.mark.parametrize("suffix", [".bmp", ".webp", ".tiff", ".ppm"])
def test_other_formats_become_jpeg(suffix: str):
    frame = encoder().encode(encoded(1, suffix))
    assert size_of(frame) == (160, 120)
    assert (frame.source_wh, frame.scaled, frame.passed_through) == ((160, 120), False, False)


def test_decoded_frames_become_jpeg():
    frame = encoder().encode(picture(3))
    assert size_of(frame) == frame.source_wh == (160, 120)
    assert np.abs(decoded(frame.image).astype(int) - picture(3)).mean() < 3


@pytest.mark.parametrize(
    ("size_wh", "scaled_wh"), [((400, 200), (100, 50)), ((200, 400), (50, 100)), ((101, 100), (100, 99))]
)
@pytest.mark.parametrize("suffix", [".jpg", ".png", None])
def test_a_longer_side_is_scaled_down_and_the_sources_size_kept(suffix, size_wh, scaled_wh):
    frame = encoder(max_side=100).encode(encoded(1, suffix, size_wh) if suffix else picture(1, size_wh))
    assert size_of(frame) == scaled_wh
    assert (frame.source_wh, frame.scaled, frame.passed_through) == (size_wh, True, False)


def test_an_image_that_is_as_small_as_asked_for_is_left_alone():
    data = encoded(1, size_wh=(100, 50))
    assert encoder(max_side=100).encode(data).image is data


def test_a_very_thin_image_keeps_a_pixel():
    assert size_of(encoder(max_side=64).encode(np.zeros((1, 1000, 3), np.uint8))) == (64, 1)


@pytest.mark.parametrize(
    "data",
    [b"", b"not an image", encoded(1)[:-200], b"\x89PNG\r\n\x1a\n", b"\xff\xd8" + bytes(100), b"BM" + bytes(100)],
    ids=["empty", "text", "cut", "cut png", "broken jpeg", "broken bmp"],
)
@pytest.mark.parametrize("max_side", [None, 64])
def test_what_is_broken_goes_out_as_it_is(data: bytes, max_side: int | None):
    frame = encoder(max_side=max_side).encode(data)
    assert (frame.image, frame.error, frame.source_wh) == (data, None, None)


def test_a_jpeg_whose_pixels_are_broken_goes_out_as_it_is_even_when_it_should_be_scaled():
    data = encoded(1)
    at = data.index(b"\xff\xc4")  # the first Huffman table
    broken = data[: at + 5] + b"\xff" * 16 + data[at + 21 :]
    frame = encoder(max_side=64).encode(broken)
    assert frame.error is None
    assert frame.image == broken or size_of(frame) == (64, 48)  # what OpenCV makes of it is its own affair


def test_too_many_bytes_are_not_sent():
    frame = encoder(max_bytes=100).encode(encoded(1))
    assert frame.image == b""
    assert "above the limit of 100" in (frame.error or "")
    assert "as JPEG, above the limit of 100" in (encoder(max_bytes=100).encode(picture(1)).error or "")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_too_many_pixels_are_not_sent(suffix: str):
    frame = encoder(max_pixels=1000).encode(encoded(1, suffix))
    assert (frame.image, frame.error) == (b"", "160 x 120 pixels, above the limit of 1000")


def test_a_frame_that_can_not_be_read_says_why():
    assert encoder().encode(Unreadable("gone")) == EncodedFrame(b"", error="gone")
    assert len(encoder().encode(Unreadable("x" * 5000)).error or "") == 1000


def test_quality_is_the_jpegs():
    sizes = [len(Encoder(ImageLimits(), max_side=None, quality=q).encode(picture(1)).image) for q in (10, 50, 95)]
    assert sizes == sorted(set(sizes))
