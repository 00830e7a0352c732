"""The project's own golden file: drawn maps, and the people that the oracle finds on them.

`python -m tests.unit.workers.pose.decoding.golden` writes it anew. That is only called for when the cases change: the
file is there so that decoder and oracle cannot drift together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posestream.messages import Intrinsics
from tests.unit.workers.pose.decoding import oracle
from tests.unit.workers.pose.decoding.comparison import Expected, oracle_view
from tests.unit.workers.pose.decoding.synthetic_maps import Maps, draw_maps, standing
from workers.pose.decoding import View

GOLDEN = Path(__file__).with_name("golden.npz")

CALIBRATED = Intrinsics(fx=900.0, fy=930.0, cx=600.0, cy=380.0, calibrated=True)

# By name: the view, the map's height and width in cells, where necks are, and how much noise is added.
CASES: dict[str, tuple[View, tuple[int, int], list[tuple[float, float, float]], float]] = {
    "nobody": (View.resized((1280, 720), (448, 256)), (32, 56), [], 0.0),
    "three": (
        View.resized((1280, 720), (448, 256), CALIBRATED),
        (32, 56),
        [(-1.4, -0.4, 4.0), (0.1, -0.5, 4.6), (1.3, -0.2, 3.7)],
        0.0,
    ),
    "cut_by_the_border": (
        View((2.0, 2.0), (-16.0, 0.0), Intrinsics.assumed(640, 480)),
        (32, 42),
        [(-1.2, 0.3, 2.6), (1.31, -0.9, 2.7)],
        0.0,
    ),
    "noisy": (View.resized((960, 540), (224, 128)), (16, 28), [(-0.7, -0.3, 3.9), (0.6, -0.4, 3.8)], 0.05),
}


@dataclass(frozen=True)
class GoldenCase:
    name: str
    maps: Maps
    view: View
    expected: list[Expected]


def golden_cases() -> Iterator[GoldenCase]:
    with np.load(GOLDEN) as data:
        for name, (view, *_) in CASES.items():
            maps = Maps(*(data[f"{name}_{part}"].astype(np.float32) for part in ("features", "heatmaps", "pafs")))
            people = zip(
                *(data[f"{name}_{part}"] for part in ("joints_px", "confidence", "joints_m", "score")), strict=True
            )
            yield GoldenCase(name, maps, view, [Expected(*person) for person in people])


def write() -> None:
    rng = np.random.default_rng(20)
    arrays = {}
    for name, (view, map_hw, necks, noise) in CASES.items():
        drawn = draw_maps(np.array([standing(neck) for neck in necks]).reshape(-1, 19, 3), view, map_hw)
        maps = [
            (part + rng.normal(0, noise, part.shape) if noise else part).astype(np.float16)
            for part in (drawn.features, drawn.heatmaps, drawn.pafs)
        ]
        widened = [part.astype(np.float32) for part in maps]
        people = [Expected.by_oracle(person) for person in oracle.decode(*widened, **oracle_view(view))]
        arrays |= {f"{name}_{part}": array for part, array in zip(("features", "heatmaps", "pafs"), maps, strict=True)}
        arrays |= {
            f"{name}_joints_px": np.array([person.joints_px for person in people]).reshape(-1, 19, 2),
            f"{name}_confidence": np.array([person.confidence for person in people]).reshape(-1, 19),
            f"{name}_joints_m": np.array([person.joints_m for person in people]).reshape(-1, 19, 3),
            f"{name}_score": np.array([person.score for person in people]),
        }
    np.savez_compressed(GOLDEN, **arrays)


if __name__ == "__main__":
    write()
