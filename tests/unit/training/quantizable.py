"""A network that is quantised in no time, and frames for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.unit.workers.model.small_networks import kernels, small_network
from workers.model.ir_file import Provenance, write_ir

CONVOLUTIONS = ("features", "heatmaps", "pafs")


def write_small(folder: Path, weights: dict[str, np.ndarray] | None = None) -> Path:
    """Write a network of one convolution for each output, named after it."""
    weights = weights or kernels()
    network = small_network(weights)
    for result, name in zip(network.results, weights, strict=True):
        result.input_value(0).get_node().set_friendly_name(name)
    provenance = Provenance("small.pth", "5" * 64, "a test", "fp32")
    return write_ir(network, folder, "small", provenance)


def noise(count: int, size_wh: tuple[int, int] = (96, 256), seed: int = 0) -> list[np.ndarray]:
    """Frames of noise, different ones."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8) for _ in range(count)]
