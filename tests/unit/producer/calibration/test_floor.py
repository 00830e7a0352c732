"""A camera's place is found from points on the floor."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from posestream.calibration import Distortion, Extrinsics, Intrinsics
from posestream.errors import ConfigurationError
from producer.calibration.floor import locate, project, read_points
from producer.calibration.pictures import floor_picture
from producer.synthetic.camera import Camera
from tests.unit.producer.calibration.photographs import BARREL, FISHEYE

LENS = Intrinsics(900.0, 905.0, 642.0, 358.0, calibrated=True)
SEEN = Camera.looking_at((1280, 720), 900.0, np.array((-2.0, -3.0, 2.4)), np.array((0.2, 0.4, 0.8)), roll=0.05)
PLACE = Extrinsics.of(SEEN.rotation, SEEN.translation_m)
FLOOR_M = np.array([(0, 0, 0), (1, 0, 0), (1, 1.5, 0), (0, 1.5, 0), (-1, 0.5, 0), (0.4, 0.7, 0)], float)


@pytest.mark.parametrize("distortion", [None, BARREL, FISHEYE], ids=["pinhole", "barrel", "fisheye"])
@pytest.mark.parametrize("count", [4, 6])
def test_the_camera_is_where_it_was(distortion: Distortion | None, count: int) -> None:
    points_m = FLOOR_M[:count]
    report = locate(points_m, project(points_m, LENS, distortion, PLACE), LENS, distortion)
    np.testing.assert_allclose(report.extrinsics.position_m, (-2, -3, 2.4), atol=0.002)
    np.testing.assert_allclose(report.extrinsics.rotation, PLACE.rotation, atol=0.002)
    assert report.error_px < 0.05


def test_points_need_not_be_on_the_floor() -> None:
    points_m = np.vstack((FLOOR_M[:4], [(0, 0, 1), (1, 1.5, 2)]))
    report = locate(points_m, project(points_m, LENS, BARREL, PLACE), LENS, BARREL)
    np.testing.assert_allclose(report.extrinsics.position_m, (-2, -3, 2.4), atol=0.002)


def test_clicks_that_are_a_little_off_move_the_camera_a_little() -> None:
    rng = np.random.default_rng(1)
    pixels = project(FLOOR_M, LENS, None, PLACE) + rng.normal(0, 1, (6, 2))
    report = locate(FLOOR_M, pixels, LENS, None)
    assert np.linalg.norm(report.extrinsics.position_m - (-2, -3, 2.4)) < 0.08
    assert 0.2 < report.error_px < 2


def test_a_wrong_point_shows_in_the_error_and_is_told() -> None:
    pixels = project(FLOOR_M, LENS, None, PLACE)
    pixels[3] += (60, 0)
    report = locate(FLOOR_M, pixels, LENS, None)
    assert report.error_px > 5
    assert report.worst == 3


def test_points_in_one_line_tell_no_place() -> None:
    points_m = np.array([(x, 2 * x, 0) for x in range(5)], float)
    with pytest.raises(ConfigurationError, match="in one line"):
        locate(points_m, project(points_m, LENS, None, PLACE), LENS, None)


def test_three_of_four_points_in_one_line_tell_no_place() -> None:
    points_m = np.array([(0, 0, 0), (1, 0, 0), (2, 0.01, 0), (1, 1.5, 0)], float)
    with pytest.raises(ConfigurationError, match="all points but one are in one line on the floor"):
        locate(points_m, project(points_m, LENS, None, PLACE), LENS, None)


def test_pixels_in_one_line_tell_no_place() -> None:
    pixels = np.array([(100, 100), (200, 200), (300, 300), (100, 300)], float)
    with pytest.raises(ConfigurationError, match="all points but one are in one line in the picture"):
        locate(FLOOR_M[:4], pixels, LENS, None)


def test_a_point_given_twice_is_no_further_one() -> None:
    points_m = FLOOR_M[[0, 1, 2, 1]]
    with pytest.raises(ConfigurationError, match="only 3 of the points differ on the floor"):
        locate(points_m, project(points_m, LENS, None, PLACE), LENS, None)
    with pytest.raises(ConfigurationError, match="only 3 of the points differ in the picture"):
        locate(FLOOR_M[:4], project(points_m, LENS, None, PLACE), LENS, None)


def test_the_points_in_the_manual_are_those_of_a_camera(tmp_path: Path) -> None:
    manual = (Path(__file__).parents[4] / "docs" / "calibration.md").read_text(encoding="utf-8")
    path = tmp_path / "points.txt"
    path.write_text("\n".join(re.findall(r"^ +(\d\.\d \d\.\d +\d+ \d+)$", manual, re.MULTILINE)))
    report = locate(*read_points(path), Intrinsics(1000.0, 1000.0, 640.0, 360.0, calibrated=True), None)
    assert len(report.pixels) == 4
    assert report.error_px < 0.5
    np.testing.assert_allclose(report.extrinsics.position_m, (1, -3.5, 2.4), atol=0.01)


def test_a_mirrored_floor_is_refused() -> None:
    pixels = project(FLOOR_M, LENS, None, PLACE)
    with pytest.raises(ConfigurationError, match="no camera above the floor"):
        locate(FLOOR_M * (1, -1, 1), pixels, LENS, None)


def test_points_are_read_with_blanks_commas_and_remarks(tmp_path: Path) -> None:
    path = tmp_path / "points.txt"
    path.write_text("# the tiles by the door\n0 0 100 200\n1, 0, 300.5, 210\n\n1 1 0.5 310 90 # a table\n0;1;120;100\n")
    world_m, pixels = read_points(path)
    assert world_m.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0.5], [0, 1, 0]]
    assert pixels.tolist() == [[100, 200], [300.5, 210], [310, 90], [120, 100]]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("0 0 1 2\n0 1 2\n", "line 2: write x y u v"),
        ("0 0 1 two\n", "line 1: write x y u v"),
        ("0 0 1 nan\n", "line 1"),
        ("0 0 1e300 2\n", "line 1"),
        ("0 0 1 2\n1 0 1 2\n1 1 1 2\n", "3 points, 4 or more are needed"),
    ],
)
def test_a_wrong_points_file_is_told_with_its_line(content: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "points.txt"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=expected):
        read_points(path)


def test_what_is_far_outside_the_picture_does_not_fold_back_into_it() -> None:
    aside = PLACE.to_world(np.array([(8.0, 0.0, 2.0), (0.1, 0.0, 2.0)]))  # 76 degrees off the axis, and 3
    folded = project(aside, LENS, BARREL, PLACE)
    kept = project(aside, LENS, BARREL, PLACE, (1280, 720))
    assert np.isfinite(folded).all()
    assert np.isnan(kept[0]).all()
    np.testing.assert_array_equal(kept[1], folded[1])


def test_the_picture_shows_the_floor() -> None:
    image = np.full((720, 1280, 3), 60, np.uint8)
    report = locate(FLOOR_M, project(FLOOR_M, LENS, BARREL, PLACE), LENS, BARREL)
    shown = floor_picture(image, report, LENS, BARREL)
    assert shown.shape == (766, 1280, 3)
    origin = project(np.zeros((1, 3)), LENS, BARREL, PLACE)[0]
    x, y = (int(value) for value in origin)
    assert (shown[y - 8 : y + 8, x - 8 : x + 8] != 60).any()
    assert (shown[:200] == 60).mean() > 0.9  # nothing is drawn on the wall
