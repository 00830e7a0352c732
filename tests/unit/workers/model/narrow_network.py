"""A narrow pose network with random weights, and the slow, obvious computation of what it should put out.

Batch norms stay what they are here, convolutions are sums over their taps in float64: no folding, no OpenVINO.
"""

from __future__ import annotations

import itertools

import numpy as np

Tensors = dict[str, np.ndarray]

# Different everywhere, so that a layer that takes its numbers of channels from elsewhere shows.
_BACKBONE_CHANNELS = (4, 6, 8, 7, 10, 9, 12, 11, 12, 13, 12, 14)
_BACKBONE_STRIDES = (2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 1, 1)
_CONTEXT = 8
_STACKED = _CONTEXT + 19 + 38


def narrow_tensors(seed: int = 0) -> Tensors:
    """A whole state dict, in PyTorch's names and types, with the batch norms' counters and the zero convolutions."""
    make = _Maker(seed)
    make.conv("model.0.0", _BACKBONE_CHANNELS[0], 3, 3, bias=False)
    make.norm("model.0.1", _BACKBONE_CHANNELS[0])
    for index, (inputs, outputs) in enumerate(itertools.pairwise(_BACKBONE_CHANNELS), start=1):
        make.conv(f"model.{index}.0", inputs, 1, 3, bias=False)
        make.norm(f"model.{index}.1", inputs)
        make.conv(f"model.{index}.3", outputs, inputs, 1, bias=False)
        make.norm(f"model.{index}.4", outputs)
    make.conv("cpm.align.0", _CONTEXT, _BACKBONE_CHANNELS[-1], 1)
    for index in range(3):
        make.conv(f"cpm.trunk.{index}.0", _CONTEXT, 1, 3, bias=False)
        make.conv(f"cpm.trunk.{index}.2", _CONTEXT, _CONTEXT, 1, bias=False)
    make.conv("cpm.conv.0", _CONTEXT, _CONTEXT, 3)
    for index in range(3):
        make.conv(f"initial_stage.trunk.{index}.0", _CONTEXT, _CONTEXT, 3)
    make.heads("initial_stage", _CONTEXT, 15)
    for index in range(5):
        make.refinement(f"refinement_stages.0.trunk.{index}", 9 if index else _STACKED, 9)
    make.heads("refinement_stages.0", 9, 10)
    for index in range(5):
        make.residual(f"Pose3D.stem.{index}", 11 if index else _STACKED, 11, aligned=index == 0)
    for index in range(2):
        make.refinement(f"Pose3D.prediction.trunk.{index}", 11, 11)
    make.conv("Pose3D.prediction.feature_maps.0.0", 10, 11, 1)
    make.conv("Pose3D.prediction.feature_maps.1.0", 57, 10, 1)
    make.tensors["fake_conv_heatmaps.weight"] = np.zeros((19, 19, 1, 1), np.float32)
    make.tensors["fake_conv_pafs.weight"] = np.zeros((38, 38, 1, 1), np.float32)
    return make.tensors


def forward(tensors: Tensors, image: np.ndarray) -> dict[str, np.ndarray]:
    """`image (3, H, W)` BGR 0..255 -> `features (57, h, w)`, `heatmaps (19, h, w)`, `pafs (38, h, w)` in float64."""
    net = _Forward(tensors)
    x = (image.astype(np.float64) - 128) / 255
    x = net.conv_norm_relu(x, "model.0.0", "model.0.1", stride=2)
    for index in range(1, 12):
        dilation = 2 if index == 7 else 1
        name = f"model.{index}"
        x = net.conv_norm_relu(
            x, f"{name}.0", f"{name}.1", stride=_BACKBONE_STRIDES[index], dilation=dilation, depthwise=True
        )
        x = net.conv_norm_relu(x, f"{name}.3", f"{name}.4")
    context = net.context(x)
    x = context
    for index in range(3):
        x = relu(net.conv(x, f"initial_stage.trunk.{index}.0"))
    x = np.concatenate([context, *net.heads(x, "initial_stage")])
    for index in range(5):
        x = net.refinement(x, f"refinement_stages.0.trunk.{index}")
    heatmaps, pafs = net.heads(x, "refinement_stages.0")
    x = np.concatenate([context, heatmaps, pafs])
    for index in range(5):
        x = net.residual(x, f"Pose3D.stem.{index}")
    for index in range(2):
        x = net.refinement(x, f"Pose3D.prediction.trunk.{index}")
    features = net.head(x, "Pose3D.prediction.feature_maps")
    return {"features": features, "heatmaps": heatmaps, "pafs": pafs}


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def elu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1)


