"""From photographs of a board to poses in the world: found, set on the server, changed while a producer runs."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from posestream.broker import Shard, ShardOperations
from posestream.calibration import Distortion, LensModel
from posestream.calibration_maps import read_description
from posestream.messages import FrameMeta, Intrinsics
from producer.__main__ import main
from producer.calibration.values import Calibration
from tests.unit.producer.calibration.photographs import (
    BARREL,
    LENS,
    SIZE_WH,
    SQUARE_M,
    looking_at_board,
    photograph,
    session,
)
from tests.unit.producer.fleet import Fleet, eventually
from tests.unit.producer.processes import Producers

BOARD = ["--squares", "10x7", "--square-mm", "30"]
ROUND = Distortion(LensModel.STANDARD, (-0.25, 0.125, 0.0, 0.0, 0.03125))  # exact in float32, as which it travels
ON_FLOOR = looking_at_board((-0.9, 0.0, 0.3), (0.05, 0.1), 0.6)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "board"
    folder.mkdir()
    for number, place in enumerate(session(10)):
        cv2.imwrite(str(folder / f"{number}.png"), photograph(place, BARREL, charuco=True))
    cv2.imwrite(str(tmp_path / "floor.png"), photograph(ON_FLOOR, BARREL, charuco=True))
    return folder


def test_a_board_gives_the_lens_and_on_the_floor_the_place(photographs: Path, tmp_path: Path, capsys) -> None:
    lens, camera = tmp_path / "lens.json", tmp_path / "camera.json"
    assert main(["calibrate", "lens", str(photographs), *BOARD, "--output", str(lens)]) == 0
    floor = str(tmp_path / "floor.png")
    assert main(["calibrate", "floor", floor, "--calibration", str(lens), *BOARD, "--output", str(camera)]) == 0

    said = " ".join(capsys.readouterr().err.split())
    assert "reprojection error 0." in said
    assert "camera at" in said
    for picture in ("lens.png", "camera.png"):
        assert cv2.imread(str(tmp_path / picture)) is not None
    found = Calibration.from_map(json.loads(camera.read_text()))
    assert found.size_wh == SIZE_WH
    assert found.intrinsics is not None
    assert found.intrinsics.fx == pytest.approx(LENS.fx, rel=0.003)
    # The board's world has y down its side and z into it; on the floor both point the other way.
    position_m = ON_FLOOR.position_m * (1, -1, -1)
    assert found.extrinsics is not None
    np.testing.assert_allclose(found.extrinsics.position_m, position_m, atol=0.004)
    assert json.loads(camera.read_text())["report"]["error_px"] < 0.5


def test_four_points_on_the_floor_give_the_place(photographs: Path, tmp_path: Path) -> None:
    corners_m = np.array([(0, 0, 0), (10, 0, 0), (10, 7, 0), (0, 7, 0)]) * SQUARE_M
    seen = ON_FLOOR.to_camera(corners_m)
    pixels, _ = cv2.projectPoints(
        seen,
        np.zeros(3),
        np.zeros(3),
        np.array([[LENS.fx, 0, LENS.cx], [0, LENS.fy, LENS.cy], [0, 0, 1]]),
        np.array(BARREL.coefficients),
    )
    points = tmp_path / "points.txt"
    rows = zip(corners_m * (1, -1, 1), pixels[:, 0], strict=True)
    points.write_text("".join(f"{w[0]:.3f} {w[1]:.3f} {p[0]:.2f} {p[1]:.2f}\n" for w, p in rows))
    lens, camera = tmp_path / "lens.json", tmp_path / "camera.json"
    lens.write_text(Calibration(SIZE_WH, LENS, BARREL).as_json())
    arguments = ["--calibration", str(lens), "--points", str(points), "--output", str(camera)]
    assert main(["calibrate", "floor", str(tmp_path / "floor.png"), *arguments]) == 0
    found = Calibration.from_map(json.loads(camera.read_text())).extrinsics
    assert found is not None
    np.testing.assert_allclose(found.position_m, ON_FLOOR.position_m * (1, -1, -1), atol=0.002)


@pytest.fixture
def on_server(redis_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSESTREAM_REDIS_URL", redis_url)
    monkeypatch.setenv("POSESTREAM_PREFIX", prefix)


def newest(fleet: Fleet) -> FrameMeta:
    return fleet.frames_of("room")[-1].meta if fleet.taken else FrameMeta()


@pytest.mark.usefixtures("on_server")
def test_a_calibration_set_on_the_server_is_taken_on_while_the_camera_runs(
    producers: Producers, fleet: Fleet, shard: Shard, tmp_path: Path
) -> None:
    wide = Intrinsics(1000.0, 1010.0, 640.0, 360.0, calibrated=True)
    lens = tmp_path / "lens.json"
    lens.write_text(Calibration((1280, 720), wide, ROUND).as_json())
    source = "synthetic:?people=0&fps=20&size=640x360"
    producers.start(source, "--camera", "room", "--max-side", 320)
    eventually("the source's own lens comes", lambda: newest(fleet).intrinsics is not None)
    own = newest(fleet)
    assert (own.distortion, own.source_wh) == (None, (640, 360))
    assert own.extrinsics is not None

    assert main(["calibrate", "set", "room", "--calibration", str(lens)]) == 0
    eventually("the lens that was set comes", lambda: newest(fleet).distortion == ROUND)
    # In pixels of the source's frames, which are half as large as those of the calibration, whatever is sent.
    assert newest(fleet).intrinsics == Intrinsics(500.0, 505.0, 320.0, 180.0, calibrated=True)
    assert newest(fleet).extrinsics == own.extrinsics

    def described() -> tuple[object, ...]:
        return read_description(ShardOperations(shard).descriptions().get("room", {}))

    eventually("the registry says so", lambda: described()[:2] == (newest(fleet).intrinsics, ROUND))

    assert main(["calibrate", "set", "room"]) == 0
    eventually("the source's own lens is back", lambda: newest(fleet).intrinsics == own.intrinsics)
    eventually("the registry says so, too", lambda: described()[1] is None)


def test_a_calibration_file_of_a_camera_goes_with_every_frame_and_a_wrong_one_stops_the_start(
    producers: Producers, fleet: Fleet, tmp_path: Path
) -> None:
    lens = tmp_path / "lens.json"
    lens.write_text(Calibration((640, 360), LENS, ROUND).as_json())
    source = "synthetic:?people=0&fps=20&size=640x360&frames=3"
    assert producers.run(source, "--camera", "room", "--calibration", lens).end() == 0
    assert [(taken.meta.intrinsics, taken.meta.distortion) for taken in fleet.frames_of("room")] == [(LENS, ROUND)] * 3

    lens.write_text('{"K": [1, 2]}')
    refused = producers.run(source, "--camera", "room", "--calibration", lens)
    assert refused.process.returncode == 1
    assert "camera room: calibration file" in refused.log.read_text()
