"""A trained network as OpenVINO IR: averaged weights, batch norms folded, stored in half precision."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any, Final

import openvino
import torch
from pydantic import Field
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from posestream.service.settings import Settings, load
from training.checkpoints import CHECKPOINT, RunError, read
from training.network import DemoNetwork
from training.trainer import averaged_network
from workers.model.contract import HEIGHT_PX, OUTPUT_CHANNELS, WIDTH_PX, fit_to_contract
from workers.model.files import sha256_of
from workers.model.ir_file import Precision, Provenance, write_ir
from workers.networks import TRAINED_NETWORK

PROGRAM: Final = "python -m training export"


class ExportSettings(Settings):
    """Write the network of a training run, finished or not, as OpenVINO IR."""

    run: Path
    """Folder of the training run."""
    output: Path = Field(TRAINED_NETWORK)
    """File (.xml) to write; the weights (.bin) go beside it."""


def main(argv: list[str]) -> int:
    """Export a run's network."""
    settings = load(ExportSettings, argv, program=PROGRAM, table="training")
    print(export(settings.run, settings.output))  # noqa: T201
    return 0


def export(run: Path, output: Path) -> Path:
    """Write the averaged network of a run's checkpoint as `output` (.xml) and .bin; returns `output`.

    Raises:
        RunError: there is no checkpoint, or it is damaged.
        ModelError: the network does not fit the contract, or cannot be written.
    """
    state = read(run)
    if state is None:
        raise RunError(f"there is no {CHECKPOINT} in {run}; give the folder of a run with --run")
    network = as_openvino(averaged_network(state), str(run))
    for key, value in state["history"].items():
        network.set_rt_info(str(value), ["posestream", "training", key])
    provenance = Provenance(
        origin=f"posestream demo network: {state['history']['command']}, after {state['history']['frames']} frames",
        origin_sha256=sha256_of(run / CHECKPOINT),
        tool=f"{PROGRAM} (torch {torch.__version__}, openvino {openvino.get_version()})",
        precision=Precision.FP16,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    return write_ir(network, output.parent, output.stem, provenance)


def as_openvino(network: DemoNetwork, origin: str) -> openvino.Model:
    """Return a network in evaluation mode as an OpenVINO model that fits the contract; the network is not changed."""
    folded = _Exported(fold_batch_norms(copy.deepcopy(network)))
    with warnings.catch_warnings(), torch.no_grad():
        # The tracer warns of sizes taken from shapes; those of the maps are dynamic all the same.
        warnings.simplefilter("ignore")
        model = openvino.convert_model(
            folded,
            example_input=torch.zeros(1, 3, HEIGHT_PX, WIDTH_PX),
            input=[openvino.PartialShape([1, 3, HEIGHT_PX, -1])],
        )
    for output, name in zip(model.outputs, OUTPUT_CHANNELS, strict=True):
        output.get_tensor().set_names({name})
    return fit_to_contract(model, origin)


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """Put every batch norm that follows a convolution in a sequence into its kernel, in place."""
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            for index in range(len(module) - 1):
                convolution, norm = module[index], module[index + 1]
                if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    module[index] = fuse_conv_bn_eval(convolution, norm)
                    module[index + 1] = nn.Identity()
    return network


class _Exported(nn.Module):
    """The outputs of the contract alone, in its order."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network = network

    def forward(self, pixels: torch.Tensor) -> tuple[Any, ...]:
        maps = self._network(pixels)
        return tuple(maps[name] for name in OUTPUT_CHANNELS)
