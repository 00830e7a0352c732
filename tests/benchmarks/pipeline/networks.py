"""The networks that are timed: the official architecture with random weights, with the people of recorded maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino
from openvino import opset8 as ops

from producer.synthetic.options import SceneOptions
from producer.synthetic.view import SyntheticView
from tests.benchmarks.pipeline.frames import SIZE_WH
from tests.unit.workers.pose.decoding.golden import golden_cases
from tests.unit.workers.pose.decoding.recorded import DECODE_CASES, recorded_frames
from tests.unit.workers.pose.decoding.synthetic_maps import Maps
from training.quantize_network import quantize
from workers.model.architecture import build_network
from workers.networks import DEMO_NETWORK

Tensors = dict[str, np.ndarray]

PEOPLE = 3
CALIBRATION_FRAMES = 16  # enough for speed; accuracy is not asked of random weights

_BACKBONE_CHANNELS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512)
_CONTEXT = 128
_STACKED = _CONTEXT + 19 + 38

# Far too little to show beside the recorded maps, and far too much for a compiler to leave the network out.
_FAINT = np.float32(1e-12)


@dataclass(frozen=True)
class Network:
    """A network to time."""

    name: str
    label: str
    path: Path


def make_networks(folder: Path) -> list[Network]:
    """Write the networks that have to be made into a folder, and return all of them."""
    maps, _ = maps_of_three()
    plain = _save(official_network(), folder / "plain.xml")
    scene = SyntheticView(SceneOptions(people=PEOPLE, size=SIZE_WH))
    int8 = quantize(plain, [scene.image(number * 30) for number in range(CALIBRATION_FRAMES)], folder / "int8.xml")
    core = openvino.Core()
    return [
        Network("fp32", "official, FP32", _save(with_people(core.read_model(plain), maps), folder / "fp32_people.xml")),
        Network("int8", "official, INT8", _save(with_people(core.read_model(int8), maps), folder / "int8_people.xml")),
        Network("demo", "demo network", DEMO_NETWORK),
    ]


def official_network(seed: int = 0) -> openvino.Model:
    """The architecture of human-pose-estimation-3d-0001 with random weights that keep activations at about 1."""
    return build_network(_Dice(seed).tensors())


def with_people(network: openvino.Model, maps: Maps) -> openvino.Model:
    """Let a network that sees nobody answer with `maps`, after all its work: its outputs are added, too faint to show.

    So the worker that is timed is the one that users start, with nothing of a test in it.
    """
    for result in list(network.get_results()):
        (name,) = result.input_value(0).get_names()
        seen = getattr(maps, name)[np.newaxis]
        output = ops.add(ops.multiply(result.input_value(0), ops.constant(_FAINT)), ops.constant(seen))
        result.input_value(0).get_tensor().set_names(set())
        output.output(0).get_tensor().set_names({name})
        result.input(0).replace_source_output(output.output(0))
    network.validate_nodes_and_infer_types()
    return network


def maps_of_three() -> tuple[Maps, str]:
    """Maps of a 720p frame with three people, and where they are from: recorded from the reference, else drawn."""
    if DECODE_CASES.exists():
        case = next(case for case in recorded_frames() if len(case.poses2d_px) == PEOPLE)
        return Maps(case.features, case.heatmaps, case.pafs), "recorded from the reference"
    return next(case.maps for case in golden_cases() if len(case.expected) == PEOPLE), "drawn"


def _save(network: openvino.Model, path: Path) -> Path:
    """Write an IR as it is, weights uncompressed."""
    openvino.save_model(network, path, compress_to_fp16=False)
    return path


class _Dice:
    """A state dict in the checkpoint's names. Batch norms do nothing, as folding leaves them no part in the speed."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._tensors: Tensors = {}

    def tensors(self) -> Tensors:
        self._backbone()
        self._conv("cpm.align.0", _CONTEXT, _BACKBONE_CHANNELS[-1], 1)
        for index in range(3):
            self._conv(f"cpm.trunk.{index}.0", _CONTEXT, 1, 3, bias=False)
            self._conv(f"cpm.trunk.{index}.2", _CONTEXT, _CONTEXT, 1, bias=False)
        self._conv("cpm.conv.0", _CONTEXT, _CONTEXT, 3)
        for index in range(3):
            self._conv(f"initial_stage.trunk.{index}.0", _CONTEXT, _CONTEXT, 3)
        self._heads("initial_stage", _CONTEXT, 512)
        for index in range(5):
            self._refinement(f"refinement_stages.0.trunk.{index}", _CONTEXT if index else _STACKED)
        self._heads("refinement_stages.0", _CONTEXT, 128)
        for index in range(5):
            self._residual(f"Pose3D.stem.{index}", _CONTEXT if index else _STACKED, aligned=index == 0)
        for index in range(2):
            self._refinement(f"Pose3D.prediction.trunk.{index}", _CONTEXT)
        self._conv("Pose3D.prediction.feature_maps.0.0", 128, _CONTEXT, 1)
        self._conv("Pose3D.prediction.feature_maps.1.0", 57, 128, 1)
        return self._tensors

    def _backbone(self) -> None:
        self._conv_norm("model.0", _BACKBONE_CHANNELS[0], 3, 3, bias=False)
        for index in range(1, len(_BACKBONE_CHANNELS)):
            inputs, outputs = _BACKBONE_CHANNELS[index - 1 : index + 1]
            self._conv(f"model.{index}.0", inputs, 1, 3, bias=False)
            self._norm(f"model.{index}.1", inputs)
            self._conv(f"model.{index}.3", outputs, inputs, 1, bias=False)
            self._norm(f"model.{index}.4", outputs)

    def _heads(self, name: str, inputs: int, hidden: int) -> None:
        for head, outputs in (("heatmaps", 19), ("pafs", 38)):
            self._conv(f"{name}.{head}.0.0", hidden, inputs, 1)
            self._conv(f"{name}.{head}.1.0", outputs, hidden, 1)

    def _refinement(self, name: str, inputs: int) -> None:
        self._conv(f"{name}.initial.0", _CONTEXT, inputs, 1)
        for index in range(2):
            self._conv_norm(f"{name}.trunk.{index}", _CONTEXT, _CONTEXT, 3)

    def _residual(self, name: str, inputs: int, *, aligned: bool) -> None:
        half = inputs // 2
        self._conv_norm(f"{name}.bottleneck.0", half, inputs, 1)
        self._conv_norm(f"{name}.bottleneck.1", half, half, 3)
        self._conv_norm(f"{name}.bottleneck.2", _CONTEXT, half, 1)
        if aligned:
            self._conv_norm(f"{name}.align", _CONTEXT, inputs, 1)

    def _conv_norm(self, name: str, outputs: int, inputs: int, size: int, *, bias: bool = True) -> None:
        self._conv(f"{name}.0", outputs, inputs, size, bias=bias)
        self._norm(f"{name}.1", outputs)

    def _conv(self, name: str, outputs: int, inputs: int, size: int, *, bias: bool = True) -> None:
        spread = np.sqrt(2 / (inputs * size * size))
        self._add(f"{name}.weight", self._random.normal(0, spread, (outputs, inputs, size, size)))
        if bias:
            self._add(f"{name}.bias", np.zeros(outputs))

    def _norm(self, name: str, channels: int) -> None:
        for part, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            self._add(f"{name}.{part}", np.full(channels, value))

    def _add(self, name: str, values: np.ndarray) -> None:
        self._tensors[name] = values.astype(np.float32)
