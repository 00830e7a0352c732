"""What decoding costs: CPU time per frame by number of people, of the decoder and of the plain loops it is tested with.

`python -m tests.benchmarks.decoding`. One thread, times from `time.process_time_ns`, so that what else the machine does
hardly shows. The frames are the reference's recordings where those are present, else drawn ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from tests.unit.workers.pose.decoding import oracle
from tests.unit.workers.pose.decoding.comparison import oracle_view
from tests.unit.workers.pose.decoding.recorded import DECODE_CASES, RECORDED_VIEW, recorded_frames
from tests.unit.workers.pose.decoding.synthetic_maps import Maps, draw_maps, standing
from workers.pose.decoding import People, View, decode

DECODER_REPEATS = 200
ORACLE_REPEATS = 3


@dataclass(frozen=True)
class Frame:
    maps: Maps
    view: View
    people: int


def frames() -> list[Frame]:
    return list(_recorded() if DECODE_CASES.exists() else _drawn())


def _recorded() -> Iterator[Frame]:
    for case in recorded_frames():
        yield Frame(Maps(case.features, case.heatmaps, case.pafs), RECORDED_VIEW, len(case.poses2d_px))


def _drawn() -> Iterator[Frame]:
    view = View.resized((1280, 720), (448, 256))
    for count in (0, 1, 3, 5, 10):
        for noise in (0.0, 0.02, 0.04):
            rng = np.random.default_rng(count)
            # Side by side, ten of them in two rows one behind the other.
            necks = [(0.97 * (n % 5) - 1.93, -0.5 + 0.6 * (n // 5), 4.5 + n // 5) for n in range(count)]
            drawn = draw_maps(np.array([standing(neck) for neck in necks]).reshape(-1, 19, 3), view, (32, 56))
            noisy = (part + rng.normal(0, noise, part.shape) for part in (drawn.features, drawn.heatmaps, drawn.pafs))
            maps = Maps(*(part.astype(np.float32) for part in noisy))
            yield Frame(maps, view, len(_decode(maps, view)))


def _decode(maps: Maps, view: View) -> People:
    return decode(maps.features, maps.heatmaps, maps.pafs, view)


def _decode_slowly(maps: Maps, view: View) -> object:
    return oracle.decode(maps.features, maps.heatmaps, maps.pafs, **oracle_view(view))


def cpu_ms(function: Callable[[Maps, View], object], some: list[Frame], repeats: int) -> np.ndarray:
    """CPU milliseconds of each call, the frames taking turns."""
    for frame in some:
        function(frame.maps, frame.view)
    taken = []
    for _ in range(repeats):
        for frame in some:
            start = time.process_time_ns()
            function(frame.maps, frame.view)
            taken.append((time.process_time_ns() - start) / 1e6)
    return np.array(taken)


def main() -> None:
    cv2.setNumThreads(1)
    all_frames = frames()
    source = "recorded" if DECODE_CASES.exists() else "drawn"
    table = Table(title=f"Decoding {source} frames, CPU ms per frame (median / p90)")
    for heading in ("people", "frames", "decoder", "plain loops", "ratio"):
        table.add_column(heading, justify="right")
    for people in sorted({frame.people for frame in all_frames}):
        some = [frame for frame in all_frames if frame.people == people]
        fast = cpu_ms(_decode, some, DECODER_REPEATS)
        slow = cpu_ms(_decode_slowly, some, ORACLE_REPEATS)
        table.add_row(
            str(people),
            str(len(some)),
            f"{np.median(fast):.2f} / {np.quantile(fast, 0.9):.2f}",
            f"{np.median(slow):.1f} / {np.quantile(slow, 0.9):.1f}",
            f"{np.median(slow) / np.median(fast):.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
