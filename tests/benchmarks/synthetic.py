"""What synthetic frames cost: CPU time to draw one, and to tell the truth about it, by number of people and size.

`python -m tests.benchmarks.synthetic`. One thread; times from `time.process_time_ns`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from producer.synthetic.options import SceneOptions
from producer.synthetic.view import SyntheticView

FRAMES = 120


def median_cpu_ms(action: Callable[[int], object]) -> float:
    """Median CPU milliseconds of an action on frames that are spread over a round of everybody's."""
    action(0)
    taken = []
    for number in range(FRAMES):
        before = time.process_time_ns()
        action(number * 7)
        taken.append((time.process_time_ns() - before) / 1e6)
    return float(np.median(taken))


def main() -> None:
    cv2.setNumThreads(1)
    table = Table("people", "size", "image, ms", "images/s on one core", "truth, ms", title="synthetic frames, CPU")
    for people, size in ((0, (1280, 720)), (1, (1280, 720)), (3, (1280, 720)), (6, (1280, 720)), (3, (1920, 1080))):
        view = SyntheticView(SceneOptions(people=people, size=size))
        image_ms, truth_ms = median_cpu_ms(view.image), median_cpu_ms(view.truth)
        table.add_row(
            str(people), f"{size[0]}x{size[1]}", f"{image_ms:.1f}", f"{1000 / image_ms:.0f}", f"{truth_ms:.2f}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
