"""A calibration changes while the camera runs, and what is wrong with a new one does not disturb the old one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from posestream.calibration import Extrinsics, Intrinsics
from posestream.errors import BrokerUnavailableError
from producer.calibration.formats import World
from producer.calibration.live import Files, LiveCalibration, Registry
from producer.calibration.values import Calibration

OF_SOURCE = Calibration(None, Intrinsics(500.0, 500.0, 320.0, 240.0, calibrated=True))
NOTHING = Calibration()


def lens(focal: float) -> Calibration:
    return Calibration((640, 480), Intrinsics(focal, focal, 320.0, 240.0, calibrated=True))


class Server:
    """The registry's field of one camera."""

    def __init__(self) -> None:
        self.text = ""
        self.away = False

    def read(self) -> str:
        if self.away:
            raise BrokerUnavailableError("away")
        return self.text


def focal(live: LiveCalibration, time_s: float, wh: tuple[int, int] = (640, 480), source=OF_SOURCE) -> float | None:
    intrinsics = live.now(time_s, wh, source).intrinsics
    return None if intrinsics is None else intrinsics.fx


def test_what_is_set_on_the_server_holds_within_two_seconds_and_until_it_is_taken_away() -> None:
    server = Server()
    live = LiveCalibration("hall", Registry(server.read))
    assert focal(live, 0.0) == 500
    server.text = lens(600).as_json()
    assert focal(live, 1.0) == 500  # not asked again yet
    assert focal(live, 2.1) == 600
    server.away = True
    assert focal(live, 5.0) == 600
    server.away, server.text = False, ""
    assert focal(live, 8.0) == 500


@pytest.mark.parametrize("wrong", ["{}", '{"posestream_calibration": ' + 100_000 * "[" + 100_000 * "]" + "}"])
def test_what_is_wrong_on_the_server_changes_nothing_and_is_said_once(
    wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server()
    server.text = lens(600).as_json()
    live = LiveCalibration("hall", Registry(server.read))
    assert focal(live, 0.0) == 600
    server.text = wrong
    assert [focal(live, time_s) for time_s in (3.0, 6.0, 9.0)] == [600, 600, 600]
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert "hall: calibration not changed" in errors[0]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    path = tmp_path / "lens.json"
    stamps = iter(range(1_000_000_000, 2_000_000_000))

    def to_file(text: str) -> Path:
        path.write_text(text, encoding="utf-8")
        stamp = next(stamps)
        os.utime(path, (stamp, stamp))
        return path

    return to_file


def test_a_file_that_is_written_anew_is_read_again(write: Callable[[str], Path]) -> None:
    live = LiveCalibration("hall", Files([write(lens(600).as_json())], None, World(), NOTHING))
    assert focal(live, 0.0) == 600
    write(lens(700).as_json())
    assert focal(live, 1.0) == 600
    assert focal(live, 3.0) == 700
    for number, wrong in enumerate(
        ("half writ", '{"K": ' + 100_000 * "[" + 100_000 * "]" + "}", "K: " + 100_000 * "[")
    ):
        write(wrong)
        assert focal(live, 6.0 + 3 * number) == 700
    write(lens(800).as_json())
    assert focal(live, 20.0) == 800


def test_numbers_given_by_the_user_come_before_the_file(write: Callable[[str], Path]) -> None:
    place = Extrinsics(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), (0.0, 0.0, 1.0))
    path = write(json.dumps(lens(600).as_map() | Calibration(extrinsics=place).as_map()))
    given = Calibration(intrinsics=Intrinsics(123.0, 123.0, 320.0, 240.0, calibrated=True))
    now = LiveCalibration("hall", Files([path], None, World(), given)).now(0.0, (640, 480), OF_SOURCE)
    assert (now.intrinsics, now.extrinsics) == (given.intrinsics, place)


def test_intrinsics_go_with_the_size_of_the_frames(write: Callable[[str], Path]) -> None:
    live = LiveCalibration("hall", Files([write(lens(600).as_json())], None, World(), NOTHING))
    assert focal(live, 0.0) == 600
    assert focal(live, 0.1, (1280, 960)) == 1200
    assert focal(live, 0.2) == 600


def test_frames_of_another_shape_go_without_rather_than_wrong(
    write: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    live = LiveCalibration("hall", Files([write(lens(600).as_json())], None, World(), NOTHING))
    assert [focal(live, 0.0, (1280, 720)) for _ in range(3)] == [None, None, None]
    assert sum("go without calibration" in record.getMessage() for record in caplog.records) == 1


def test_a_source_may_know_its_lens_and_the_server_its_place() -> None:
    place = Extrinsics(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), (0.0, 0.0, 1.0))
    live = LiveCalibration("hall", Registry(Calibration(extrinsics=place).as_json))
    now = live.now(0.0, (640, 480), OF_SOURCE)
    assert (now.intrinsics, now.extrinsics) == (OF_SOURCE.intrinsics, place)
    assert live.now(0.0, None, NOTHING).intrinsics is None  # a frame that can not be read has no size
