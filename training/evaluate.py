"""`python -m training evaluate`: a network's accuracy on a data set, through the worker's own stages.

The one evaluation that there is: the model card, the comparison of INT8 with floating point and the tests use it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field
from rich.console import Console
from rich.progress import track

from posestream.broker import Frame, Token
from posestream.cli.console import table_console
from posestream.errors import ConfigurationError
from posestream.image import ImageLimits
from posestream.keys import FrameId
from posestream.messages import Distortion, Extrinsics, FrameMeta, Intrinsics, Person, Policy, encode_meta
from posestream.service.metrics import WorkerMetrics
from posestream.service.settings import Settings, load
from producer.encode import Encoder
from training.accuracy import ROWS, Accuracy
from training.cards import check_card, markdown, rewrite, table
from training.outputs import check_file, check_folder
from training.panoptic import list_frames, read_frames
from training.report import spatial_json, spatial_tables, write_report
from training.samples import HeldOut
from training.scenes import HELD_OUT_FRAMES, held_out_frame, held_out_plan
from training.spatial import Spatial
from workers.model.files import sha256_of
from workers.networks import DEMO_NETWORK
from workers.pose.cpus import usable_cpus
from workers.pose.device import Precision
from workers.pose.frame import FrameProcessor
from workers.pose.network import Inferencer, Maps, NetworkOptions, PoseNetwork
from workers.pose.picture import Pixels
from workers.pose.placing import Placing

PROGRAM: Final = "python -m training evaluate"
JPEG_QUALITY: Final = 90
ALL_FRAMES: Final = "all"

OnFrame = Callable[["Worker", HeldOut, tuple[Person, ...]], None]


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
    """Return what `measure` does for each of several networks; every frame is drawn once for all of them."""
    workers = list[Worker]()
    measured = [{ALL_FRAMES: Accuracy()} for _ in networks]
    try:
        for model, precision in networks:
            workers.append(Worker(model, precision))
        for frame in frames:
            for place, (worker, by_kind) in enumerate(zip(workers, measured, strict=True)):
                px_scale = ROWS / frame.image.shape[0]
                people = worker.people(frame.image, frame.intrinsics, frame.distortion, frame.extrinsics)
                for told in on_frame[place : place + 1]:
                    told(worker, frame, people)
                for kind in (ALL_FRAMES, *frame.kinds):
                    by_kind.setdefault(kind, Accuracy()).add(frame.truth, people, px_scale, frame.known)
    finally:
        for worker in workers:
            worker.close()
    return [{ALL_FRAMES: by_kind.pop(ALL_FRAMES)} | dict(sorted(by_kind.items())) for by_kind in measured]


class Worker:
    """What becomes of one frame between producer and tracker, without a server: encode, decode, infer, decode poses."""

    def __init__(self, model: Path, precision: Precision = "f32", placing: Placing = Placing.FIT) -> None:
        options = NetworkOptions(device="CPU", threads=usable_cpus(), precision=precision, cache=None, limit=4)
        self._limits = ImageLimits()
        self._encoder = Encoder(self._limits, max_side=None, quality=JPEG_QUALITY)
        self._network = PoseNetwork(model, options)
        stages = WorkerMetrics().stages
        inferencer = _OnceForEach(self._network)
        self._processor, self._reference = (
            FrameProcessor(self._network, self._limits, stages, method, inferencer)
            for method in (placing, Placing.REFERENCE)
        )

    def people(
        self,
        image: npt.NDArray[np.uint8],
        intrinsics: Intrinsics,
        distortion: Distortion | None = None,
        extrinsics: Extrinsics | None = None,
    ) -> tuple[Person, ...]:
        """Return the people that the worker finds on a BGR image `(H, W, 3)` of a calibrated camera."""
        meta = FrameMeta(intrinsics=intrinsics, distortion=distortion, extrinsics=extrinsics)
        return self._processed(self._processor, image, meta)

    def people_as_open_model_zoo(self, image: npt.NDArray[np.uint8], fx: float) -> tuple[Person, ...]:
        """Return them as that tool places them: the reference's way, with one focal length about the image's centre."""
        height, width = image.shape[:2]
        meta = FrameMeta(intrinsics=Intrinsics(fx, fx, width / 2, height / 2, calibrated=True))
        return self._processed(self._reference, image, meta)

    def _processed(
        self, processor: FrameProcessor, image: npt.NDArray[np.uint8], meta: FrameMeta
    ) -> tuple[Person, ...]:
        encoded = self._encoder.encode(image)
        frame = Frame(encoded.image, encode_meta(replace(meta, source_wh=encoded.source_wh)))
        token = Token("0-1", "held-out", FrameId(1), seq=1, policy=Policy.LOSSLESS, expires_ms=0)
        return processor.process(token, frame).people

    def close(self) -> None:
        """Stop what the network has running."""
        self._network.close()


class _OnceForEach(Inferencer):
    """Infers once for the same pixels, however often in a row it is asked: a frame's people are placed in two ways."""

    _last: tuple[Pixels, Maps] | None = None

    def infer(self, pixels: Pixels) -> Maps:
        if self._last is None or not np.array_equal(self._last[0], pixels):
            self._last = (pixels, super().infer(pixels))
        return self._last[1]


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
