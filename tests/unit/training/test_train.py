"""Training on a few tiny frames: that it learns, stops, goes on, and ends with a network that the workers take."""

from __future__ import annotations

import io
import json

import pytest

pytest.importorskip("torch", reason="training needs PyTorch: pip install --group training")

import torch
from rich.console import Console

from posestream.errors import ConfigurationError
from posestream.service.process import StopSignal
from posestream.service.settings import load
from tests.unit.training.scenes import sample
from training import train as module
from training.checkpoints import CHECKPOINT, LOG, RunError, read
from training.train import TrainSettings, main, train
from training.trainer import Options, Trainer

FRAMES, BATCH = 12, 2


class StopAfter(StopSignal):
    """Asks to stop after so many looks, one for each batch."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self._left = batches

    def is_set(self) -> bool:
        self._left -= 1
        return self._left <= 0


def settings_of(folder, *more: str) -> TrainSettings:
    flags = ["--run", str(folder), "--frames", str(FRAMES), "--batch", str(BATCH), "--widths", "96,128"]
    flags += ["--full-size-share", "0", "--processes", "0", "--no-bf16", "--threads", "1"]
    return load(TrainSettings, [*flags, *more], program="test", table="training")


def run(folder, stop: StopSignal | None = None, *more: str) -> bool:
    console = Console(file=io.StringIO())
    return train(settings_of(folder, *more), sample, "the command", stop or StopSignal(), console)


def tensors(state) -> dict[str, torch.Tensor]:
    names = [(part, name) for part in ("network", "averaged") for name in state[part]]
    return {f"{part}.{name}": state[part][name] for part, name in names}


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight")
    assert run(folder)
    return read(folder)


@pytest.mark.parametrize("batches", [1, 3])
def test_a_run_that_was_stopped_ends_exactly_like_one_that_was_not(tmp_path, straight, batches):
    assert not run(tmp_path, StopAfter(batches))
    assert read(tmp_path)["batches"] == batches
    assert run(tmp_path)
    state = read(tmp_path)
    assert state["batches"] == straight["batches"] == FRAMES // BATCH
    expected = tensors(straight)
    assert all(torch.equal(value, expected[name]) for name, value in tensors(state).items())


def test_the_rate_rises_stays_and_falls_to_nothing_in_the_last_part():
    trainer = Trainer(Options(rate=1e-3, warm_up=100, decay=0.25), torch.device("cpu"))
    assert trainer.rate(0.0) == pytest.approx(1e-5)
    trainer.batches = 100
    assert [trainer.rate(progress) for progress in (0.1, 0.75, 0.875, 1.0)] == pytest.approx([1e-3, 1e-3, 5e-4, 0])


def test_another_seed_makes_another_network(tmp_path, straight):
    run(tmp_path, None, "--seed", "1")
    expected = tensors(straight)
    assert not torch.equal(tensors(read(tmp_path))["network.stem.0.weight"], expected["network.stem.0.weight"])


def test_a_finished_run_is_left_as_it_is(tmp_path):
    run(tmp_path)
    before = tensors(read(tmp_path))
    assert run(tmp_path)
    assert all(torch.equal(value, before[name]) for name, value in tensors(read(tmp_path)).items())


def test_a_run_with_other_settings_is_not_gone_on_with(tmp_path):
    run(tmp_path, StopAfter(1))
    with pytest.raises(RunError, match="give the same settings"):
        run(tmp_path, None, "--seed", "5")


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(RunError, match=CHECKPOINT):
        run(tmp_path)


def test_the_log_has_the_losses_and_none_of_what_was_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOGGED_EVERY", 2)
    run(tmp_path, StopAfter(3))
    with (tmp_path / LOG).open("a") as file:
        file.write(json.dumps({"frames": 100}) + '\n{"frames":')
    run(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [line["frames"] for line in lines] == [4, 10]
    assert {"heatmaps", "pafs", "features", "first_heatmaps", "first_pafs", "location_mm"} <= lines[0].keys()


def test_it_learns(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOGGED_EVERY", 5)
    run(tmp_path, None, "--frames", "80", "--rate", "0.1")
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert lines[-1]["heatmaps"] < 0.7 * lines[0]["heatmaps"]


def test_the_command_trains_and_exports(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "sample_frame", sample)
    monkeypatch.setattr(StopSignal, "listen", lambda self: None)
    output = tmp_path / "networks" / "small.xml"
    flags = ["--run", str(tmp_path), "--frames", "4", "--batch", "2", "--widths", "96", "--processes", "0"]
    assert main([*flags, "--output", str(output)]) == 0
    assert capsys.readouterr().out.strip() == str(output)
    assert output.with_suffix(".bin").stat().st_size < 2_500_000


@pytest.mark.parametrize("widths", ["100", "0"])
def test_widths_that_are_no_multiples_of_the_stride_are_refused(tmp_path, widths):
    with pytest.raises(ConfigurationError, match="widths"):
        settings_of(tmp_path, "--widths", widths)
