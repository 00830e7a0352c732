"""Measuring through the worker's stages, with networks whose answers are known."""

from __future__ import annotations

import json
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest

from posestream.errors import ConfigurationError, ModelError
from tests.networks import Case, grey_level, write_network
from tests.unit.training.panoptic_sample import SEQUENCE, write_sample
from tests.unit.training.people import CAMERA, leaning, truth_of
from training.cards import BEGIN, END
from training.evaluate import main
from training.measuring import held_out, measure
from training.panoptic import list_frames, read_frames
from training.samples import HeldOut
from training.scenes import HELD_OUT_FRAMES
from training.targets import draw_targets
from training.worker import Worker
from workers.pose.network import Inferencer

WH = (448, 256)
SCENES = ((), ((-1.0, -0.5, 4.0),), ((-1.2, -0.5, 4.0), (1.1, -0.5, 3.6)))
KINDS = (("empty",), ("open", "1 person"), ("open", "2 people"))


def truth(case: int):
    return truth_of(*(leaning(neck_m) for neck_m in SCENES[case]))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A perfect network for three scenes, each of which it knows by the grey level of the frame."""
    targets = [draw_targets(truth(case), WH) for case in range(3)]
    cases = [Case(target.features, target.heatmaps, target.pafs) for target in targets]
    return write_network(tmp_path_factory.mktemp("network") / "known.xml", cases)


def frame(shown: int, true: int) -> HeldOut:
    image = np.full((WH[1], WH[0], 3), grey_level(shown), np.uint8)
    return HeldOut(image, truth(true), CAMERA, KINDS[true])


def test_a_perfect_network_has_hardly_any_error(model):
    measured = measure([frame(case, case) for case in (2, 0, 1)], model)
    everything = measured["all"].as_dict()
    assert everything["frames"] == 3
    assert (everything["counted"], everything["matched"], everything["extra"]) == (3, 3, 0)
    assert everything["mean_error_px"] < 1.5
    assert everything["mpjpe_mm"] < 8  # its joints in space are perfect, where they are seen is good to a pixel
    assert everything["depth_error_m"] < 0.3


def test_a_network_that_sees_somebody_in_an_empty_room_and_misses_somebody_elsewhere_is_told_so(model):
    everything = measure([frame(1, 0), frame(0, 1), frame(2, 2)], model)["all"]
    assert (everything.counted, everything.matched, everything.predicted, everything.extra) == (3, 2, 3, 1)


def test_each_kind_of_frame_is_measured_for_itself(model):
    measured = measure([frame(case, case) for case in range(3)], model)
    assert list(measured) == ["all", "1 person", "2 people", "empty", "open"]
    assert {kind: accuracy.frames for kind, accuracy in measured.items()} == {
        "all": 3,
        "1 person": 1,
        "2 people": 1,
        "empty": 1,
        "open": 2,
    }
    assert measured["2 people"].counted == 2


def test_held_out_frames_say_what_they_are():
    for number in (0, 1, HELD_OUT_FRAMES - 1):
        drawn = held_out(number)
        assert drawn.image.shape == (720, 1280, 3)
        assert drawn.intrinsics.calibrated
        people = number % 6
        assert len(drawn.truth) == people
        assert drawn.kinds[1:] == (() if not people else ("1 person",) if people == 1 else (f"{people} people",))


def test_the_command_writes_figures_and_card(model, tmp_path, capsys):
    card, figures = tmp_path / "README.md", tmp_path / "figures.json"
    card.write_text(f"# Card\n{BEGIN}\n{END}\n")
    code = main(["--model", str(model), "--frames", "3", "--json", str(figures), "--card", str(card)])
    assert code == 0
    shown = capsys.readouterr().out
    written = json.loads(figures.read_text())
    assert written["all"]["frames"] == 3
    assert written["model_sha256"] in card.read_text()
    assert "| all | 3 |" in card.read_text()
    assert "on 3 held-out frames" in shown


def test_a_network_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"absent\.xml"):
        measure([], tmp_path / "absent.xml")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--json", "none/figures.json"], r"--json none/figures\.json: there is no folder none"),
        (["--json", "."], r"--json \.: that is a folder"),
        (["--card", "absent.md"], r"model card absent\.md: No such file"),
        (["--card", "bare.md"], r"model card bare\.md: put the lines"),
        (["--report", "bare.md"], r"--report bare\.md: bare\.md is no folder"),
    ],
)
def test_what_can_not_be_written_is_said_before_anything_is_measured(arguments, expected, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bare.md").write_text("# Card\n")
    with patch("training.evaluate.measure") as measuring, pytest.raises(ConfigurationError, match=expected):
        main(["--model", str(model), *arguments])
    measuring.assert_not_called()


def test_people_are_placed_in_both_ways_of_one_inference(model):
    worker = Worker(model)
    inferred = []
    infer = Inferencer.infer
    try:
        with patch.object(Inferencer, "infer", lambda self, pixels: inferred.append(1) or infer(self, pixels)):
            for case in (2, 1):
                shown = frame(case, case)
                ours = worker.people(shown.image, shown.intrinsics)
                theirs = worker.people_as_open_model_zoo(shown.image, shown.intrinsics.fx)
                assert len(ours) == len(theirs) == case
                np.testing.assert_array_equal(ours[0].joints_px, theirs[0].joints_px)
    finally:
        worker.close()
    assert len(inferred) == 2


@pytest.fixture(scope="module")
def knowing_panoptic(tmp_path_factory):
    """A data set in the shape of CMU Panoptic whose four pictures are grey, and a network that knows each of them."""
    folder = tmp_path_factory.mktemp("data")
    sequence = write_sample(folder, grey=True)
    cases = []
    for frame in read_frames(list_frames(sequence)):
        truth = replace(frame.truth, joints_px=frame.truth.joints_px * np.float32(256 / 360))
        target = draw_targets(truth, WH)
        cases.append(Case(target.features, target.heatmaps, target.pafs))
    return folder, write_network(tmp_path_factory.mktemp("network") / "panoptic.xml", cases)


def test_a_network_that_knows_a_data_set_has_hardly_any_error_on_it(knowing_panoptic, tmp_path, capsys):
    folder, network = knowing_panoptic
    report, figures = tmp_path / "report", tmp_path / "figures.json"
    arguments = ["--model", str(network), "--data", str(folder), "--json", str(figures), "--report", str(report)]
    assert main(arguments) == 0
    written = json.loads(figures.read_text())
    everything, spatial = written["all"], written["spatial"]
    assert everything["frames"] == 4
    assert everything["matched"] == everything["counted"] == spatial["people"] > 4
    assert everything["extra"] == 0
    assert everything["mean_error_px"] < 2
    # What is left comes from the grid of the maps: joints are found to within a pixel or two, which moves the depth.
    assert spatial["root_relative_mpjpe_mm"] < 8
    assert spatial["pa_mpjpe_mm"] < 8
    assert spatial["mpjpe_mm"] < 120
    assert spatial["pck3d_150"] > 0.97
    assert 0 < spatial["open_model_zoo_mpjpe_mm"] < 120
    assert set(written["kinds"]) == {SEQUENCE, f"{SEQUENCE} 00_00", f"{SEQUENCE} 00_01"}
    text = (report / "report.md").read_text()
    assert "what Open Model Zoo calls MPJPE" in text
    assert len(list(report.glob("worst-*.jpg"))) == 4
    assert "4 " in capsys.readouterr().out


def test_the_model_card_takes_the_held_out_frames_alone(knowing_panoptic, tmp_path):
    folder, network = knowing_panoptic
    with pytest.raises(ConfigurationError, match="leave --data out"):
        main(["--model", str(network), "--data", str(folder), "--card", str(tmp_path / "card.md")])
