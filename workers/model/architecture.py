"""The architecture of human-pose-estimation-3d-0001, built from tensors alone.

The numbers of channels are the tensors': a narrow checkpoint makes a narrow network. Names are the checkpoint's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openvino
from openvino import opset8 as ops

from workers.model.contract import HEIGHT_PX, INPUT_NAME, MEAN, OUTPUT_CHANNELS, SCALE, WIDTH_PX
from workers.model.layers import (
    channels_of,
    convolution,
    convolution_norm_relu,
    convolution_relu,
    separable_elu,
    separable_norm_relu,
)
from workers.model.weights import Weights

# Of the depthwise separable layers model.1 to model.11: (stride, dilation).
_BACKBONE = ((1, 1), (2, 1), (1, 1), (2, 1), (1, 1), (1, 1), (1, 2), (1, 1), (1, 1), (1, 1), (1, 1))


def build_network(tensors: Mapping[str, np.ndarray]) -> openvino.Model:
    """Return the pose network with these tensors (a state dict as arrays), batch norms folded, as `contract` has it.

    Raises ModelError naming the tensor that is missing, misshaped, not finite, or left over.
    """
    weights = Weights(tensors)
    image = ops.parameter([1, 3, HEIGHT_PX, WIDTH_PX], np.float32, name=INPUT_NAME)
    image.output(0).get_tensor().set_names({INPUT_NAME})
    normalised = ops.divide(ops.subtract(image, np.float32(MEAN)), np.float32(SCALE))
    context = _context(weights, _backbone(weights, normalised))
    heatmaps, pafs = _initial_stage(weights, context)
    heatmaps, pafs = _refinement_stage(weights, ops.concat([context, heatmaps, pafs], axis=1))
    features = _pose_3d(weights, ops.concat([context, heatmaps, pafs], axis=1))
    weights.refuse_leftovers()
    outputs = {"features": features, "heatmaps": heatmaps, "pafs": pafs}
    return openvino.Model([_result(node, name) for name, node in outputs.items()], [image], "human-pose-estimation-3d")


def _backbone(weights: Weights, image: openvino.Node) -> openvino.Node:
    """MobileNet: from the image to features at 1/8 of its size."""
    features = ops.relu(convolution(weights, image, "model.0.0", norm="model.0.1", bias=False, size=3, stride=2))
    for index, (stride, dilation) in enumerate(_BACKBONE, start=1):
        features = separable_norm_relu(weights, features, f"model.{index}", stride=stride, dilation=dilation)
    return features


def _context(weights: Weights, features: openvino.Node) -> openvino.Node:
    """`cpm`: fewer channels, wider view; what all later stages start from."""
    aligned = convolution_relu(weights, features, "cpm.align", size=1)
    trunk = aligned
    for index in range(3):
        trunk = separable_elu(weights, trunk, f"cpm.trunk.{index}")
    return convolution_relu(weights, ops.add(aligned, trunk), "cpm.conv", size=3)


def _initial_stage(weights: Weights, context: openvino.Node) -> tuple[openvino.Node, openvino.Node]:
    trunk = context
    for index in range(3):
        trunk = convolution_relu(weights, trunk, f"initial_stage.trunk.{index}", size=3)
    return _heads(weights, trunk, "initial_stage")


def _refinement_stage(weights: Weights, stacked: openvino.Node) -> tuple[openvino.Node, openvino.Node]:
    trunk = stacked
    for index in range(5):
        trunk = _refinement_block(weights, trunk, f"refinement_stages.0.trunk.{index}")
    return _heads(weights, trunk, "refinement_stages.0")


def _pose_3d(weights: Weights, stacked: openvino.Node) -> openvino.Node:
    trunk = stacked
    for index in range(5):
        trunk = _residual_block(weights, trunk, f"Pose3D.stem.{index}", aligned=index == 0)
    for index in range(2):
        trunk = _refinement_block(weights, trunk, f"Pose3D.prediction.trunk.{index}")
    return _head(weights, trunk, "Pose3D.prediction.feature_maps", OUTPUT_CHANNELS["features"])


def _residual_block(weights: Weights, image: openvino.Node, name: str, *, aligned: bool) -> openvino.Node:
    """Return the image, or its alignment to another number of channels, + a bottleneck of the image."""
    straight = convolution_norm_relu(weights, image, f"{name}.align", size=1) if aligned else image
    bottleneck = convolution_norm_relu(weights, image, f"{name}.bottleneck.0", size=1)
    bottleneck = convolution_norm_relu(weights, bottleneck, f"{name}.bottleneck.1", size=3)
    bottleneck = convolution_norm_relu(
        weights, bottleneck, f"{name}.bottleneck.2", size=1, outputs=channels_of(straight)
    )
    return ops.add(straight, bottleneck)


def _refinement_block(weights: Weights, image: openvino.Node, name: str) -> openvino.Node:
    initial = convolution_relu(weights, image, f"{name}.initial", size=1)
    trunk = convolution_norm_relu(weights, initial, f"{name}.trunk.0", size=3)
    trunk = convolution_norm_relu(weights, trunk, f"{name}.trunk.1", size=3, dilation=2, outputs=channels_of(initial))
    return ops.add(initial, trunk)


def _heads(weights: Weights, trunk: openvino.Node, name: str) -> tuple[openvino.Node, openvino.Node]:
    """Return the heatmaps and the part affinity fields of a stage."""
    return (
        _head(weights, trunk, f"{name}.heatmaps", OUTPUT_CHANNELS["heatmaps"]),
        _head(weights, trunk, f"{name}.pafs", OUTPUT_CHANNELS["pafs"]),
    )


def _head(weights: Weights, trunk: openvino.Node, name: str, channels: int) -> openvino.Node:
    hidden = convolution_relu(weights, trunk, f"{name}.0", size=1)
    return convolution(weights, hidden, f"{name}.1.0", size=1, outputs=channels)


def _result(node: openvino.Node, name: str) -> openvino.Node:
    node.set_friendly_name(name)
    node.output(0).get_tensor().set_names({name})
    return ops.result(node, name=f"{name}/result")
