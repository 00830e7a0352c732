"""The pose network's layers as OpenVINO operations: each takes its tensors by the checkpoint's names."""

from __future__ import annotations

import numpy as np
import openvino
from openvino import opset8 as ops

from workers.model.weights import Weights


def convolution(
    weights: Weights,
    image: openvino.Node,
    name: str,
    *,
    size: int,
    norm: str | None = None,
    bias: bool = True,
    stride: int = 1,
    dilation: int = 1,
    outputs: int | None = None,
) -> openvino.Node:
    """A convolution, padded to keep the size, with its batch norm folded in; `outputs` None is as many as it has."""
    taken = weights.convolution(name, norm=norm, bias=bias, inputs=channels_of(image), outputs=outputs, size=size)
    pad = dilation * (size // 2)
    result = ops.convolution(
        image, ops.constant(taken.kernel), [stride] * 2, [pad] * 2, [pad] * 2, [dilation] * 2, name=name
    )
    return _biased(result, taken.bias)


def depthwise(
    weights: Weights, image: openvino.Node, name: str, *, norm: str | None = None, stride: int = 1, dilation: int = 1
) -> openvino.Node:
    """A 3x3 convolution of each channel by itself, without a bias of its own, its batch norm folded in."""
    channels = channels_of(image)
    taken = weights.convolution(name, norm=norm, bias=False, inputs=1, outputs=channels, size=3)
    kernel = ops.constant(taken.kernel.reshape(channels, 1, 1, 3, 3))
    pads = [dilation] * 2
    result = ops.group_convolution(image, kernel, [stride] * 2, pads, pads, [dilation] * 2, name=name)
    return _biased(result, taken.bias)


def convolution_relu(weights: Weights, image: openvino.Node, name: str, *, size: int) -> openvino.Node:
    """`name.0`: a convolution with bias, then ReLU."""
    return ops.relu(convolution(weights, image, f"{name}.0", size=size))


def convolution_norm_relu(
    weights: Weights, image: openvino.Node, name: str, *, size: int, dilation: int = 1, outputs: int | None = None
) -> openvino.Node:
    """`name.0`: a convolution with bias; `name.1`: batch norm; then ReLU."""
    mixed = convolution(weights, image, f"{name}.0", norm=f"{name}.1", size=size, dilation=dilation, outputs=outputs)
    return ops.relu(mixed)


def separable_norm_relu(
    weights: Weights, image: openvino.Node, name: str, *, stride: int = 1, dilation: int = 1
) -> openvino.Node:
    """`name.0`, `.1`: 3x3 depthwise, batch norm, ReLU; `name.3`, `.4`: 1x1, batch norm, ReLU."""
    spatial = ops.relu(depthwise(weights, image, f"{name}.0", norm=f"{name}.1", stride=stride, dilation=dilation))
    return ops.relu(convolution(weights, spatial, f"{name}.3", norm=f"{name}.4", bias=False, size=1))


def separable_elu(weights: Weights, image: openvino.Node, name: str) -> openvino.Node:
    """`name.0`: 3x3 depthwise, ELU; `name.2`: 1x1 to as many channels, ELU; no biases, no batch norms."""
    spatial = ops.elu(depthwise(weights, image, f"{name}.0"), 1.0)
    mixed = convolution(weights, spatial, f"{name}.2", bias=False, size=1, outputs=channels_of(image))
    return ops.elu(mixed, 1.0)


def channels_of(image: openvino.Node) -> int:
    """The number of channels of an NCHW node's output."""
    return int(image.output(0).get_partial_shape()[1].get_length())


def _biased(image: openvino.Node, bias: np.ndarray | None) -> openvino.Node:
    return image if bias is None else ops.add(image, ops.constant(bias.reshape(1, -1, 1, 1)))
