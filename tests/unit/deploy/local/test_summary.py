"""How a demo ends: when it has failed and why, on the screen and in the file."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from deploy.local.errors import DemoError
from deploy.local.report import CameraReport, Report
from deploy.local.summary import show, write_json
from posestream.broker import CameraStatus
from tests.unit.deploy.local.shots import person_at, standing_m, status_of, truth_of
from training.accuracy import Accuracy

JOINTS_M = standing_m(0.0, 1.0, 4.0)


def camera(status: CameraStatus | None, people: int = 12, name: str = "camera-1") -> CameraReport:
    return CameraReport(name, "video.mp4", status, people, 9.9, (80.0, 120.0) if status else None, "capture")


def report(*cameras: CameraReport, accuracy: Accuracy | None = None, lost: Mapping[str, str] | None = None) -> Report:
    files = {"picture": Path("out/picture.png"), "clip": Path("out/clip.webp")}
    return Report(cameras, accuracy, 30.0, 2.5, Path("net.xml"), lost or {}, Path("out"), files)


def accuracy(*, found: bool) -> Accuracy:
    sums = Accuracy()
    people = [person_at(JOINTS_M)] if found else [person_at(standing_m(2.0, 1.0, 4.0))]
    sums.add(truth_of(JOINTS_M[None], [0]), people, 256 / 720)
    return sums


def shown(of: Report, width: int = 80) -> str:
    text = io.StringIO()
    show(of, Console(file=text, width=width, color_system=None))
    return text.getvalue()


GOOD = camera(status_of(posed=40, superseded=2))


def test_all_is_well_when_frames_add_up_and_people_were_found():
    for well in (report(GOOD), report(GOOD, accuracy=accuracy(found=True)), report(GOOD, lost={"pose-2": "ended"})):
        assert well.problem is None
        assert well.as_dict()["passed"]
        assert "passed" in shown(well)


@pytest.mark.parametrize(
    ("failed", "why"),
    [
        (report(camera(status_of(posed=40, admitted=42))), "does not add up"),
        (report(camera(status_of(posed=40, in_flight=2))), "2 frames were not finished"),
        (
            report(GOOD, camera(None, name="camera-2")),
            "camera-2 sent no frame; its producer says why: out/camera-2",
        ),
        (report(camera(status_of())), "camera-1 sent no frame"),
        (report(camera(status_of(stale=40), people=0)), "no frame was posed"),
        (report(camera(status_of(posed=40), people=0)), "nobody was found: was anybody in view?"),
        (report(GOOD, accuracy=accuracy(found=False)), "nobody was found where people are"),
        (report(GOOD, lost={"camera-1": "was killed by SIGKILL"}), "camera-1 was lost"),
    ],
)
def test_what_went_wrong_is_one_line_with_what_to_look_at(failed: Report, why: str):
    assert why in (failed.problem or "")
    assert failed.as_dict()["passed"] is False
    assert f"FAILED: {failed.problem}" in shown(failed, width=300)


def test_an_empty_synthetic_room_has_no_people_to_find():
    empty = Accuracy()
    empty.add(truth_of(JOINTS_M[None][:0], []), [], 256 / 720)
    assert "was anybody in view?" in (report(camera(status_of(posed=5), people=0), accuracy=empty).problem or "")


def test_the_summary_fits_80_columns_and_says_everything():
    text = shown(report(GOOD, camera(status_of(posed=9), name="camera-2"), accuracy=accuracy(found=True)))
    assert all(len(line) <= 80 for line in text.splitlines())
    flat = " ".join(text.split())
    for part in (
        "camera-1 42 40 2 0 0 0 0 yes",
        "superseded: a newer frame came before a worker was free",
        "80 / 120 from capture to pose",
        "100.0% of 1 people were found",
        "0.0% of 1 people found are not there",
        "0.0 px mean 2D error",
        "0 mm mean 3D error",
        "out/picture.png",
        "out/clip.webp",
    ):
        assert part in flat
    assert "stale:" not in flat  # what has not happened is not explained


def test_figures_without_anything_to_measure_are_left_out():
    text = shown(report(GOOD, accuracy=accuracy(found=False)))
    assert "0.0% of 1 people were found" in " ".join(text.split())
    assert "nan" not in text


def test_a_lost_process_is_noted():
    assert "note: pose-2 was killed by SIGKILL; its log: out/pose-2.log" in shown(
        report(GOOD, lost={"pose-2": "was killed by SIGKILL"})
    )


def test_the_file_says_the_same_in_strict_json(tmp_path: Path):
    write_json(report(GOOD, accuracy=accuracy(found=False)), tmp_path / "new" / "demo.json")
    written = json.loads((tmp_path / "new" / "demo.json").read_text(), parse_constant=pytest.fail)
    assert written["cameras"]["camera-1"]["outcomes"] == {
        "posed": 40,
        "superseded": 2,
        "stale": 0,
        "late": 0,
        "dead": 0,
    }
    assert written["cameras"]["camera-1"]["admitted"] == 42
    assert written["cameras"]["camera-1"]["latency_ms"] == {"from": "capture", "p50": 80.0, "p99": 120.0}
    assert written["accuracy"]["found_share"] == 0
    assert written["accuracy"]["mpjpe_mm"] is None
    assert not written["passed"]


def test_a_file_that_can_not_be_written_is_named(tmp_path: Path):
    with pytest.raises(DemoError, match="--json"):
        write_json(report(GOOD), tmp_path)
