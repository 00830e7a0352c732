"""Exported networks give what PyTorch gives, and the workers take them."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch: pip install --group training")

import openvino
import torch

from training.checkpoints import RunError, save
from training.export import as_openvino, export
from training.network import DemoNetwork
from training.trainer import Options, Trainer, averaged_network
from workers.model.contract import OUTPUT_CHANNELS
from workers.model.info import describe
from workers.pose.network import Inferencer, NetworkOptions, PoseNetwork

HISTORY = {"command": "python -m training train --seed 7", "seed": 7, "frames": 4800}


@pytest.fixture(scope="module")
def network() -> DemoNetwork:
    """A network whose batch norms have seen something, so that folding them matters."""
    torch.manual_seed(1)
    network = DemoNetwork()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.2, 0.6)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    return network.eval()


@pytest.mark.parametrize("width", [448, 96, 336])
def test_openvino_gives_what_pytorch_gives(network, width):
    model = as_openvino(network, "test")
    model.reshape([1, 3, 256, width])
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pixels = np.random.default_rng(width).uniform(0, 255, (1, 3, 256, width)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(pixels))
    given = compiled(pixels)
    for name in OUTPUT_CHANNELS:
        scale = float(expected[name].abs().max())
        assert np.abs(given[name] - expected[name].numpy()).max() < 1e-3 * scale, name


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    trainer = Trainer(Options(seed=7), torch.device("cpu"))
    save(folder, trainer.state() | {"same_run": {}, "history": HISTORY})
    return export(folder, folder / "new" / "demo.xml"), trainer.averaged


def test_the_workers_take_it_at_any_width(exported):
    path, averaged = exported
    worker = PoseNetwork(path, NetworkOptions(device="CPU", threads=1, precision="f32", cache=None, limit=4))
    try:
        for width in (448, 192):
            pixels = np.random.default_rng(2).integers(0, 255, (1, 256, width, 3), np.uint8)
            maps = Inferencer(worker).infer(pixels)
            with torch.no_grad():
                expected = averaged.eval()(torch.from_numpy(pixels).permute(0, 3, 1, 2).float())
            for name in OUTPUT_CHANNELS:
                scale = float(expected[name].abs().max())
                # Weights are stored in half precision.
                assert np.abs(getattr(maps, name) - expected[name][0].numpy()).max() < 0.01 * scale
    finally:
        worker.close()


def test_it_is_as_small_as_promised_and_says_where_it_comes_from(exported):
    path, _ = exported
    info = describe(path)
    assert info.gflops < 3
    assert info.precision == "FP16"
    assert path.stat().st_size + path.with_suffix(".bin").stat().st_size < 2_500_000
    assert info.provenance is not None
    assert info.provenance.origin == f"posestream demo network: {HISTORY['command']}, after 4800 frames"
    model = openvino.Core().read_model(path)
    assert {name: model.get_rt_info(["posestream", "training", name]).value for name in HISTORY} == {
        name: str(value) for name, value in HISTORY.items()
    }


def test_what_is_exported_are_the_averaged_weights():
    trainer = Trainer(Options(seed=7), torch.device("cpu"))
    with torch.no_grad():
        for parameter in trainer.averaged.parameters():
            parameter.fill_(0.125)
    network = averaged_network(trainer.state())
    assert all((parameter == 0.125).all() for parameter in network.parameters())
    assert not network.training


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(RunError, match="give the folder of a run"):
        export(tmp_path, tmp_path / "demo.xml")
