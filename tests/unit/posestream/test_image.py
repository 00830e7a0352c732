"""What is told of an image before anything is decoded."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posestream.errors import ImageError
from posestream.image import ImageHeader, ImageLimits, check_image

WIDTH, HEIGHT = 160, 90
NO_LIMITS = ImageLimits(max_bytes=2**40, max_pixels=2**80)


def picture(channels: int = 3) -> np.ndarray:
    noise = np.random.default_rng(7).integers(0, 255, (HEIGHT, WIDTH, channels), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2)


def encoded(suffix: str, *parameters: int, channels: int = 3) -> bytes:
    done, data = cv2.imencode(suffix, picture(channels), parameters)
    assert done
    return bytes(data)


def with_thumbnail(jpeg: bytes) -> bytes:
    """A JPEG with another whole one, end marker and all, in an EXIF segment before its own frame."""
    done, small = cv2.imencode(".jpg", picture()[::4, ::4])
    assert done
    exif = b"Exif\x00\x00" + bytes(small)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


IMAGES: dict[str, Callable[[], bytes]] = {
    "baseline": lambda: encoded(".jpg"),
    "grey": lambda: encoded(".jpg", channels=1),
    "progressive": lambda: encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "restarts": lambda: encoded(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    "best": lambda: encoded(".jpg", cv2.IMWRITE_JPEG_QUALITY, 100),
    "thumbnail": lambda: with_thumbnail(encoded(".jpg")),
    "progressive with thumbnail": lambda: with_thumbnail(encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
    "png": lambda: encoded(".png"),
    "grey png": lambda: encoded(".png", channels=1),
    "png with alpha": lambda: encoded(".png", channels=4),
}


@pytest.fixture(params=IMAGES)
def image(request: pytest.FixtureRequest) -> bytes:
    return IMAGES[request.param]()


def reason(data: bytes, limits: ImageLimits | None = None) -> str:
    with pytest.raises(ImageError) as caught:
        check_image(data, limits or ImageLimits())
    return caught.value.reason


def png_header(width: int, height: int) -> bytes:
    """A PNG that is nothing but a header and an end."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")


# Real images ----------------------------------------------------------------------------------------------------------


def test_a_whole_image_is_told_by_format_and_size(image: bytes) -> None:
    header = check_image(image, ImageLimits())
    assert (header.width, header.height) == (WIDTH, HEIGHT)
    assert header.format == ("png" if image.startswith(b"\x89") else "jpeg")
    assert header.format in ("jpeg", "png")


def test_the_size_is_the_one_that_the_decoder_finds(image: bytes) -> None:
    decoded = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    header = check_image(image, ImageLimits())
    assert decoded.shape[:2] == (header.height, header.width)


@pytest.mark.parametrize("twentieth", range(20))
def test_an_image_that_was_cut_off_is_refused_wherever_it_was_cut(image: bytes, twentieth: int) -> None:
    cut = image[: len(image) * twentieth // 20]
    assert reason(cut) == ("truncated" if cut else "empty")


def test_an_image_without_its_very_end_is_refused(image: bytes) -> None:
    assert reason(image[: -10 if image.startswith(b"\x89") else -1]) == "truncated"


def test_an_end_marker_in_a_thumbnail_is_not_the_images_own() -> None:
    whole = with_thumbnail(encoded(".jpg"))
    after_the_thumbnail = whole.index(b"\xff\xd9") + 2
    assert reason(whole[:after_the_thumbnail]) == "truncated"
    assert reason(whole[: after_the_thumbnail + 700]) == "truncated"


@pytest.mark.parametrize("tail", [b"\x00" * 1000, b"\r\n", b"--boundary\r\n", b"\xff"])
def test_a_jpeg_may_be_padded_as_cameras_do(tail: bytes) -> None:
    assert check_image(encoded(".jpg") + tail, ImageLimits()).width == WIDTH


def test_a_png_may_be_padded_a_little() -> None:
    assert check_image(encoded(".png") + b"\r\n\r\n", ImageLimits()).width == WIDTH


def test_fill_bytes_between_the_segments_of_a_jpeg_are_skipped() -> None:
    jpeg = encoded(".jpg")
    assert check_image(jpeg[:2] + b"\xff\xff\xff" + jpeg[2:], ImageLimits()).width == WIDTH


# What is no image -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a" + b"\x00" * 50,
        b"<html><body>502 Bad Gateway</body></html>",
        b"RIFF\x00\x00\x00\x00WEBPVP8 ",
        b"\x00",
        b"\xff\xd8 but then text that has no marker",
    ],
)
def test_what_is_neither_jpeg_nor_png_is_refused(data: bytes) -> None:
    assert reason(data) == "not_an_image"


