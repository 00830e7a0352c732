"""The command, with a network that sees nobody, and with verdicts as they are wanted."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from posestream.errors import ConfigurationError, ModelError, SourceError
from tests.unit.producer.media import encoded, write_folder
from tests.unit.training.quantizable import CONVOLUTIONS, write_small
from training.quantize import BEGIN, END, QuantizeSettings, main
from training.quantize_network import in_int8
from workers.model.info import describe


@pytest.fixture(autouse=True)
def short_turns(monkeypatch):
    monkeypatch.setattr("training.quantize_speed.ROUND_S", 0.02)
    monkeypatch.setattr("training.quantize_speed.ROUNDS", 1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_small(tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source") / "images"
    return write_folder(folder, {f"{number}.jpg": encoded(number, size_wh=(448, 256)) for number in range(12)})


@pytest.fixture
def run(model, images):
    def run(*arguments: object) -> int:
        given = ["--model", model, "--source", images, "--frames", 2, *arguments]
        return main([str(argument) for argument in given])

    return run


def test_it_is_written_where_it_was_asked_for_and_told_in_every_form(run, tmp_path, capsys):
    output, figures, card = tmp_path / "new" / "net.xml", tmp_path / "figures.json", tmp_path / "README.md"
    card.write_text(f"# Card\n{BEGIN}\n{END}\n")
    assert run("--output", output, "--json", figures, "--card", card) == 0

    assert describe(output).precision == "INT8"
    assert sorted(file.name for file in output.parent.iterdir()) == ["net.bin", "net.xml"]
    told = capsys.readouterr()
    assert f"written: {output}" in told.out
    assert re.search(r"f32 \d+ \(1\.00 x\).*int8 \d+ \(\d+\.\d\d x\)", told.out)
    assert "Calibrated on 10 frames of" in told.out
    assert re.search(r"features \d+\.\d %, heatmaps \d+\.\d %, pafs \d+\.\d %", told.out)
    assert "Statistics collection" not in told.out + told.err
    written = json.loads(figures.read_text())
    assert written["int8_sha256"] == describe(output).sha256["net.bin"]
    assert written["int8_sha256"] in card.read_text()
    assert written["agreement"]["frames"] == 2  # every sixth of the source, not calibrated with
    assert "| int8 | 2 |" in card.read_text()


def test_of_a_network_that_sees_nobody_no_accuracy_is_claimed(run, tmp_path, capsys):
    run("--output", tmp_path / "net.xml")
    out = capsys.readouterr().out
    assert "finds nobody on 2 held-out frames, which show 1 to be found: there is no accuracy to compare" in out
    assert "MPJPE" not in out
    assert "fastest" not in out


def test_without_a_name_it_goes_beside_the_model(model):
    assert QuantizeSettings(model=model).written == model.with_name("small-int8.xml")


def replaced_by(run, output, *arguments: object) -> tuple[bytes, bytes]:
    output.write_bytes(b"the network so far")
    output.with_suffix(".bin").write_bytes(b"its weights")
    run("--output", output, *arguments)
    return output.read_bytes(), output.with_suffix(".bin").read_bytes()


def test_nothing_is_replaced_that_was_not_meant_to_be(run, tmp_path, monkeypatch):
    with pytest.raises(ConfigurationError, match=r"net\.xml exists: say --replace"):
        replaced_by(run, tmp_path / "net.xml")


def test_what_can_not_be_judged_replaces_nothing(run, tmp_path):
    output = tmp_path / "net.xml"
    with pytest.raises(ModelError, match=r"was not replaced: .* finds 0 of 1 people on 2 held-out frames, and with"):
        replaced_by(run, output, "--replace")
    assert (output.read_bytes(), output.with_suffix(".bin").read_bytes()) == (b"the network so far", b"its weights")
    assert len(list(tmp_path.iterdir())) == 2


@pytest.fixture
def verdicts(monkeypatch):
    """Judge as told, and keep what was left in floating point at each try."""
    kept: list[list[str]] = []

    def quantized(network, pixels, keep):
        kept.append(list(keep))
        return in_int8(network, pixels, keep)

    def judge(*losses: str) -> list[list[str]]:
        """The first of the losses is that of the network without exceptions, and so on; the last goes on for good."""
        told = list(losses)

        def objections(before, after):
            loss = told.pop(0) if len(told) > 1 else told[0]
            return [loss] if loss else []

        monkeypatch.setattr("training.quantize.objections", objections)
        monkeypatch.setattr("training.quantize_report.objections", lambda before, after: [told[0]] if told[0] else [])
        monkeypatch.setattr("training.quantize.can_be_judged", lambda before: True)
        monkeypatch.setattr("training.quantize.in_int8", quantized)
        return kept

    return judge


def test_an_existing_network_gives_way_to_one_within_the_bounds(run, tmp_path, verdicts):
    kept = verdicts("")
    replaced_by(run, tmp_path / "net.xml", "--replace")
    assert describe(tmp_path / "net.xml").precision == "INT8"
    assert kept == [[]]


def test_what_hurts_stays_in_floating_point_until_little_enough_is_lost(run, tmp_path, verdicts, capsys):
    kept = verdicts("much is lost", "still much", "")
    replaced_by(run, tmp_path / "net.xml", "--replace")
    assert [len(names) for names in kept] == [0, 1, 2]
    assert set(kept[2]) < set(CONVOLUTIONS)
    assert describe(tmp_path / "net.xml").precision == "FP32, INT8"
    told = capsys.readouterr()
    assert "too much is lost (still much): once more with 2 in floating point" in told.err
    assert f"In floating point stayed what hurt most: {', '.join(kept[2])}." in told.out


def test_a_network_that_loses_too_much_after_all_tries_replaces_nothing(run, tmp_path, verdicts):
    kept = verdicts("its joints are 9.00 % farther off")
    with pytest.raises(ModelError, match=r"was not replaced: its joints are 9\.00 % farther off\. Give frames like"):
        replaced_by(run, tmp_path / "net.xml", "--replace", "--tries", 1)
    assert (tmp_path / "net.xml").read_bytes() == b"the network so far"
    assert [len(names) for names in kept] == [0, 1]


def test_one_that_loses_too_much_may_still_be_looked_at_elsewhere(run, tmp_path, verdicts, capsys):
    verdicts("its joints are 9.00 % farther off")
    assert run("--output", tmp_path / "net.xml", "--tries", 0) == 0
    assert "Against INT8: its joints are 9.00 % farther off." in capsys.readouterr().out
    assert (tmp_path / "net.xml").is_file()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--output", "net.onnx"], ConfigurationError, r"net\.onnx: give a name that ends in \.xml"),
        (["--json", "none/figures.json"], ConfigurationError, "there is no folder none"),
        (["--source", "/nowhere"], ConfigurationError, "no such file or folder"),
        (["--source", "synthetic:?hats=1"], ConfigurationError, "hats"),
        (["--model", "none.xml"], ModelError, r"there is no file none\.xml"),
        (["--card", "none.md"], ConfigurationError, r"model card none\.md: No such file"),
    ],
)
def test_what_is_no_good_is_said_before_anything_is_done(run, tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        run("--output", tmp_path / "net.xml", *arguments)
    assert not list(tmp_path.iterdir())


def test_a_network_that_does_not_exist_is_named_also_where_the_output_exists(run, tmp_path):
    with pytest.raises(ModelError, match=r"there is no file none\.xml"):
        replaced_by(run, tmp_path / "net.xml", "--model", "none.xml")


def test_while_it_is_replaced_nobody_takes_old_and_new_for_a_pair(run, tmp_path, verdicts, monkeypatch):
    verdicts("")
    output = tmp_path / "net.xml"
    there = []

    def replace(source, target):
        there.append((Path(target).suffix, output.exists()))
        os.rename(source, target)

    monkeypatch.setattr("training.quantize.os.replace", replace)
    replaced_by(run, output, "--replace")
    assert there[-2:] == [(".bin", False), (".xml", False)]
    assert describe(output).precision == "INT8"


def test_the_network_to_quantise_is_not_written_over(run, model):
    with pytest.raises(ConfigurationError, match="is the network to quantise, which is still needed"):
        run("--output", model, "--replace")
    assert describe(model).precision == "FP32"


def test_an_empty_folder_is_an_error_of_the_source(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError):
        run("--output", tmp_path / "net.xml", "--source", tmp_path / "empty")
