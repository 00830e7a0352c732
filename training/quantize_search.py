"""How much INT8 changes a network's outputs, and which of its convolutions are to blame."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import openvino

from training.quantize_network import in_int8, network_input
from workers.model.contract import HEIGHT_PX, OUTPUT_CHANNELS
from workers.pose.picture import Pixels


def outputs_error(before: openvino.Model, after: openvino.Model, pixels: Sequence[Pixels]) -> dict[str, float]:
    """Return how far each output is off, as its root mean square error over the output's own root mean square."""
    runs = [_compiled(network) for network in (before, after)]
    error = dict.fromkeys(OUTPUT_CHANNELS, 0.0)
    energy = dict.fromkeys(OUTPUT_CHANNELS, 0.0)
    for each in pixels:
        right, given = (run({0: network_input(each)}) for run in runs)
        for name in OUTPUT_CHANNELS:
            error[name] += float(np.square(given[name] - right[name], dtype=np.float64).sum())
            energy[name] += float(np.square(right[name], dtype=np.float64).sum())
    return {name: float(np.sqrt(error[name] / energy[name])) if energy[name] else 0.0 for name in OUTPUT_CHANNELS}


def what_hurts(
    network: openvino.Model, pixels: Sequence[Pixels], convolutions: Iterable[str] | None = None
) -> list[str]:
    """Return the names of a network's convolutions, those first whose INT8 form is worst for its outputs.

    Each is left in floating point by itself: the less error remains, the more it is to blame. `convolutions` are those
    to look at; all of them by default.
    """
    remaining = {name: _error(network, pixels, {name}) for name in convolutions or convolutions_of(network)}
    return sorted(remaining, key=remaining.__getitem__)


def convolutions_of(network: openvino.Model) -> list[str]:
    """Return the names of a network's convolutions, from its input on."""
    return [
        node.get_friendly_name()
        for node in network.get_ordered_ops()
        if node.get_type_name() in {"Convolution", "GroupConvolution"}
    ]


def _error(network: openvino.Model, pixels: Sequence[Pixels], keep: Collection[str]) -> float:
    return sum(outputs_error(network, in_int8(network, pixels, keep), pixels).values())


def _compiled(network: openvino.Model) -> openvino.CompiledModel:
    any_width = network.clone()
    any_width.reshape([1, 3, HEIGHT_PX, -1])
    return openvino.Core().compile_model(any_width, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