def test_nothing_at_all_is_refused() -> None:
    assert reason(b"") == "empty"


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
def test_an_image_without_area_is_refused(size: tuple[int, int]) -> None:
    assert reason(png_header(*size)) == "not_an_image"


def test_a_jpeg_whose_scan_comes_without_a_frame_is_refused() -> None:
    assert reason(b"\xff\xd8\xff\xda\x00\x02 scan \xff\xd9") == "not_an_image"


# Limits ---------------------------------------------------------------------------------------------------------------


def test_an_image_of_more_bytes_than_allowed_is_refused_and_the_message_says_by_how_much(image: bytes) -> None:
    assert check_image(image, ImageLimits(max_bytes=len(image)))
    with pytest.raises(ImageError, match=f"{len(image)} bytes, above the limit of {len(image) - 1}") as caught:
        check_image(image, ImageLimits(max_bytes=len(image) - 1))
    assert caught.value.reason == "too_large"


def test_an_image_of_more_pixels_than_allowed_is_refused(image: bytes) -> None:
    assert check_image(image, ImageLimits(max_pixels=WIDTH * HEIGHT))
    assert reason(image, ImageLimits(max_pixels=WIDTH * HEIGHT - 1)) == "too_large"


def test_a_header_that_promises_gigabytes_is_refused() -> None:
    assert reason(png_header(2**31 - 1, 2**31 - 1)) == "too_large"


def test_nothing_is_decoded() -> None:
    # These could not be: a size that fits in no memory, and a scan of noise.
    assert check_image(png_header(2**31 - 1, 2**31 - 1), NO_LIMITS) == ImageHeader("png", 2**31 - 1, 2**31 - 1)
    jpeg = encoded(".jpg")
    scan = jpeg.index(b"\xff\xda") + 14
    ruined = jpeg[:scan] + b"\x55" * 500 + b"\xff\xd9"
    assert check_image(ruined, ImageLimits()).height == HEIGHT


# Anything at all ------------------------------------------------------------------------------------------------------


ANSWERS = {"jpeg", "png", "empty", "too_large", "not_an_image", "truncated"}


def told(data: bytes) -> str:
    """What an image turns out to be: its format, or why it is none. Any other error is the test's failure."""
    try:
        header = check_image(data, ImageLimits(max_bytes=100_000))
    except ImageError as error:
        return error.reason if len(str(error)) < 200 else str(error)
    return header.format if header.width > 0 and header.height > 0 else str(header)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    start=st.sampled_from(
        [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"]
    ),
    rest=st.binary(max_size=300),
)
def test_any_bytes_are_an_image_or_an_image_error(start: bytes, rest: bytes) -> None:
    assert told(start + rest) in ANSWERS


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    name=st.sampled_from(sorted(IMAGES)),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    header_only=st.booleans(),
    cut=st.floats(0, 1),
)
def test_a_damaged_image_is_an_image_or_an_image_error(
    name: str, changes: list[tuple[float, int]], header_only: bool, cut: float
) -> None:
    data = bytearray(IMAGES[name]())
    for where, value in changes:
        data[int(where * (200 if header_only else len(data)))] = value
    assert told(bytes(data[: max(1, int(cut * len(data)))])) in ANSWERS
