"""What the live display shows."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from deploy.local.snapshot import CameraNow, Snapshot
from deploy.local.table import Lines, LiveTable, display_for, lines, render
from tests.unit.deploy.local.shots import person_at, standing_m, status_of, truth_of
from training.accuracy import Accuracy


def camera(name: str = "camera-1", **outcomes: int) -> CameraNow:
    return CameraNow(name, 9.96, 3, (84.2, 140.4), status_of(name, in_flight=2, **outcomes))


def snapshot(*cameras: CameraNow, seconds: float = 30.0, alive: int = 2, accuracy: Accuracy | None = None) -> Snapshot:
    return Snapshot("the cameras run", 12.3, seconds, 2, alive, cameras, accuracy)


def accuracy_of_one() -> Accuracy:
    joints_m = standing_m(0.0, 1.0, 4.0)
    accuracy = Accuracy()
    accuracy.add(truth_of(joints_m[None], [0]), [person_at(joints_m)], 256 / 720)
    return accuracy


def shown(now: Snapshot, width: int = 80) -> str:
    text = io.StringIO()
    Console(file=text, width=width, color_system=None).print(render(now))
    return text.getvalue()


def test_it_fits_a_terminal_of_80_columns_with_every_outcome():
    many = {"posed": 123456, "superseded": 2345, "stale": 12, "late": 34, "dead": 5}
    text = shown(snapshot(camera(**many), camera("camera-2", **many), accuracy=accuracy_of_one()))
    assert all(len(line) <= 80 for line in text.splitlines())
    flat = " ".join(text.split())
    for part in (
        "12 s of 30",
        "2 of 2 pose workers",
        "84 / 140",
        "10.0",
        "posed 123456",
        "dead 5",
        "100.0% of people found",
    ):
        assert part in flat


def test_outcomes_appear_when_they_happen():
    assert "superseded" not in shown(snapshot(camera(posed=4)))
    assert "superseded 1" in shown(snapshot(camera(posed=4, superseded=1)))


def test_before_the_first_frame_there_is_a_row_without_figures():
    text = shown(snapshot(CameraNow("camera-1", 0.0, None, None, None), accuracy=Accuracy()))
    assert "no frame yet" in text
    assert "nan" not in text


def test_a_lost_worker_shows():
    assert "1 of 2 pose workers" in shown(snapshot(camera(posed=1), alive=1))


def test_without_an_end_there_is_no_bar():
    text = shown(snapshot(camera(posed=1), seconds=0.0))
    assert "12 s" in text
    assert "━" not in text


def test_a_name_that_looks_like_markup_is_shown_as_it_is():
    assert "door[bold]" in shown(snapshot(camera("door[bold]", posed=1)))


def test_elsewhere_each_camera_has_a_line():
    assert lines(snapshot(camera(posed=5, late=1), camera("b", posed=2))) == [
        "  12 s  camera-1  10.0 frames/s  3 people  latency 84 / 140 ms  waiting 1  posed 5  late 1",
        "  12 s  b  10.0 frames/s  3 people  latency 84 / 140 ms  waiting 1  posed 2",
    ]
    (line,) = lines(snapshot(CameraNow("c", 0.0, None, None, None)))
    assert line == "  12 s  c  0.0 frames/s  no pose yet  latency - ms  waiting 0  no frame yet"


@pytest.mark.parametrize(("terminal", "kind"), [(True, LiveTable), (False, Lines)])
def test_the_display_suits_the_console(terminal: bool, kind: type):
    text = io.StringIO()
    display = display_for(Console(file=text, force_terminal=terminal, width=80))
    assert isinstance(display, kind)
    with display:
        display.update(snapshot(camera(posed=1)))
    assert ("posed" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.getvalue())) == terminal  # lines take their time
