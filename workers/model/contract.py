"""The pose network's contract: what every network that the workers run takes and gives, however it was made.

Input `data`: float32 `(1, 3, 256, 448)`, BGR, 0..255, the mean and the scale being applied inside; other sizes by
`model.reshape`. Outputs at 1/8 of the input's size, by name: `features` (57 channels), `heatmaps` (19), `pafs` (38).
"""

from __future__ import annotations

from enum import StrEnum

import openvino
from openvino.preprocess import PrePostProcessor

from posestream.errors import ModelError

INPUT_NAME = "data"
OUTPUT_CHANNELS = {"features": 57, "heatmaps": 19, "pafs": 38}
STRIDE_PX = 8
HEIGHT_PX = 256
WIDTH_PX = 448
# A second size to reshape to: a network with a size frozen inside shows it here, not in front of the first odd camera.
OTHER_WIDTH_PX = 336
MEAN = 128.0
SCALE = 255.0

_ARITHMETIC = {"Add", "Subtract", "Multiply", "Divide", "BatchNormInference"}
_TRANSPARENT = {"Convert", "FakeQuantize"}


class MeanScale(StrEnum):
    """What to do about `(x - 128) / 255` in a network that was converted elsewhere."""

    AUTO = "auto"
    """IR: must be inside already. ONNX: is added. Either way the graph is looked at, and a contradiction refused."""
    INSIDE = "inside"
    """Nothing is added, whatever the graph looks like."""
    ADD = "add"
    """Mean and scale are added, whatever the graph looks like."""


def fit_to_contract(network: openvino.Model, origin: str) -> openvino.Model:
    """Return the network with the contract's names and default size, or raise ModelError saying what does not fit.

    The network is changed in place. Outputs are recognised by their names, else by their numbers of channels.
    """
    _check_input(network, origin)
    names = _name_outputs(network, origin)
    for width_px in (OTHER_WIDTH_PX, WIDTH_PX):
        _reshape(network, width_px, origin)
        _check_output_shapes(network, names, width_px, origin)
    network.input(0).get_tensor().set_names({INPUT_NAME})
    network.get_parameters()[0].set_friendly_name(INPUT_NAME)
    for output, name in zip(network.outputs, names, strict=True):
        output.get_tensor().set_names({name})
    return network


def apply_mean_scale(
    network: openvino.Model, choice: MeanScale, *, expected_inside: bool, origin: str
) -> openvino.Model:
    """Return the network with `(x - 128) / 255` in front where `choice` says so; see `MeanScale`.

    `expected_inside` is what `MeanScale.AUTO` takes for granted of this kind of file, and checks.
    """
    if choice is MeanScale.AUTO:
        if expected_inside and not has_arithmetic_at_input(network):
            raise ModelError(
                f"{origin}: the input goes straight into a convolution, so mean {MEAN:g} and scale {SCALE:g} seem not "
                f"to be inside; say --mean-scale add to add them, or --mean-scale inside to take the network as it is"
            )
        if not expected_inside and has_arithmetic_at_input(network):
            raise ModelError(
                f"{origin}: there is arithmetic in front of the first convolution, so mean and scale seem to be inside "
                f"already; say --mean-scale inside to take the network as it is, or --mean-scale add to add them anyway"
            )
    if choice is MeanScale.INSIDE or (choice is MeanScale.AUTO and expected_inside):
        return network
    steps = PrePostProcessor(network)
    steps.input().preprocess().mean(MEAN).scale(SCALE)
    return steps.build()


def has_arithmetic_at_input(network: openvino.Model) -> bool:
    """Whether something like a mean or a scale is applied between the input and the first convolution."""
    waiting = [network.input(0)]
    while waiting:
        for target in waiting.pop().get_target_inputs():
            kind = target.get_node().get_type_name()
            if kind in _ARITHMETIC:
                return True
            if kind in _TRANSPARENT:
                waiting.extend(target.get_node().outputs())
    return False


def _check_input(network: openvino.Model, origin: str) -> None:
    if len(network.inputs) != 1:
        raise _misfit(origin, f"{len(network.inputs)} inputs where the pose network has 1")
    entry = network.input(0)
    shape = entry.get_partial_shape()
    if shape.rank.is_dynamic or len(shape) != 4 or not shape[1].compatible(openvino.Dimension(3)):
        raise _misfit(origin, f"an input of shape {shape} where the pose network has (1, 3, height, width)")
    if entry.get_element_type() != openvino.Type.f32:
        raise _misfit(origin, f"an input of type {entry.get_element_type().get_type_name()} where float32 is needed")


def _name_outputs(network: openvino.Model, origin: str) -> list[str]:
    """Return the contract's name of each output, in the network's own order."""
    if len(network.outputs) != len(OUTPUT_CHANNELS):
        raise _misfit(origin, f"{len(network.outputs)} outputs where the pose network has {len(OUTPUT_CHANNELS)}")
    by_name = [next(iter(OUTPUT_CHANNELS.keys() & output.get_names()), None) for output in network.outputs]
    if set(by_name) == set(OUTPUT_CHANNELS):
        return [name for name in by_name if name is not None]
    channels = [_channels(output) for output in network.outputs]
    if sorted(channels) != sorted(OUTPUT_CHANNELS.values()):
        raise _misfit(
            origin,
            f"outputs of {', '.join(str(count) if count else '?' for count in channels)} channels where the pose "
            f"network has {', '.join(f'{name} of {count}' for name, count in OUTPUT_CHANNELS.items())}",
        )
    names = {count: name for name, count in OUTPUT_CHANNELS.items()}
    return [names[count] for count in channels]


def _channels(output: openvino.Output) -> int:
    """The output's channels; 0 where they are unknown."""
    shape = output.get_partial_shape()
    if shape.rank.is_dynamic or len(shape) != 4 or shape[1].is_dynamic:
        return 0
    return int(shape[1].get_length())


def _reshape(network: openvino.Model, width_px: int, origin: str) -> None:
    try:
        network.reshape([1, 3, HEIGHT_PX, width_px])
    except RuntimeError as error:
        raise _misfit(origin, f"it cannot be reshaped to 1x3x{HEIGHT_PX}x{width_px} ({_last_line(error)})") from error


def _check_output_shapes(network: openvino.Model, names: list[str], width_px: int, origin: str) -> None:
    for output, name in zip(network.outputs, names, strict=True):
        expected = [1, OUTPUT_CHANNELS[name], HEIGHT_PX // STRIDE_PX, width_px // STRIDE_PX]
        if output.get_partial_shape() != openvino.PartialShape(expected):
            raise _misfit(
                origin,
                f"output {name} is {output.get_partial_shape()} for an input of 1x3x{HEIGHT_PX}x{width_px}, "
                f"where {openvino.PartialShape(expected)} is needed",
            )


def _last_line(error: RuntimeError) -> str:
    """What OpenVINO's many-line messages say at their end, where the reason stands."""
    return str(error).strip().rsplit("\n", 1)[-1]


def _misfit(origin: str, what: str) -> ModelError:
    return ModelError(
        f"{origin} does not fit the pose network's contract: {what}; give a human-pose-estimation-3d-0001"
    )
