"""What is known of a camera: values that can not be wrong, and points from its frame to the world and back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from posestream.calibration import Distortion, Extrinsics, Intrinsics, LensModel
from posestream.calibration_maps import REGISTRY_FIELDS, described, read_description
from posestream.errors import MessageError

# A camera at (1, 2, 3) that looks along the world's y axis, upright.
ALONG_Y = Extrinsics.of([[1, 0, 0], [0, 0, -1], [0, 1, 0]], [-1, 3, -2])


def test_points_go_to_the_world_as_the_extrinsics_say() -> None:
    assert ALONG_Y.position_m.tolist() == [1, 2, 3]
    # 4 m in front of the camera, half a metre to its right and one below it.
    assert ALONG_Y.to_world(np.array([[0.5, 1.0, 4.0]])).tolist() == [[1.5, 6.0, 2.0]]


def test_points_come_back_from_the_world() -> None:
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    camera = Extrinsics.of(turn * np.sign(np.linalg.det(turn)), (0.3, -2, 5))
    points = np.random.default_rng(2).normal(size=(4, 19, 3))
    assert np.allclose(camera.to_camera(camera.to_world(points)), points, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_points_keep_their_type_and_what_is_missing(dtype: type) -> None:
    world = ALONG_Y.to_world(np.full((2, 3), np.nan, dtype))
    assert world.dtype == dtype
    assert np.isnan(world).all()


def test_a_mirror_is_no_rotation() -> None:
    with pytest.raises(ValueError, match="not a rotation"):
        Extrinsics.of(np.diag([1, 1, -1]), (0, 0, 0))


def test_a_rotation_written_with_few_digits_is_one() -> None:
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    Extrinsics.of(np.round(turn * np.sign(np.linalg.det(turn)), 4), (0, 0, 0))


def test_the_wrong_number_of_coefficients_is_told_with_the_right_ones() -> None:
    with pytest.raises(ValueError, match="4, 5, 8, 12, 14 coefficients, not 3"):
        Distortion(LensModel.STANDARD, (0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="finite"):
        Distortion(LensModel.FISHEYE, (0.0, 0.0, 0.0, math.nan))


def test_intrinsics_are_scaled_with_the_image() -> None:
    half = Intrinsics(1000, 1100, 640, 361, calibrated=True).scaled(0.5, 0.25)
    assert half == Intrinsics(500, 275, 320, 90.25, calibrated=True)


def test_the_registry_gives_back_what_it_was_told() -> None:
    lens = Intrinsics(1000.5, 1100, 640, 361, calibrated=True)
    distortion = Distortion(LensModel.FISHEYE, (0.1, 0.2, 0.3, 0.4))
    assert read_description(described(lens, distortion, ALONG_Y)) == (lens, distortion, ALONG_Y)


def test_the_registry_says_of_what_is_not_known_that_there_is_none() -> None:
    nothing = described(None, None, None)
    assert nothing == dict.fromkeys(REGISTRY_FIELDS, "")
    assert read_description(nothing) == read_description({"source": "x"}) == (None, None, None)


@pytest.mark.parametrize("value", ["{", "7", '{"fx": 1}', '{"rotation": [], "translation": []}', 100_000 * "["])
@pytest.mark.parametrize("name", REGISTRY_FIELDS)
def test_a_wrong_field_of_the_registry_is_named(name: str, value: str) -> None:
    with pytest.raises(MessageError) as caught:
        read_description({name: value})
    assert caught.value.field == name
