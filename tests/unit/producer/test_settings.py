"""Settings of the producer: flags, files with many cameras, and errors that name what is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from posestream.errors import ConfigurationError
from posestream.service.settings import load
from producer.settings import CameraSettings, RunSettings, camera_list, read_cameras
from producer.sources import SourceKind, make_source

EXAMPLE = Path(__file__).parents[3] / "config" / "cameras.example.toml"


def cameras_of(*argv: str) -> list[CameraSettings]:
    return camera_list(load(RunSettings, list(argv), program="test", table="producer"))


def write(folder: Path, text: str) -> Path:
    path = folder / "cameras.toml"
    path.write_text(text)
    return path


def test_the_example_of_many_cameras_is_taken():
    cameras = read_cameras(EXAMPLE, {})

    assert [camera.name for camera in cameras] == ["entrance", "yard", "gate", "desk"]
    assert all(make_source(each.source, each.limits, each.fps).kind is SourceKind.CAMERA for each in cameras)
    assert cameras[0].intrinsics is not None
    assert cameras[0].intrinsics.as_message().calibrated


def test_what_the_example_has_commented_out_is_taken_too(tmp_path: Path):
    lines = EXAMPLE.read_text().splitlines()
    commented = lines[next(at for at, line in enumerate(lines) if line.startswith("# Files and folders")) :]
    text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in commented[3:])

    rehearsal, dataset = read_cameras(write(tmp_path, text), {})

    assert (rehearsal.policy, rehearsal.loop, rehearsal.played_as_recorded) == ("live", True, True)
    assert (dataset.fps, dataset.depth) == (30.0, 128)


@pytest.mark.parametrize(
    ("kind", "policy", "depth"), [(SourceKind.CAMERA, "live", 4), (SourceKind.RECORDING, "lossless", 64)]
)
def test_policy_and_depth_are_by_default_what_suits_the_source(kind: SourceKind, policy: str, depth: int):
    settled = CameraSettings(name="a", source="x").settled(kind)
    assert (settled.policy, settled.depth) == (policy, depth)


def test_a_policy_of_ones_own_brings_its_own_default_depth():
    assert CameraSettings(name="a", source="x", policy="live").settled(SourceKind.RECORDING).depth == 4
    assert CameraSettings(name="a", source="x", policy="live", depth=9).settled(SourceKind.RECORDING).depth == 9


def test_a_live_camera_has_only_as_many_places_as_the_server_has_for_it():
    with pytest.raises(ConfigurationError, match="camera a: depth 65: of a live camera at most 64 frames wait"):
        CameraSettings(name="a", source="x", depth=65).settled(SourceKind.CAMERA)
    assert CameraSettings(name="a", source="x", depth=65).settled(SourceKind.RECORDING).depth == 65


def test_flags_that_are_given_overrule_the_cameras_of_a_file(tmp_path: Path):
    path = write(
        tmp_path, '[[camera]]\nname = "a"\nsource = "x"\n[[camera]]\nname = "b"\nsource = "y"\ndepth = 2\nfps = 3.0\n'
    )
    a, b = cameras_of("--cameras", str(path), "--depth", "7", "--quality", "50")

    assert (a.depth, a.quality, a.fps) == (7, 50, None)
    assert (b.depth, b.quality, b.fps) == (7, 50, 3.0)


def test_flags_describe_one_camera():
    (camera,) = cameras_of(
        *("v.mp4", "--camera", "hall", "--max-side", "640"),
        *("--intrinsics.fx", "500", "--intrinsics.fy", "501", "--intrinsics.cx", "320", "--intrinsics.cy", "240"),
    )
    assert (camera.name, camera.source, camera.max_side) == ("hall", "v.mp4", 640)
    assert camera.intrinsics is not None
    assert (camera.intrinsics.fx, camera.intrinsics.cy) == (500, 240)


LENS = '{"K": [[500, 0, 320], [0, 500, 240], [0, 0, 1]], "image_size": [640, 480]}'


def test_a_camera_may_have_one_calibration_file_or_several(tmp_path: Path):
    lens, place = tmp_path / "lens.json", tmp_path / "place.json"
    lens.write_text(LENS)
    place.write_text('{"rvec": [1.5, 0, 0], "tvec": [0, 1000, 3000]}')
    text = (
        f'[[camera]]\nname = "a"\nsource = "x"\ncalibration = "{lens}"\n'
        f'[[camera]]\nname = "b"\nsource = "y"\ncalibration = ["{lens}", "{place}"]\nworld_unit = "mm"\n'
    )
    a, b = cameras_of("--cameras", str(write(tmp_path, text)))
    assert (a.calibration, a.calibrated) == ((lens,), True)
    assert (b.calibration, b.world.unit, b.world.up) == ((lens, place), "mm", None)
    (flagged,) = cameras_of("v.mp4", "--camera", "c", "--calibration", str(lens), "--calibration", str(place))
    assert flagged.calibration == (lens, place)
    (plain,) = cameras_of("v.mp4", "--camera", "c")
    assert not plain.calibrated


def test_a_calibration_file_that_is_wrong_is_told_at_once_with_its_camera(tmp_path: Path):
    path = write(tmp_path, '[[camera]]\nname = "a"\nsource = "x"\ncalibration = "absent.yml"\n')
    with pytest.raises(ConfigurationError, match=r"camera a: calibration file absent\.yml: No such file"):
        cameras_of("--cameras", str(path))


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "give a SOURCE with --camera NAME"),
        (["", "--camera", "a"], "give a SOURCE with --camera NAME"),
        (["v.mp4"], "give v.mp4 a name with --camera NAME"),
        (["rtsp://user:secret@host/?pwd=secret"], "give rtsp://***@host/?pwd=*** a name"),
        (["v.mp4", "--camera", "a", "--cameras", "f.toml"], "not both"),
        (["v.mp4", "--camera", ""], "--camera, POSESTREAM_CAMERA"),
        (["v.mp4", "--camera", "a b"], "--camera, POSESTREAM_CAMERA"),
        (["v.mp4", "--camera", "a", "--depth", "0"], "--depth, POSESTREAM_DEPTH"),
        (["v.mp4", "--camera", "a", "--fps", "nan"], "--fps, POSESTREAM_FPS"),
        (["v.mp4", "--camera", "a", "--policy", "best"], "--policy"),
        (["v.mp4", "--camera", "a", "--intrinsics.fx", "500"], "intrinsics.fy"),
    ],
)
def test_a_wrong_flag_is_named(argv: list[str], said: str):
    with pytest.raises(ConfigurationError, match=re.escape(said)) as raised:
        cameras_of(*argv)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
@pytest.mark.parametrize("key", ["fx", "fy", "cx", "cy"])
def test_intrinsics_are_finite(key: str, value: str, tmp_path: Path):
    numbers = {"fx": "500.0", "fy": "500.0", "cx": "320.0", "cy": "240.0", key: value}
    table = ", ".join(f"{name} = {number}" for name, number in numbers.items())
    path = write(tmp_path, f'[[camera]]\nname = "a"\nsource = "x"\nintrinsics = {{ {table} }}\n')
    with pytest.raises(ConfigurationError, match=rf"camera a: intrinsics\.{key}: "):
        read_cameras(path, {})


ONE = '[[camera]]\nname = "a"\nsource = "x"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no camera in it"),
        ('camera = "a"\n', "no camera in it"),
        ("[[camera]\n", "not TOML"),
        ("[[cameras]]\n" + ONE, "unknown key cameras"),
        (ONE + "colour = 1\n", "camera a: colour: unknown key"),
        (ONE + "fps = 0\n", "camera a: fps: "),
        (ONE + "depth = 1.5\n", "camera a: depth: "),
        (ONE + 'policy = "best"\n', "camera a: policy: "),
        (ONE + ONE, "name: used more than once: a"),
        ('[[camera]]\nname = "a"\n', "camera a: source: "),
        ('[[camera]]\nname = "a"\nsource = ""\n', "camera a: source: "),
        ('[[camera]]\nsource = "x"\n', "camera number 1: name: "),
        ('[[camera]]\nname = ""\nsource = "x"\n', "name: camera name ''"),
        ('[[camera]]\nname = "a{b}"\nsource = "x"\n', "name: camera name 'a{b}'"),
    ],
)
def test_a_wrong_file_names_itself_the_camera_and_the_key(text: str, said: str, tmp_path: Path):
    path = write(tmp_path, text)
    with pytest.raises(ConfigurationError, match=re.escape(said)) as raised:
        read_cameras(path, {})
    assert all(str(path) in line for line in str(raised.value).splitlines())


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"no\.toml: No such file"):
        read_cameras(tmp_path / "no.toml", {})
