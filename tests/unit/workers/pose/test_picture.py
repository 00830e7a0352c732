"""From encoded images to the network's pixels, without moving anything."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from posestream.errors import ImageError
from posestream.image import ImageLimits, check_image
from workers.pose.fit import INPUT_HEIGHT, Fit, fit, natural_width
from workers.pose.picture import PADDING_LEVEL, decode_image, fill_input, shown_size

LIMITS = ImageLimits()


def encode(image: np.ndarray, extension: str = ".jpg") -> bytes:
    encoded, data = cv2.imencode(extension, image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert encoded
    return data.tobytes()


def with_exif_orientation(jpeg: bytes, orientation: int) -> bytes:
    """A JPEG with an APP1 segment that says how the camera was held."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    segment = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def decode(data: bytes) -> tuple[np.ndarray, tuple[int, int]]:
    header = check_image(data, LIMITS)
    image = decode_image(data, header)
    return image, shown_size(header, image)


def dotted(size_wh: tuple[int, int], at_px: tuple[float, float], radius_px: float) -> np.ndarray:
    """A bright disc on black, its centre in pixels from the frame's corner, drawn with soft edges."""
    y, x = np.mgrid[: size_wh[1], : size_wh[0]].astype(np.float32) + 0.5
    distance = np.hypot(x - at_px[0], y - at_px[1])
    disc = np.clip(radius_px + 0.5 - distance, 0, 1) * 255
    return np.repeat(disc.astype(np.uint8)[..., None], 3, axis=2)


def centre_of_brightness(pixels: np.ndarray) -> np.ndarray:
    """x and y in input pixels from the corner, of what is brighter than black."""
    weight = pixels[0, :, :, 0].astype(np.float64)
    weight[weight < 16] = 0  # what JPEG leaves around edges
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]] + 0.5
    return np.array(((x * weight).sum(), (y * weight).sum())) / weight.sum()


# Geometry -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size_wh", "extension"),
    [
        ((3840, 2160), ".jpg"),  # decoded at an eighth
        ((1920, 1080), ".jpg"),  # at a quarter
        ((1285, 727), ".jpg"),  # at a half, with odd sides
        ((1280, 720), ".jpg"),
        ((640, 480), ".jpg"),  # in full
        ((720, 1280), ".jpg"),  # portrait
        ((1285, 727), ".png"),
    ],
)
@pytest.mark.parametrize("relative", [(0.25, 0.5), (0.9, 0.1), (0.5, 0.93)])
def test_a_dot_lands_where_the_scale_says(size_wh, relative, extension):
    at_px = (size_wh[0] * relative[0], size_wh[1] * relative[1])
    image, shown_wh = decode(encode(dotted(size_wh, at_px, radius_px=size_wh[1] / 40), extension))
    place = fit(shown_wh, natural_width(shown_wh))
    pixels = fill_input(image, place)

    assert shown_wh == size_wh
    assert pixels.shape == (1, INPUT_HEIGHT, place.input_width, 3)
    found_px = centre_of_brightness(pixels) * place.scale_xy(size_wh)
    half_a_pixel = 0.5 * max(place.scale_xy(size_wh)) + 0.5 * size_wh[0] / image.shape[1]  # of input and decoded image
    assert np.abs(found_px - at_px).max() <= half_a_pixel


@pytest.mark.parametrize(("size_wh", "input_width"), [((640, 480), 448), ((1280, 720), 336), ((1920, 1080), 256)])
def test_a_dot_lands_where_the_scale_says_in_a_padded_input_too(size_wh, input_width):
    at_px = (size_wh[0] * 0.8, size_wh[1] * 0.3)
    image, _ = decode(encode(dotted(size_wh, at_px, radius_px=size_wh[1] / 40)))
    place = fit(size_wh, input_width)
    content = fill_input(image, place)[:, : place.content_wh[1], : place.content_wh[0]]

    found_px = centre_of_brightness(content) * place.scale_xy(size_wh)
    assert np.abs(found_px - at_px).max() <= 0.5 * max(place.scale_xy(size_wh))


def test_the_padding_is_what_the_network_takes_for_nothing():
    white = np.full((480, 640, 3), 255, np.uint8)
    place = fit((640, 480), 448)
    pixels = fill_input(white, place)

    assert (pixels[:, :, place.content_wh[0] :] == PADDING_LEVEL).all()
    assert (pixels[:, :, : place.content_wh[0]] == 255).all()


