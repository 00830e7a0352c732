"""Networks for tests: real OpenVINO models whose output is known, chosen by how bright the frame is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openvino
from openvino import opset13 as ops

FloatArray = npt.NDArray[np.float32]

GREY_STEP = 10
"""Frames of grey level `GREY_STEP * (case + 0.5)` choose a case; JPEG and video codecs move a level by far less."""


@dataclass(frozen=True)
class Case:
    """The maps a network gives: features (57, H, W), heatmaps (19, H, W), pafs (38, H, W)."""

    features: FloatArray
    heatmaps: FloatArray
    pafs: FloatArray


def grey_level(case: int) -> int:
    return int(GREY_STEP * (case + 0.5))


def write_network(path: Path, cases: Sequence[Case]) -> Path:
    """Write an IR that answers with the case its input's mean brightness points at."""
    assert 1 <= len(cases) <= 25
    data = ops.parameter([1, 3, 256, -1], np.float32, name="data")
    brightness = ops.reduce_mean(data, np.array([1, 2, 3]), keep_dims=False)
    case = ops.convert(ops.clamp(ops.floor(ops.divide(brightness, np.float32(GREY_STEP))), 0, len(cases) - 1), "i64")
    outputs = []
    for name in ("features", "heatmaps", "pafs"):
        stack = np.stack([getattr(each, name) for each in cases]).astype(np.float32)
        output = ops.gather(ops.constant(stack), case, ops.constant(0))
        output.output(0).set_names({name})
        outputs.append(ops.result(output, name=name))
    model = openvino.Model(outputs, [data], "recorded")
    openvino.save_model(model, path, compress_to_fp16=False)
    return path
