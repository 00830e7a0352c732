"""A lens is found from photographs of a board, whose camera is known."""

from __future__ import annotations

import numpy as np
import pytest

from posestream.calibration import Distortion, Extrinsics, LensModel
from posestream.errors import ConfigurationError
from producer.calibration.board import CharucoBoard, Checkerboard, Corners, draw_board
from producer.calibration.lens import calibrate, choose_views, different
from producer.calibration.pictures import lens_picture
from producer.calibration.settings import board_of
from tests.unit.producer.calibration.photographs import (
    BARREL,
    FISHEYE,
    LENS,
    SIZE_WH,
    SQUARE_M,
    SQUARES,
    looking_at_board,
    matrix,
    photograph,
    session,
)

BOARDS = {"charuco": CharucoBoard(SQUARES, SQUARE_M), "checkerboard": Checkerboard(SQUARES, SQUARE_M)}


@pytest.mark.parametrize(
    ("kind", "distortion"), [("charuco", BARREL), ("checkerboard", BARREL), ("charuco", FISHEYE)], ids=str
)
def test_the_lens_is_found_that_took_the_photographs(kind: str, distortion: Distortion) -> None:
    images = [photograph(place, distortion, charuco=kind == "charuco") for place in session(12)]
    views = [view for view in map(BOARDS[kind].find, images) if view is not None]
    assert len(views) > 8

    report = calibrate(views, SIZE_WH, distortion.model)

    found = report.intrinsics
    assert found.calibrated
    assert (found.fx, found.fy) == pytest.approx((LENS.fx, LENS.fy), rel=0.003)
    assert (found.cx, found.cy) == pytest.approx((LENS.cx, LENS.cy), abs=1.0)
    assert report.distortion.coefficients[0] == pytest.approx(distortion.coefficients[0], abs=0.02)
    assert report.error_px < 0.2
    assert report.coverage > 0.6
    assert report.tilt_deg > 30


def test_a_board_that_is_partly_out_of_the_picture_is_told_by_its_markers() -> None:
    image = photograph(looking_at_board((0.1, 0.2, 0), (-0.5, 0), 0.4), None, charuco=True)
    corners = BOARDS["charuco"].find(image)
    assert corners is not None
    assert 8 <= len(corners.pixels) < 54
    rotation = looking_at_board((0.1, 0.2, 0), (-0.5, 0), 0.4)
    camera = rotation.to_camera(corners.board_m)
    seen = camera[:, :2] / camera[:, 2:] * (LENS.fx, LENS.fy) + matrix()[:2, 2]
    assert np.abs(seen - corners.pixels).max() < 0.6


@pytest.mark.parametrize("kind", BOARDS)
def test_no_board_is_found_where_there_is_none(kind: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    assert BOARDS[kind].find(noise) is None
    assert BOARDS[kind].find(np.full((480, 640, 3), 90, np.uint8)) is None


@pytest.mark.parametrize("degrees", [0, 90, 135, 180, 270])
def test_both_kinds_of_boards_count_from_the_same_corner_however_they_are_turned(degrees: int) -> None:
    import cv2

    tilted, turned = (cv2.Rodrigues(np.array(turn))[0] for turn in ((0.3, 0.2, 0), (0, 0, np.radians(degrees))))
    place = looking_at_board(tuple(cv2.Rodrigues(tilted @ turned)[0].ravel()), (0, 0), 0.6)
    for kind, board in BOARDS.items():
        corners = board.find(photograph(place, None, charuco=kind == "charuco"))
        assert corners is not None
        camera = place.to_camera(corners.board_m)
        seen = camera[:, :2] / camera[:, 2:] * (LENS.fx, LENS.fy) + matrix()[:2, 2]
        assert np.abs(seen - corners.pixels).max() < 0.6, kind


@pytest.mark.parametrize(
    ("squares", "charuco", "expected"),
    [
        ((1, 1), True, "needs 3 squares"),
        ((1, 5), True, "needs 3 squares"),
        ((3, 3), True, "8 corners"),
        ((30, 20), True, "only 250 markers"),
        ((2, 2), False, "needs 4 squares"),
        ((3, 9), False, "needs 4 squares"),
    ],
)
def test_boards_that_can_not_be_are_refused(squares: tuple[int, int], charuco: bool, expected: str) -> None:
    across, down = squares
    with pytest.raises(ConfigurationError, match=f"squares {across}x{down}: .*{expected}"):
        board_of(f"{across}x{down}", 25, charuco=charuco)
    with pytest.raises(ConfigurationError, match=expected):
        draw_board(squares, charuco=charuco, px_per_square=20, margin_px=10)


@pytest.mark.parametrize(("squares", "charuco"), [((3, 5), True), ((22, 22), True), ((4, 4), False), ((30, 20), False)])
def test_the_smallest_and_the_largest_boards_are_found(squares: tuple[int, int], charuco: bool) -> None:
    image = draw_board(squares, charuco=charuco, px_per_square=40, margin_px=40)
    corners = board_of("{}x{}".format(*squares), 25, charuco=charuco).find(np.repeat(image[..., None], 3, axis=2))
    assert corners is not None
    assert len(corners.pixels) == (squares[0] - 1) * (squares[1] - 1)


def test_a_board_that_no_memory_holds_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="can not be drawn: give squares of another size"):
        draw_board((99, 99), charuco=False, px_per_square=11811, margin_px=118)


