"""How well people are followed: id switches and jitter on synthetic video, beside the reference's method.

`python -m tests.benchmarks.tracking`. The demo network looks at synthetic scenes through the worker's own stages; both
methods get the same people. A switch is counted when somebody (of the truth) has another id than when last found.
Jitter is the mean length of the second difference of a joint's error from frame to frame, which is 0 for an error
that stays the same or grows evenly; error is the mean distance from the truth, both in millimetres, in space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from posestream.messages import Person
from producer.synthetic.options import SceneOptions
from producer.synthetic.truth import Truth
from producer.synthetic.view import SyntheticView
from tests.unit.workers.track.reference import ReferenceTracks
from training.accuracy import ROWS, match
from training.evaluate import Worker
from workers.networks import DEMO_NETWORK
from workers.track.tracks import CameraTracks, TrackOptions

SECONDS = 40
FPS = 15
SCENES = [SceneOptions(people=people, seed=seed, fps=FPS) for people, seed in ((2, 201), (3, 202), (4, 203), (5, 204))]


@dataclass(frozen=True)
class Seen:
    """One frame: the truth, who was found, and whom (index into the truth) each of them is."""

    truth: Truth
    people: tuple[Person, ...]
    who: dict[int, int]


def look(worker: Worker, options: SceneOptions) -> list[Seen]:
    view = SyntheticView(options)
    seen = []
    for index in track(range(SECONDS * FPS), f"{options.people} people", console=Console(stderr=True), transient=True):
        truth, people = view.truth(index), worker.people(view.image(index), view.intrinsics)
        pairs = match(truth, people, ROWS / options.size[1])
        seen.append(Seen(truth, people, {found: true for true, found in pairs}))
    return seen


def switches(frames: Sequence[Seen], ids: Sequence[Sequence[int | None]]) -> int:
    last: dict[int, int | None] = {}
    count = 0
    for seen, given in zip(frames, ids, strict=True):
        for found, true in seen.who.items():
            count += last.get(true, given[found]) != given[found]
            last[true] = given[found]
    return count


def jitter_and_error_mm(frames: Sequence[Seen], joints_m: Sequence[Sequence[np.ndarray]]) -> tuple[float, float]:
    errors: dict[int, dict[int, np.ndarray]] = {}
    for number, (seen, given) in enumerate(zip(frames, joints_m, strict=True)):
        for found, true in seen.who.items():
            errors.setdefault(true, {})[number] = given[found] - seen.truth.joints_m[true]
    jitters = [
        np.linalg.norm(each[number] - 2 * each[number - 1] + each[number - 2], axis=1).mean()
        for each in errors.values()
        for number in each
        if number - 1 in each and number - 2 in each
    ]
    distances = [np.linalg.norm(error, axis=1).mean() for each in errors.values() for error in each.values()]
    return 1000 * float(np.mean(jitters)), 1000 * float(np.mean(distances))


def main() -> None:
    worker = Worker(DEMO_NETWORK)
    table = Table(
        "people",
        "found",
        "id switches per minute\nours / reference",
        "jitter, mm\nraw / smooth",
        "error, mm\nraw / smooth",
        title=f"following people, {SECONDS} s at {FPS} frames/s each",
    )
    for options in SCENES:
        frames = look(worker, options)
        ours, reference = CameraTracks(TrackOptions()), ReferenceTracks()
        followed = [ours.update(round(1000 * index / FPS), seen.people) for index, seen in enumerate(frames)]
        given = [[person.id for person in people] for people in followed]
        theirs = [reference.update(seen.people) for seen in frames]
        raw = jitter_and_error_mm(frames, [[person.joints_m for person in people] for people in followed])
        smooth = jitter_and_error_mm(frames, [[person.smooth_m for person in people] for people in followed])  # type: ignore[misc]
        minutes = SECONDS / 60
        table.add_row(
            str(options.people),
            f"{sum(len(seen.who) for seen in frames) / (len(frames) * options.people):.1%}",
            f"{switches(frames, given) / minutes:.1f} / {switches(frames, theirs) / minutes:.1f}",
            f"{raw[0]:.0f} / {smooth[0]:.0f}",
            f"{raw[1]:.0f} / {smooth[1]:.0f}",
        )
    worker.close()
    Console().print(table)


if __name__ == "__main__":
    main()
