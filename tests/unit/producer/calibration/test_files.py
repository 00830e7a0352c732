"""Calibration files of all the kinds there are, and what is wrong with those that are none."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from posestream.calibration import Distortion, Extrinsics, Intrinsics, LensModel
from posestream.errors import ConfigurationError
from producer.calibration.files import read_files, write_file
from producer.calibration.formats import World
from producer.calibration.values import Calibration

MATRIX = np.array([[900.0, 0, 639.5], [0, 905.0, 359.5], [0, 0, 1]])
COEFFICIENTS = np.array([-0.25, 0.125, 0.001, -0.002, 0.03])
LENS = Intrinsics(900.0, 905.0, 640.0, 360.0, calibrated=True)
DISTORTION = Distortion(LensModel.STANDARD, tuple(COEFFICIENTS.tolist()))

# The reference demo's own file, whose world is CMU Panoptic's: centimetres, the floor at y = 0, -y up.
DEMO_R = [
    [0.1656794936, 0.0336560618, -0.9856051821],
    [-0.09224101321, 0.9955650135, 0.01849052095],
    [0.9818563545, 0.08784972047, 0.1680491765],
]
DEMO_T = [[17.76193366], [126.741365], [286.3860507]]


def written(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["yml", "xml", "json"])
def test_what_opencv_writes_is_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"camera.{kind}"
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write("image_width", 1280)
    storage.write("image_height", 720)
    storage.write("camera_matrix", MATRIX)
    storage.write("distortion_coefficients", COEFFICIENTS[:, None])
    storage.write("rvec", np.array([[np.pi / 2], [0.0], [0.0]]))
    storage.write("tvec", np.array([[0.5], [1.5], [4.0]]))
    storage.release()

    found = read_files([path])

    assert (found.size_wh, found.intrinsics, found.distortion) == ((1280, 720), LENS, DISTORTION)
    assert found.extrinsics is not None
    np.testing.assert_allclose(found.extrinsics.rotation, [[1, 0, 0], [0, 0, -1], [0, 1, 0]], atol=1e-12)
    assert found.extrinsics.translation_m == (0.5, 1.5, 4.0)


def test_what_ros_writes_is_read(tmp_path: Path) -> None:
    text = (
        "image_width: 640\nimage_height: 480\ncamera_name: narrow\n"
        "camera_matrix:\n  rows: 3\n  cols: 3\n  data: [900.0, 0.0, 639.5, 0.0, 905.0, 359.5, 0.0, 0.0, 1.0]\n"
        "distortion_model: equidistant\n"
        "distortion_coefficients:\n  rows: 1\n  cols: 4\n  data: [0.1, -0.2, 0.3, 0.4]\n"
    )
    found = read_files([written(tmp_path / "ost.yaml", text)])
    assert found.size_wh == (640, 480)
    assert found.intrinsics == LENS
    assert found.distortion == Distortion(LensModel.FISHEYE, (0.1, -0.2, 0.3, 0.4))


def test_what_peoples_own_scripts_write_is_read(tmp_path: Path) -> None:
    content = {"mtx": MATRIX.tolist(), "dist": [COEFFICIENTS.tolist()], "resolution": [1280, 720]}
    found = read_files([written(tmp_path / "calibration.json", json.dumps(content))])
    assert found == Calibration((1280, 720), LENS, DISTORTION)


def panoptic(*names: str) -> str:
    cameras = [
        {
            "name": name,
            "type": "hd",
            "resolution": [1920, 1080],
            "panel": 0,
            "node": number,
            "K": (MATRIX + np.diag((number, number, 0))).tolist(),
            "distCoef": COEFFICIENTS.tolist(),
            "R": DEMO_R,
            "t": DEMO_T,
        }
        for number, name in enumerate(names)
    ]
    return json.dumps({"calibDataSource": "160906_calib_norm", "cameras": cameras})


def test_a_camera_of_cmu_panoptic_is_read_by_name(tmp_path: Path) -> None:
    path = written(tmp_path / "calibration_160906_pizza1.json", panoptic("00_00", "00_01"))
    found = read_files([path], "00_01")
    assert found.size_wh == (1920, 1080)
    assert found.intrinsics == Intrinsics(901.0, 906.0, 640.0, 360.0, calibrated=True)
    with pytest.raises(ConfigurationError, match="has 2 cameras; say which with --calibration-camera: 00_00, 00_01"):
        read_files([path])
    with pytest.raises(ConfigurationError, match="00_00, 00_01"):
        read_files([path], "00_02")


def test_one_camera_alone_needs_no_name(tmp_path: Path) -> None:
    assert read_files([written(tmp_path / "one.json", panoptic("00_00"))]).intrinsics == LENS


def test_the_reference_demos_place_is_in_metres_with_z_up(tmp_path: Path) -> None:
    path = written(tmp_path / "extrinsics.json", json.dumps({"R": DEMO_R, "t": DEMO_T}))
    place = read_files([path]).extrinsics
    assert place is not None
    position_cm = -np.array(DEMO_R).T @ np.array(DEMO_T)[:, 0]  # in its own world
    np.testing.assert_allclose(place.position_m, position_cm[[0, 2, 1]] * (0.01, 0.01, -0.01), atol=1e-6)
    assert 1.4 < place.position_m[2] < 1.6
    point_cm = np.array([30.0, -100.0, 50.0])  # a metre above the floor
    camera_m = (np.array(DEMO_R) @ point_cm + np.array(DEMO_T)[:, 0]) / 100
    np.testing.assert_allclose(place.to_world(camera_m), (0.3, 0.5, 1.0), atol=1e-6)


@pytest.mark.parametrize(
    ("up", "expected"), [("z", (1, 2, 3)), ("-z", (1, -2, -3)), ("y", (1, -3, 2)), ("-y", (1, 3, -2))]
)
def test_a_world_may_have_another_axis_up_and_another_unit(up, expected: tuple[int, ...], tmp_path: Path) -> None:
    path = written(tmp_path / "place.json", json.dumps({"rvec": [0.1, 0.2, 0.3], "tvec": [100.0, 0.0, 500.0]}))
    there, plain = read_files([path], world=World("mm", up)).extrinsics, read_files([path]).extrinsics
    assert there is not None
    assert plain is not None
    point = plain.to_camera(np.array((1.0, 2.0, 3.0))) - np.array((100.0, 0, 500)) + np.array((0.1, 0, 0.5))
    np.testing.assert_allclose(there.to_world(point), expected, atol=1e-9)


def test_several_files_say_more_than_one(tmp_path: Path) -> None:
    lens = written(tmp_path / "lens.json", json.dumps({"K": MATRIX.tolist(), "dist": COEFFICIENTS.tolist()}))
    place = written(tmp_path / "extrinsics.json", json.dumps({"R": DEMO_R, "t": DEMO_T}))
    other = written(tmp_path / "other.json", json.dumps({"K": (2 * MATRIX).tolist()}))
    found = read_files([place, lens, other])
    assert (found.intrinsics, found.distortion) == (LENS, DISTORTION)
    assert found.extrinsics is not None
    assert read_files([]) == Calibration()


def test_a_file_of_our_own_is_read_as_it_was_written(tmp_path: Path) -> None:
    place = Extrinsics.of(np.eye(3), (0.1, 0.2, 0.3))
    for calibration in (Calibration((1280, 720), LENS, DISTORTION, place), Calibration(extrinsics=place)):
        write_file(tmp_path / "camera.json", calibration, {"error_px": 0.1})
        assert read_files([tmp_path / "camera.json"]) == calibration
        assert Calibration.from_json(calibration.as_json()) == calibration


WRONG = {
    "nothing": ("", "neither JSON nor YAML"),
    "not JSON": ('{"K": [1,', "not JSON"),
    "a list": ("- 1\n- 2\n", "neither JSON nor YAML"),
    "binary": ("\x00\x01\x02", "neither JSON nor YAML"),
    "something else": ('{"fps": 25}', "neither a camera_matrix nor a rotation"),
    "too few numbers": ('{"K": [1, 2, 3]}', "camera_matrix must be 9 finite numbers, not 3"),
    "no numbers": ('{"K": "wide"}', "camera_matrix is not made of numbers"),
    "no focal length": ('{"K": [[0,0,1],[0,1,1],[0,0,1]]}', "camera_matrix: focal lengths"),
    "six coefficients": ('{"K": [[9,0,1],[0,9,1],[0,0,1]], "dist": [1,2,3,4,5,6]}', "coefficients, not 6"),
    "a mirror": ('{"R": [[1,0,0],[0,1,0],[0,0,-1]], "t": [0,0,1]}', "R is not a rotation"),
    "half a place": ('{"R": [[1,0,0],[0,1,0],[0,0,1]], "t": [0,0]}', "t must be 3 finite numbers, not 2"),
    "a later version": ('{"posestream_calibration": 2}', "upgrade posestream"),
    "our own, broken": ('{"posestream_calibration": 1, "intrinsics": {"fx": 1}}', "intrinsics: fy: missing"),
    "JSON without end": ('{"K": ' + 100_000 * "[" + 100_000 * "]" + "}", "not JSON that can be read"),
    "JSON of many lists": ('{"K": ' + 500 * "[" + 500 * "]" + "}", "camera_matrix is not made of numbers"),
    "YAML without end": ("K: " + 100_000 * "[", "nested more than 64 deep"),
    "YAML without end, on a line": ("K:\n   " + 100_000 * "- " + "1\n", "nested more than 64 deep"),
    "YAML far to the right": ("".join(f"{' ' * depth}K:\n" for depth in range(1500)), "neither JSON nor YAML"),
    "XML without end": ("<?xml version='1.0'?>\n<opencv_storage>" + 100_000 * "<K>", "nested more than 64 deep"),
    "a wrong size": ('{"posestream_calibration": 1, "size": [1, 0]}', "size: expected"),
}


@pytest.mark.parametrize(("content", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_with_the_file(content: str, expected: str, tmp_path: Path) -> None:
    path = written(tmp_path / "broken.json", content)
    with pytest.raises(ConfigurationError, match=rf"calibration file .*broken\.json: .*{expected}"):
        read_files([path])


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "marked.json"
    path.write_text(json.dumps({"K": MATRIX.tolist()}), encoding="utf-8-sig")
    assert read_files([path]).intrinsics == LENS


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.yml: No such file"):
        read_files([tmp_path / "absent.yml"])


def test_intrinsics_are_scaled_to_the_frames_and_never_to_another_shape() -> None:
    calibration = Calibration((1280, 720), LENS, DISTORTION)
    half = calibration.for_size((640, 360))
    assert half.intrinsics == Intrinsics(450.0, 452.5, 320.0, 180.0, calibrated=True)
    assert half.distortion == DISTORTION
    assert calibration.for_size((1280, 720)) is calibration
    assert Calibration(None, LENS).for_size((640, 480)).intrinsics == LENS
    with pytest.raises(ConfigurationError, match="calibrated for 1280 x 720, but the frames are 640 x 480"):
        calibration.for_size((640, 480))
