"""How accurate networks are on frames whose truth is known.

The one measurement that there is: `python -m training evaluate`, the comparison of INT8 with floating point and the
tests use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from posestream.messages import Person
from training.accuracy import ROWS, Accuracy
from training.samples import HeldOut
from training.scenes import held_out_frame, held_out_plan
from training.worker import Worker
from workers.pose.device import Precision

ALL_FRAMES: Final = "all"

OnFrame = Callable[[Worker, HeldOut, tuple[Person, ...]], None]


def held_out(number: int) -> HeldOut:
    """Draw a held-out frame."""
    image, truth, intrinsics = held_out_frame(number)
    people, situation = held_out_plan(number)
    how_many = ("1 person" if people == 1 else f"{people} people",) if people else ()
    return HeldOut(image, truth, intrinsics, (str(situation), *how_many), name=f"held-out frame {number}")


def measure(
    frames: Iterable[HeldOut],
    model: Path,
    precision: Precision = "f32",
    on_frame: OnFrame = lambda worker, frame, people: None,
) -> dict[str, Accuracy]:
    """Return the accuracy of a network on all of the frames, and then on each kind of them in the order of the names.

    `on_frame` gets the worker, and every frame with the people found in it.

    Raises:
        ModelError: there is no network in that file, or none that fits.
        ConfigurationError: this machine's CPU does not compute in that precision.
    """
    return measure_side_by_side(frames, [(model, precision)], [on_frame])[0]


def measure_side_by_side(
    frames: Iterable[HeldOut],
    networks: Sequence[tuple[Path, Precision]],
    on_frame: Sequence[OnFrame] = (),
) -> list[dict[str, Accuracy]]:
    """Return what `measure` does for each of several networks, each with its own `on_frame`, or none with any.

    Every frame is drawn once for all of them.
    """
    workers = list[Worker]()
    measured = [{ALL_FRAMES: Accuracy()} for _ in networks]
    try:
        for model, precision in networks:
            workers.append(Worker(model, precision))
        for frame in frames:
            for place, (worker, by_kind) in enumerate(zip(workers, measured, strict=True)):
                px_scale = ROWS / frame.image.shape[0]
                people = worker.people(frame.image, frame.intrinsics, frame.distortion, frame.extrinsics)
                if on_frame:
                    on_frame[place](worker, frame, people)
                for kind in (ALL_FRAMES, *frame.kinds):
                    by_kind.setdefault(kind, Accuracy()).add(frame.truth, people, px_scale, frame.known)
    finally:
        for worker in workers:
            worker.close()
    return [{ALL_FRAMES: by_kind.pop(ALL_FRAMES)} | dict(sorted(by_kind.items())) for by_kind in measured]
