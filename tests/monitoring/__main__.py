"""Makes the pictures of the dashboards in the documents: `python -m tests.monitoring [--seconds 300] [--folder docs]`.

A fleet is watched while things happen to it: the camera at the door sends broken pictures, then nothing; both workers
stand still for a while; the leading tracker is killed. Needs Prometheus (Debian's package will do).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from posestream.image import ImageLimits
from producer.sources import make_source
from tests.fleet import ROOT
from tests.monitoring.dashboards import NAMES, ask, read_panels
from tests.monitoring.drawing import draw
from tests.monitoring.prometheus import Prometheus
from tests.monitoring.stage import DOOR, Stage


def main() -> None:
    """Run the fleet, then ask and draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.monitoring", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="how long the fleet is watched")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs", help="where the pictures go")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="posestream-") as folder:
        model, room = ROOT / "workers" / "networks" / "demo.xml", "synthetic:?people=3&seed=11&fps=8"
        with (
            Stage(Path(folder) / "stage", model, room=room, door=_people_at_the_door()) as stage,
            Prometheus(Path(folder) / "prometheus", stage.targets()) as prometheus,
        ):
            _let_things_happen(stage, arguments.seconds)
            draw_all(prometheus, arguments.folder, arguments.seconds)


def _people_at_the_door() -> list[bytes]:
    """Return eight seconds of drawn people, 50 JPEG images a second."""
    source = make_source("synthetic:?people=2&seed=3&size=640x360&fps=50&frames=400", ImageLimits())
    source.open()
    images = []
    while source.grab() is not None:
        picture = source.retrieve()
        assert isinstance(picture, np.ndarray)
        images.append(cv2.imencode(".jpg", picture)[1].tobytes())
    source.close()
    return images


def _let_things_happen(stage: Stage, seconds: float) -> None:
    """Let things happen at fixed parts of the time."""
    script: list[tuple[float, Callable[[], None]]] = [
        (0.30, stage.break_pictures),
        (0.36, stage.mend_pictures),
        (0.50, stage.freeze_workers),
        (0.56, stage.thaw_workers),
        (0.70, stage.unplug),
        (0.80, stage.plug_in),
        (0.88, stage.kill_leader),
    ]
    began_s = time.monotonic()
    for part, act in script:
        time.sleep(max(0.0, began_s + part * seconds - time.monotonic()))
        print(f"{part:4.0%}  {act.__name__}", flush=True)
        act()
    time.sleep(max(0.0, began_s + seconds - time.monotonic()))


def draw_all(prometheus: Prometheus, folder: Path, seconds: float) -> list[Path]:
    """Draw every dashboard as it is now; returns the pictures."""
    pictures = []
    for name in NAMES:
        panels = read_panels(name)
        answers = [
            [(query, ask(prometheus, query, DOOR, seconds, seconds / 200, "20s")) for query in panel.queries]
            for panel in panels
        ]
        pictures.append(folder / f"dashboard-{name.removesuffix('.json')}.webp")
        title = "posestream / overview" if "overview" in name else f"posestream / one camera: {DOOR}"
        draw(pictures[-1], title, panels, answers)
    return pictures


if __name__ == "__main__":
    main()
