"""How well people are followed: id switches and jitter on synthetic video, beside the reference's method.

`python -m tests.benchmarks.tracking`. The demo network looks at synthetic scenes through the worker's own stages; both
methods get the same people. A switch is counted when somebody (of the truth) has another id than when last found.
Jitter is the mean length of the second difference of a joint's error from frame to frame, which is 0 for an error
that stays the same or grows evenly; error is the mean distance from the truth (MPJPE), absolute and with the pelvises
on each other; bones is the standard deviation of a bone's length along a track. All are in millimetres, in space, for
the joints of each frame, smoothed, and smoothed with bones of a constant length (`--bones` of the tracker).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from posestream.cli.console import table_console
from posestream.messages import Person
from posestream.skeleton import PELVIS
from producer.synthetic.options import SceneOptions
from producer.synthetic.truth import Truth
from producer.synthetic.view import SyntheticView
from tests.unit.workers.track.reference import ReferenceTracks
from training.accuracy import ROWS, match
from training.worker import Worker
from workers.networks import DEMO_NETWORK
from workers.track.bones import bone_lengths
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


def qualities_mm(frames: Sequence[Seen], joints_m: Sequence[Sequence[np.ndarray]]) -> tuple[float, ...]:
    """Return jitter, error, root-relative error and spread of bones."""
    errors: dict[int, dict[int, np.ndarray]] = {}
    bones: dict[int, list[np.ndarray]] = {}
    for number, (seen, given) in enumerate(zip(frames, joints_m, strict=True)):
        for found, true in seen.who.items():
            errors.setdefault(true, {})[number] = given[found] - seen.truth.joints_m[true]
            bones.setdefault(true, []).append(bone_lengths(given[found][None])[0])
    jitters = [
        np.linalg.norm(each[number] - 2 * each[number - 1] + each[number - 2], axis=1).mean()
        for each in errors.values()
        for number in each
        if number - 1 in each and number - 2 in each
    ]
    all_errors = np.array([error for each in errors.values() for error in each.values()])
    relative = all_errors - all_errors[:, PELVIS, None]
    figures = (
        np.mean(jitters),
        np.linalg.norm(all_errors, axis=2).mean(),
        np.linalg.norm(relative, axis=2).mean(),
        np.mean([np.std(each, axis=0).mean() for each in bones.values()]),
    )
    return tuple(1000 * float(figure) for figure in figures)


def main() -> None:
    worker = Worker(DEMO_NETWORK)
    table = Table(
        "people",
        "found",
        "id switches per minute\nours / reference",
        *(
            f"{what}, mm\nraw / smooth / bones"
            for what in ("jitter", "error", "root-relative error", "spread of bones")
        ),
        title=f"following people, {SECONDS} s at {FPS} frames/s each",
    )
    for options in SCENES:
        frames = look(worker, options)
        ours, steady, reference = (
            CameraTracks(TrackOptions()),
            CameraTracks(TrackOptions(bones=True)),
            ReferenceTracks(),
        )
        times_ms = [round(1000 * index / FPS) for index in range(len(frames))]
        followed, boned = (
            [tracks.update(time_ms, seen.people) for time_ms, seen in zip(times_ms, frames, strict=True)]
            for tracks in (ours, steady)
        )
        given = [[person.id for person in people] for people in followed]
        theirs = [reference.update(seen.people) for seen in frames]
        variants = (
            [[person.joints_m for person in people] for people in followed],
            [[person.smooth_m for person in people] for people in followed],
            [[person.smooth_m for person in people] for people in boned],
        )
        qualities = zip(*(qualities_mm(frames, joints_m) for joints_m in variants), strict=True)  # type: ignore[arg-type]
        minutes = SECONDS / 60
        table.add_row(
            str(options.people),
            f"{sum(len(seen.who) for seen in frames) / (len(frames) * options.people):.1%}",
            f"{switches(frames, given) / minutes:.1f} / {switches(frames, theirs) / minutes:.1f}",
            *(" / ".join(f"{value:.0f}" for value in values) for values in qualities),
        )
    worker.close()
    table_console().print(table)


if __name__ == "__main__":
    main()
