"""The smallest networks that fit the pose network's contract, or nearly do: as OpenVINO models and as ONNX files."""

from __future__ import annotations

import struct

import numpy as np
import openvino
from openvino import opset8 as ops

OUTPUTS = {"features": 57, "heatmaps": 19, "pafs": 38}


def kernels(outputs: dict[str, int] | None = None, *, stride: int = 8, inputs: int = 3) -> dict[str, np.ndarray]:
    """One convolution's kernel for each output: `(channels, inputs, stride, stride)`."""
    random = np.random.default_rng(3)
    return {
        name: random.normal(0, 0.05, (count, inputs, stride, stride)).astype(np.float32)
        for name, count in (outputs or OUTPUTS).items()
    }


def small_network(
    weights: dict[str, np.ndarray] | None = None,
    *,
    mean_scale: bool = True,
    shape: tuple[int, ...] = (1, 3, 256, 448),
    element_type: object = np.float32,
    named: bool = True,
) -> openvino.Model:
    """`(data - 128) / 255`, where `mean_scale`, through one strided convolution for each output."""
    data = ops.parameter(list(shape), element_type, name="image")
    image = ops.convert(data, "f32") if element_type is not np.float32 else data
    if mean_scale:
        image = ops.divide(ops.subtract(image, np.float32(128)), np.float32(255))
    results = []
    for name, kernel in (weights or kernels()).items():
        stride = [kernel.shape[-1]] * 2
        output = ops.convolution(image, ops.constant(kernel), stride, [0, 0], [0, 0], [1, 1])
        output.output(0).get_tensor().set_names({name if named else f"blob_{name[::-1]}"})
        results.append(ops.result(output))
    return openvino.Model(results, [data], "small")


def onnx_file(weights: dict[str, np.ndarray] | None = None, *, mean: float | None = None) -> bytes:
    """The same network as an ONNX file; with `mean` subtracted in front. Protocol buffers, written by hand."""
    weights = weights or kernels()
    nodes, constants, source = [], [], "image"
    if mean is not None:
        constants.append(_tensor("mean", np.full((1,), mean, np.float32)))
        nodes.append(_message((1, "image"), (1, "mean"), (2, "centred"), (4, "Sub")))
        source = "centred"
    for name, kernel in weights.items():
        stride = kernel.shape[-1]
        strides = _message((1, "strides"), (8, stride), (8, stride), (20, 7))
        nodes.append(_message((1, source), (1, f"{name}.weight"), (2, name), (4, "Conv"), (5, strides)))
        constants.append(_tensor(f"{name}.weight", kernel))
    inputs = next(iter(weights.values())).shape[1]
    graph = _message(
        *((1, node) for node in nodes),
        (2, "small"),
        *((5, constant) for constant in constants),
        (11, _value("image", (1, inputs, 256, 448))),
        *((12, _value(name, (1, kernel.shape[0], 32, 56))) for name, kernel in weights.items()),
    )
    return _message((1, 8), (7, graph), (8, _message((1, ""), (2, 13))))


def _message(*fields: tuple[int, int | str | bytes]) -> bytes:
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(value)
        else:
            content = value.encode() if isinstance(value, str) else value
            out += _varint(number << 3 | 2) + _varint(len(content)) + content
    return out


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += struct.pack("B", value & 0x7F | 0x80)
        value >>= 7
    return out + struct.pack("B", value)


def _tensor(name: str, array: np.ndarray) -> bytes:
    return _message(*((1, length) for length in array.shape), (2, 1), (8, name), (9, array.tobytes()))


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    dimensions = _message(*((1, _message((1, length))) for length in shape))
    return _message((1, name), (2, _message((1, _message((1, 1), (2, dimensions))))))