def exact(count: int, distortion: Distortion = BARREL, places: list[Extrinsics] | None = None) -> list[Corners]:
    """Return corners as they would be found without any error."""
    import cv2

    x, y = np.meshgrid(np.arange(9), np.arange(6))
    board_m = np.stack((x + 1, y + 1, 0 * x), axis=-1).reshape(-1, 3) * SQUARE_M
    views = []
    for place in places or session(count):
        camera = place.to_camera(board_m)
        pixels, _ = cv2.projectPoints(camera, np.zeros(3), np.zeros(3), matrix(), np.array(distortion.coefficients))
        views.append(Corners(board_m, pixels.reshape(-1, 2)))
    return views


def test_a_view_that_was_blurred_is_left_out() -> None:
    views = exact(12)
    noise = np.random.default_rng(2)
    views = [Corners(view.board_m, view.pixels + noise.normal(0, 0.1, view.pixels.shape)) for view in views]
    views[4] = Corners(views[4].board_m, views[4].pixels + noise.normal(0, 4, views[4].pixels.shape))
    report = calibrate(views, SIZE_WH, LensModel.STANDARD)
    assert len(report.views) == 11
    assert report.error_px < 0.3
    assert report.intrinsics.fx == pytest.approx(LENS.fx, rel=0.003)


@pytest.mark.parametrize("distortion", [Distortion(LensModel.STANDARD, (0.0,) * 5), BARREL])
@pytest.mark.parametrize("seed", range(4))
def test_boards_that_all_face_the_camera_give_no_lens(seed: int, distortion: Distortion) -> None:
    rng = np.random.default_rng(seed)
    places = [
        looking_at_board((0, 0, rng.uniform(-0.4, 0.4)), tuple(rng.uniform((-0.3, -0.2), (0.3, 0.2))), distance_m)
        for distance_m in rng.uniform(0.32, 0.9, 15)
    ]
    views = [
        Corners(view.board_m, view.pixels + rng.normal(0, 0.15, view.pixels.shape))
        for view in exact(15, distortion, places)
    ]
    with pytest.raises(ConfigurationError, match=r"do not tell the focal length: .* tilted by 30° and more"):
        calibrate(views, SIZE_WH, LensModel.STANDARD)


def test_copies_of_a_view_count_once() -> None:
    views = exact(3)
    shaky = [Corners(view.board_m, view.pixels + 0.3) for view in views]
    assert different([*views, *shaky, *views]) == views


def test_of_many_views_those_are_taken_that_differ() -> None:
    views = exact(12)
    many = [view for view in views for _ in range(10)]
    chosen = choose_views(many, SIZE_WH, at_most=12)
    assert len({view.pixels.tobytes() for view in chosen}) == 12


def test_too_few_views_are_said_with_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="found in 4 different pictures, 5 are needed"):
        calibrate(exact(4), SIZE_WH, LensModel.STANDARD)


def test_views_that_tell_little_come_with_advice() -> None:
    flat = exact(6)
    advice = " ".join(calibrate(flat, SIZE_WH, LensModel.STANDARD).advice)
    assert "6 different views" in advice


def test_the_picture_shows_the_errors_where_they_are() -> None:
    views = exact(8)
    good = lens_picture(np.zeros((480, 640, 3), np.uint8), calibrate(views, SIZE_WH, LensModel.STANDARD))
    noise = np.random.default_rng(3)
    views = [Corners(view.board_m, view.pixels + noise.normal(0, 1.5, view.pixels.shape)) for view in views]
    bad = lens_picture(np.zeros((480, 640, 3), np.uint8), calibrate(views, SIZE_WH, LensModel.STANDARD))

    def red(image: np.ndarray) -> int:
        return int(((image[:480, :, 2] > 200) & (image[:480, :, 1] < 120)).sum())

    assert red(good) == 0
    assert red(bad) > 500