class _Maker:
    def __init__(self, seed: int) -> None:
        self.tensors: Tensors = {}
        self._random = np.random.default_rng(seed)

    def conv(self, name: str, outputs: int, inputs: int, size: int, *, bias: bool = True) -> None:
        spread = np.sqrt(2 / (inputs * size * size))
        self._add(f"{name}.weight", self._random.normal(0, spread, (outputs, inputs, size, size)))
        if bias:
            self._add(f"{name}.bias", self._random.normal(0, 0.2, outputs))

    def norm(self, name: str, channels: int) -> None:
        self._add(f"{name}.weight", self._random.uniform(0.5, 1.5, channels))
        self._add(f"{name}.bias", self._random.normal(0, 0.2, channels))
        self._add(f"{name}.running_mean", self._random.normal(0, 0.2, channels))
        self._add(f"{name}.running_var", self._random.uniform(0.3, 2, channels))
        self.tensors[f"{name}.num_batches_tracked"] = np.array(1234)

    def conv_norm(self, name: str, outputs: int, inputs: int, size: int) -> None:
        self.conv(f"{name}.0", outputs, inputs, size)
        self.norm(f"{name}.1", outputs)

    def heads(self, name: str, inputs: int, hidden: int) -> None:
        for head, outputs in (("heatmaps", 19), ("pafs", 38)):
            self.conv(f"{name}.{head}.0.0", hidden, inputs, 1)
            self.conv(f"{name}.{head}.1.0", outputs, hidden, 1)

    def refinement(self, name: str, inputs: int, outputs: int) -> None:
        self.conv(f"{name}.initial.0", outputs, inputs, 1)
        self.conv_norm(f"{name}.trunk.0", outputs + 1, outputs, 3)
        self.conv_norm(f"{name}.trunk.1", outputs, outputs + 1, 3)

    def residual(self, name: str, inputs: int, outputs: int, *, aligned: bool) -> None:
        half = inputs // 2
        self.conv_norm(f"{name}.bottleneck.0", half, inputs, 1)
        self.conv_norm(f"{name}.bottleneck.1", half, half, 3)
        self.conv_norm(f"{name}.bottleneck.2", outputs, half, 1)
        if aligned:
            self.conv_norm(f"{name}.align", outputs, inputs, 1)

    def _add(self, name: str, values: np.ndarray) -> None:
        self.tensors[name] = values.astype(np.float32)


class _Forward:
    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors

    def conv(
        self, x: np.ndarray, name: str, *, stride: int = 1, dilation: int = 1, depthwise: bool = False
    ) -> np.ndarray:
        kernel = self._tensors[f"{name}.weight"].astype(np.float64)
        size = kernel.shape[-1]
        pad = dilation if size == 3 else 0
        _, height, width = x.shape
        padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
        total = 0.0
        for row in range(size):
            for column in range(size):
                top, left = row * dilation, column * dilation
                shifted = padded[:, top : top + height : stride, left : left + width : stride]
                if depthwise:
                    total = total + kernel[:, 0, row, column, None, None] * shifted
                else:
                    total = total + np.einsum("oi,ihw->ohw", kernel[:, :, row, column], shifted)
        bias = self._tensors.get(f"{name}.bias")
        return np.asarray(total) if bias is None else total + bias.astype(np.float64)[:, None, None]

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        gamma, beta, mean, variance = (
            self._tensors[f"{name}.{part}"].astype(np.float64)[:, None, None]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    def conv_norm_relu(self, x: np.ndarray, conv: str, norm: str, **options: int) -> np.ndarray:
        return relu(self.norm(self.conv(x, conv, **options), norm))

    def context(self, x: np.ndarray) -> np.ndarray:
        aligned = relu(self.conv(x, "cpm.align.0"))
        trunk = aligned
        for index in range(3):
            trunk = elu(self.conv(trunk, f"cpm.trunk.{index}.0", depthwise=True))
            trunk = elu(self.conv(trunk, f"cpm.trunk.{index}.2"))
        return relu(self.conv(aligned + trunk, "cpm.conv.0"))

    def refinement(self, x: np.ndarray, name: str) -> np.ndarray:
        initial = relu(self.conv(x, f"{name}.initial.0"))
        trunk = self.conv_norm_relu(initial, f"{name}.trunk.0.0", f"{name}.trunk.0.1")
        return initial + self.conv_norm_relu(trunk, f"{name}.trunk.1.0", f"{name}.trunk.1.1", dilation=2)

    def residual(self, x: np.ndarray, name: str) -> np.ndarray:
        straight = x
        if f"{name}.align.0.weight" in self._tensors:
            straight = self.conv_norm_relu(x, f"{name}.align.0", f"{name}.align.1")
        for index in range(3):
            x = self.conv_norm_relu(x, f"{name}.bottleneck.{index}.0", f"{name}.bottleneck.{index}.1")
        return straight + x

    def head(self, x: np.ndarray, name: str) -> np.ndarray:
        return self.conv(relu(self.conv(x, f"{name}.0.0")), f"{name}.1.0")

    def heads(self, x: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
        return self.head(x, f"{name}.heatmaps"), self.head(x, f"{name}.pafs")
