"""`python -m training evaluate`: a network's accuracy on a data set, through the worker's own stages."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pydantic import Field
from rich.console import Console
from rich.progress import track

from posestream.cli.console import table_console
from posestream.errors import ConfigurationError
from posestream.messages import Person
from posestream.service.settings import Settings, load
from training.accuracy import Accuracy
from training.cards import check_card, markdown, rewrite, table
from training.measuring import ALL_FRAMES, held_out, measure
from training.outputs import check_file, check_folder
from training.panoptic import list_frames, read_frames
from training.report import spatial_json, spatial_tables, write_report
from training.samples import HeldOut
from training.scenes import HELD_OUT_FRAMES
from training.spatial import Spatial
from training.worker import Worker
from workers.model.files import sha256_of
from workers.networks import DEMO_NETWORK
from workers.pose.device import Precision

PROGRAM: Final = "python -m training evaluate"


class EvaluateSettings(Settings):
    """Measure a network's accuracy: by the rules of training/ACCURACY.md, and by the measures that others use."""

    model: Path = DEMO_NETWORK
    """The network: an OpenVINO IR (.xml beside its .bin)."""
    precision: Precision = "f32"
    """What to compute in, as the worker's setting of the same name; what is INT8 in a network stays it."""
    data: Path | None = None
    """Folder with CMU Panoptic as published (hdImgs, hdPose3d_stage1_coco19, calibration), or with several of its
    sequences; by default the held-out synthetic frames."""
    frames: int = Field(HELD_OUT_FRAMES, ge=1)
    """How many frames to measure on at most, from the first on; there are 600 held-out ones."""
    every: int = Field(1, ge=1)
    """Take every n-th picture of each camera of a data set."""
    report: Path | None = None
    """Folder to write a report to, with pictures of the frames that went worst."""
    json_file: Path | None = Field(None, alias="json")
    """File to write the figures to, as JSON."""
    card: Path | None = None
    """Model card to write the figures into, between its markers."""


def main(argv: list[str]) -> int:
    """Measure, print, and write what was asked for."""
    settings = load(EvaluateSettings, argv, program=PROGRAM, table="training")
    if settings.card is not None and settings.data is not None:
        raise ConfigurationError("--card takes the held-out frames' figures: leave --data out")
    check_card(settings.card)
    check_file(settings.json_file, "--json")
    check_folder(settings.report, "--report")
    frames, count, of_what = _frames(settings)
    spatial = Spatial()
    shown = track(frames, "measuring", count, console=Console(stderr=True), transient=True)

    def add(worker: Worker, frame: HeldOut, people: tuple[Person, ...]) -> None:
        spatial.add(frame, people, worker.people_as_open_model_zoo(frame.image, frame.intrinsics.fx))

    measured = measure(shown, settings.model, settings.precision, add)
    digest = sha256_of(settings.model.with_suffix(".bin"))
    title = f"{settings.model} on {count} {of_what} frames"
    console = table_console()
    console.print(table(measured, title))
    for further in spatial_tables(spatial):
        console.print()
        console.print(further)
    if settings.json_file is not None:
        content = _as_json(measured, digest) | {"spatial": spatial_json(spatial)}
        settings.json_file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if settings.report is not None:
        write_report(settings.report, title, measured, spatial)
    if settings.card is not None:
        rewrite(settings.card, markdown(measured, _remarks(count, settings.precision, digest)))
    return 0


def _frames(settings: EvaluateSettings) -> tuple[Iterable[HeldOut], int, str]:
    """Return the frames asked for, how many they are, and what they are called."""
    if settings.data is not None:
        listed = list_frames(settings.data, settings.every)[: settings.frames]
        return read_frames(listed), len(listed), str(settings.data)
    count = min(settings.frames, HELD_OUT_FRAMES)
    return (held_out(number) for number in range(count)), count, "held-out"


def _as_json(measured: dict[str, Accuracy], digest: str) -> dict[str, Any]:
    figures = {kind: accuracy.as_dict() for kind, accuracy in measured.items()}
    return {"model_sha256": digest, "all": figures.pop(ALL_FRAMES), "kinds": figures}


def _remarks(frames: int, precision: Precision, digest: str) -> list[str]:
    return [
        f"Measured on {frames} held-out frames of 1280 x 720 by the rules of `training/ACCURACY.md`, which",
        "says what each figure means; pixels are those of an image of 448 x 256. Computed in "
        f"{precision}, but for what is INT8 in the network. The weights' SHA-256 is",
        f"`{digest}`.",
    ]
