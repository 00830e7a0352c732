"""The reference's recorded inputs and outputs, which lie outside the repository and are not there everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posestream.messages import Intrinsics
from workers.pose.decoding import View

DECODE_CASES = Path(__file__).parents[6] / "shared" / "reference" / "decode_cases.npz"

# A frame of 1280 by 720 made 256 high and then cut at 448 on the right, so the map's centre is not quite the frame's.
RECORDED_VIEW = View(
    scale_xy=(720 / 256, 720 / 256),
    offset_px=(0.0, 0.0),
    intrinsics=Intrinsics(0.8 * 1280, 0.8 * 1280, 448 / 2 * 720 / 256, 720 / 2, calibrated=False),
)

FRAMES = 24
VIDEO_FRAMES = 30


@dataclass(frozen=True)
class RecordedCase:
    """One frame. `raw` is None in the video, whose `poses3d_cm` have another, filtered translation."""

    name: str
    features: np.ndarray
    heatmaps: np.ndarray
    pafs: np.ndarray
    raw: np.ndarray | None
    poses2d_px: np.ndarray
    poses3d_cm: np.ndarray


def recorded_frames() -> Iterator[RecordedCase]:
    with np.load(DECODE_CASES) as data:
        for index in range(FRAMES):
            yield _case(data, "", index)


def recorded_video() -> Iterator[RecordedCase]:
    with np.load(DECODE_CASES) as data:
        for index in range(VIDEO_FRAMES):
            yield _case(data, "seq_", index)


def _case(data: np.lib.npyio.NpzFile, prefix: str, index: int) -> RecordedCase:
    features, heatmaps, pafs = (
        data[f"{prefix}{name}_{index}"].astype(np.float32) for name in ("features", "heatmaps", "pafs")
    )
    raw = None if prefix else data[f"raw_{index}"].reshape(-1, 55) if data[f"raw_{index}"].size else np.zeros((0, 55))
    return RecordedCase(
        f"{prefix}{index}",
        features,
        heatmaps,
        pafs,
        raw,
        data[f"{prefix}poses2d_{index}"],
        data[f"{prefix}poses3d_{index}"],
    )
