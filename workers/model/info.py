"""Says what a network is: what goes in and out, how large and how expensive it is, and where it came from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import openvino

from workers.model.contract import fit_to_contract
from workers.model.convert import load_network
from workers.model.files import sha256_of
from workers.model.ir_file import Provenance, read_network, read_provenance

_CONVOLUTIONS = {"Convolution", "GroupConvolution"}
# What may stand between an operation and the constant it takes where the weights are compressed or quantised.
_DECOMPRESSION = {"Convert", "FakeQuantize", "Multiply", "Subtract", "Reshape"}
_PRECISION_NAMES = {"f32": "FP32", "f16": "FP16", "i8": "INT8", "u8": "INT8"}


@dataclass(frozen=True, slots=True)
class Port:
    """An input or an output of the network, its shape as OpenVINO writes it: `[1,3,256,448]`."""

    name: str
    shape: str
    element_type: str


@dataclass(frozen=True, slots=True)
class NetworkInfo:
    """What there is to know of a file with a pose network."""

    file: str
    sha256: dict[str, str]
    """Of each file the network consists of, by name, in hexadecimal."""
    inputs: list[Port]
    outputs: list[Port]
    parameters: int
    """Elements of the kernels and biases of all convolutions (batch norms are folded into these)."""
    gflops: float
    """10^9 operations, two for each multiply-add of all convolutions, for one input of 256 x 448."""
    precision: str
    """Of the kernels as they are stored."""
    provenance: Provenance | None
    """None where the file does not say."""


def describe(file: Path) -> NetworkInfo:
    """Return what is known of an IR, an ONNX file or a checkpoint; raises ModelError where it is no pose network."""
    network = read_network(file) if file.suffix in {".xml", ".onnx"} else load_network(file)
    default_sized = fit_to_contract(network.clone(), str(file))
    files = [file, file.with_suffix(".bin")] if file.suffix == ".xml" else [file]
    return NetworkInfo(
        file=file.name,
        sha256={part.name: sha256_of(part) for part in files},
        inputs=[_port(port) for port in network.inputs],
        outputs=[_port(port) for port in network.outputs],
        parameters=count_parameters(default_sized),
        gflops=count_operations(default_sized) / 1e9,
        precision=stored_precision(network),
        provenance=read_provenance(network),
    )


def count_parameters(network: openvino.Model) -> int:
    """Return the number of elements in the kernels and biases of all convolutions."""
    total = 0
    for node in _convolutions(network):
        total += math.prod(node.input(1).get_shape()) + sum(math.prod(bias.get_shape()) for bias in _biases(node))
    return total


def count_operations(network: openvino.Model) -> int:
    """Return two operations for each multiply-add of all convolutions, at the network's present, static shape."""
    total = 0
    for node in _convolutions(network):
        # Every output position multiplies the whole kernel once; a grouped one too, its first axis being the groups.
        _, _, height, width = node.output(0).get_shape()
        total += 2 * math.prod(node.input(1).get_shape()) * height * width
    return total


def stored_precision(network: openvino.Model) -> str:
    """Return the precision of the convolutions' kernels as stored: FP32, FP16, INT8 or several, with commas."""
    constants = [_constant_behind(node.input(1)) for node in _convolutions(network)]
    types = {constant.get_element_type().get_type_name() for constant in constants if constant is not None}
    return ", ".join(sorted({_PRECISION_NAMES.get(name, name) for name in types}))


def _port(port: openvino.Output) -> Port:
    name = ", ".join(sorted(port.get_names())) or port.get_node().get_friendly_name()
    return Port(name, str(port.get_partial_shape()), port.get_element_type().get_type_name())


def _convolutions(network: openvino.Model) -> Iterator[openvino.Node]:
    return (node for node in network.get_ordered_ops() if node.get_type_name() in _CONVOLUTIONS)


def _biases(convolution: openvino.Node) -> Iterator[openvino.Node]:
    """The constants that are added to a convolution's output."""
    for target in convolution.output(0).get_target_inputs():
        addition = target.get_node()
        if addition.get_type_name() == "Add":
            constant = _constant_behind(addition.input(1 - target.get_index()))
            if constant is not None:
                yield constant


def _constant_behind(entry: openvino.Input) -> openvino.Node | None:
    """The constant that feeds an input, directly or by way of its decompression; None where no constant does."""
    node = entry.get_source_output().get_node()
    while node.get_type_name() in _DECOMPRESSION:
        node = node.input(0).get_source_output().get_node()
    return node if node.get_type_name() == "Constant" else None