def test_a_large_jpeg_is_decoded_small_and_never_smaller_than_the_input():
    for size_wh, decoded_wh in [
        ((4096, 2048), (512, 256)),
        ((4088, 2040), (1022, 510)),
        ((1920, 1080), (480, 270)),
        ((910, 512), (455, 256)),
        ((908, 511), (908, 511)),
    ]:
        image, shown_wh = decode(encode(np.zeros((size_wh[1], size_wh[0], 3), np.uint8)))
        assert (image.shape[1], image.shape[0]) == decoded_wh
        assert shown_wh == size_wh


# Kinds of images ------------------------------------------------------------------------------------------------------


def test_colours_stay_in_opencvs_order():
    blue = np.zeros((480, 640, 3), np.uint8)
    blue[..., 0] = 250
    for extension in (".jpg", ".png"):
        image, _ = decode(encode(blue, extension))
        assert np.abs(image[240, 320].astype(int) - (250, 0, 0)).max() <= 4


@pytest.mark.parametrize(
    ("image", "extension"),
    [
        (np.full((480, 640), 100, np.uint8), ".png"),
        (np.full((480, 640), 100, np.uint8), ".jpg"),
        (np.full((480, 640, 3), 100 * 257, np.uint16), ".png"),
        (np.full((480, 640), 100 * 257, np.uint16), ".png"),
        (np.dstack([np.full((480, 640, 3), 100, np.uint8), np.zeros((480, 640), np.uint8)]), ".png"),
    ],
    ids=["grey PNG", "grey JPEG", "16 bits", "16 bits grey", "fully transparent"],
)
def test_every_kind_of_image_becomes_three_channels_of_eight_bits(image, extension):
    decoded, shown_wh = decode(encode(image, extension))

    assert (decoded.shape, decoded.dtype, shown_wh) == ((480, 640, 3), np.uint8, (640, 480))
    assert np.abs(decoded.astype(int) - 100).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size_wh", [(320, 240), (2048, 1536)])
def test_an_image_is_turned_the_way_its_camera_was_held(orientation, size_wh):
    stored = dotted(size_wh, (size_wh[0] * 0.1, size_wh[1] * 0.2), radius_px=size_wh[1] / 20)
    image, shown_wh = decode(with_exif_orientation(encode(stored), orientation))
    # As the EXIF standard has it: where the stored image's first row and first column belong.
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(stored, 1),
    }[orientation]

    assert shown_wh == (upright.shape[1], upright.shape[0])
    place = fit(shown_wh, natural_width(shown_wh))
    expected = centre_of_brightness(fill_input(np.ascontiguousarray(upright), place))
    assert np.abs(centre_of_brightness(fill_input(image, place)) - expected).max() < 1


@pytest.mark.parametrize("size_wh", [(1, 1), (1, 300), (300, 1), (3, 2)])
def test_the_tiniest_images_fill_an_input(size_wh):
    image, shown_wh = decode(encode(np.full((size_wh[1], size_wh[0], 3), 77, np.uint8), ".png"))
    place = fit(shown_wh, natural_width(shown_wh))

    assert fill_input(image, place).shape == (1, INPUT_HEIGHT, place.input_width, 3)


def test_cutting_never_leaves_nothing_of_an_image():
    narrow = np.full((100, 1, 3), 9, np.uint8)

    assert fill_input(narrow, Fit(96, (96, 256), (0.1, 1.0))).shape == (1, 256, 96, 3)


# Damage ---------------------------------------------------------------------------------------------------------------


def test_a_png_with_damaged_pixels_is_corrupt_or_at_least_an_image_of_its_size():
    data = bytearray(encode(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8), ".png"))
    data[60:200] = bytes(140)
    header = check_image(bytes(data), LIMITS)

    with pytest.raises(ImageError) as caught:
        decode_image(bytes(data), header)
    assert caught.value.reason == "corrupt"


def test_a_jpeg_without_its_tables_is_corrupt():
    jpeg = encode(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))
    quantisation, frame = jpeg.index(b"\xff\xdb"), jpeg.index(b"\xff\xc0")
    damaged = jpeg[:quantisation] + jpeg[frame:]
    header = check_image(damaged, LIMITS)

    with pytest.raises(ImageError) as caught:
        decode_image(damaged, header)
    assert caught.value.reason == "corrupt"
    assert "jpeg" in str(caught.value)
