"""What the commands say to pictures and points that will not do."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from posestream.errors import ConfigurationError
from producer.calibration.board import draw_board
from producer.calibration.commands import board, floor, lens
from producer.calibration.files import read_files, write_file
from producer.calibration.values import Calibration
from tests.unit.producer.calibration.photographs import LENS, SIZE_WH, looking_at_board, photograph

BOARD = ["--squares", "10x7", "--square-mm", "30"]
ON_FLOOR = looking_at_board((-0.9, 0.0, 0.3), (0.05, 0.1), 0.6)


@pytest.fixture
def known(tmp_path: Path) -> Path:
    write_file(tmp_path / "lens.json", Calibration(SIZE_WH, LENS), {})
    return tmp_path / "lens.json"


@pytest.mark.parametrize("kind", ["charuco", "no-charuco"])
def test_the_same_board_on_the_floor_gives_the_same_world(kind: str, known: Path, tmp_path: Path) -> None:
    picture, found = tmp_path / "floor.png", tmp_path / "camera.json"
    cv2.imwrite(str(picture), photograph(ON_FLOOR, None, charuco=kind == "charuco"))
    code = floor.main([str(picture), "--calibration", str(known), *BOARD, f"--{kind}", "--output", str(found)])
    assert code == 0
    place = read_files([found]).extrinsics
    assert place is not None
    # The board's world has y down its side and z into it; on the floor both point the other way.
    np.testing.assert_allclose(place.position_m, ON_FLOOR.position_m * (1, -1, -1), atol=0.004)


@pytest.mark.parametrize(("squares", "remarked"), [((8, 6), True), ((8, 7), False)])
def test_a_board_that_looks_the_same_upside_down_is_remarked_on(
    squares: tuple[int, int], remarked: bool, known: Path, tmp_path: Path, capsys
) -> None:
    picture = tmp_path / "floor.png"
    canvas = np.full((480, 640), 255, np.uint8)
    drawn = draw_board(squares, charuco=False, px_per_square=50, margin_px=40)
    canvas[: drawn.shape[0], : drawn.shape[1]] = drawn
    cv2.imwrite(str(picture), canvas)
    size = "{}x{}".format(*squares)
    output = str(tmp_path / "camera.json")
    code = floor.main(
        [str(picture), "--calibration", str(known), "--no-charuco", "--squares", size, "--output", output]
    )
    assert code == 0
    assert ("looks the same upside down" in " ".join(capsys.readouterr().err.split())) == remarked


def test_a_pixel_outside_the_picture_is_told_with_its_point(known: Path, tmp_path: Path) -> None:
    picture, points = tmp_path / "floor.png", tmp_path / "points.txt"
    cv2.imwrite(str(picture), np.zeros((480, 640, 3), np.uint8))
    points.write_text("0 0 10 10\n1 0 100 20\n1 2 90 200\n0 2 700 200\n")
    with pytest.raises(ConfigurationError, match=r"point \(0, 2, 0\) m is said to be at pixel \(700, 200\), outside"):
        floor.main([str(picture), "--calibration", str(known), "--points", str(points)])


def test_copies_of_one_picture_give_no_lens(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    image = photograph(looking_at_board((0.3, 0.2, 0), (0, 0), 0.5), None, charuco=True)
    for number in range(6):
        cv2.imwrite(str(folder / f"{number}.png"), image)
    output = tmp_path / "lens.json"
    with pytest.raises(ConfigurationError, match="of 6 pictures that show the board 1 differ, 5 are needed"):
        lens.main([str(folder), *BOARD, "--output", str(output)])
    assert not output.exists()


def test_boards_that_can_not_be_are_refused_by_every_command(tmp_path: Path) -> None:
    output = tmp_path / "board.png"
    for squares in ("1x1", "1x5", "30x20"):
        with pytest.raises(ConfigurationError, match=f"squares {squares}"):
            board.main([str(output), "--squares", squares])
        with pytest.raises(ConfigurationError, match=f"squares {squares}"):
            lens.main([str(tmp_path), "--squares", squares])
    with pytest.raises(ConfigurationError, match="can not be drawn"):
        board.main([str(output), "--squares", "99x99", "--square-mm", "1000", "--no-charuco"])
    assert not output.exists()
