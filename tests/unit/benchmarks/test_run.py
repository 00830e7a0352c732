"""Slices that went wrong are taken again."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from tests.benchmarks.pipeline.contenders import serve
from tests.benchmarks.pipeline.pace import TooFewFramesError
from tests.benchmarks.pipeline.results import NetworkResults, Slice
from tests.benchmarks.pipeline.run import Plan, Run

QUIET, BUSY = Slice(10.0, {}, 0.0), Slice(5.0, {}, 0.5)
FAILED = TooFewFramesError("2 frames in 3.0 s are too few")


class Entrant:
    """Gives slices as they are wanted."""

    def __init__(self, *slices: Slice | TooFewFramesError) -> None:
        self.results = NetworkResults("a network")
        self.left = list(slices)

    def slice(self, way: str, seconds: float) -> Slice:
        taken = self.left.pop(0)
        if isinstance(taken, TooFewFramesError):
            raise taken
        return taken


def undisturbed(entrant: Any, patience: int = 12) -> Slice:
    return Run(Plan(patience=patience), lambda said: None)._undisturbed(entrant, "loop")


@pytest.mark.parametrize(
    ("slices", "patience", "left"),
    [
        ([QUIET], 12, 0),
        ([FAILED, QUIET], 12, 0),
        ([FAILED, FAILED, QUIET], 0, 0),  # without any there is nothing to go on with
        ([BUSY, FAILED, QUIET], 12, 0),
    ],
)
def test_a_slice_in_which_hardly_a_frame_came_out_is_taken_again(slices, patience, left):
    entrant = Entrant(*slices)
    assert undisturbed(entrant, patience) == QUIET
    assert len(entrant.left) == left


def test_where_patience_is_at_an_end_a_disturbed_slice_has_to_do():
    entrant = Entrant(BUSY, QUIET)
    assert undisturbed(entrant, patience=0) == BUSY
    assert entrant.left == [QUIET]


def test_three_bad_slices_in_a_row_end_the_run():
    with pytest.raises(RuntimeError, match="a network, loop: 3 slices in a row failed"):
        undisturbed(Entrant(FAILED, FAILED, FAILED))


def test_a_contender_goes_on_after_a_slice_without_frames(monkeypatch, capsys):
    class Slow:
        def run(self, until_s: float) -> list[float]:
            return []

    monkeypatch.setattr("sys.stdin", io.StringIO("0.01\n0.01\n"))
    serve(Slow())
    ready, *answers = capsys.readouterr().out.splitlines()
    assert ready == "ready"
    assert ["too few" in json.loads(answer)["too_few"] for answer in answers] == [True, True]
