"""`python -m training evaluate`: a network's accuracy on the held-out frames, through the worker's own stages."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field
from rich.console import Console
from rich.progress import track

from posestream.broker import Frame, Token
from posestream.cli.console import table_console
from posestream.image import ImageLimits
from posestream.keys import FrameId
from posestream.messages import FrameMeta, Intrinsics, Person, Policy, encode_meta
from posestream.service.metrics import WorkerMetrics
from posestream.service.settings import Settings, load
from producer.encode import Encoder
from producer.synthetic.truth import Truth
from training.accuracy import ROWS, Accuracy
from training.cards import markdown, rewrite, table
from training.scenes import HELD_OUT_FRAMES, held_out_frame, held_out_plan
from workers.model.files import sha256_of
from workers.networks import DEMO_NETWORK
from workers.pose.cpus import usable_cpus
from workers.pose.frame import FrameProcessor
from workers.pose.network import NetworkOptions, PoseNetwork

PROGRAM: Final = "python -m training evaluate"
JPEG_QUALITY: Final = 90
ALL_FRAMES: Final = "all"


class EvaluateSettings(Settings):
    """Measure a network's accuracy on the held-out frames, by the rules of training/ACCURACY.md."""

    model: Path = DEMO_NETWORK
    """The network: an OpenVINO IR (.xml beside its .bin)."""
    frames: int = Field(HELD_OUT_FRAMES, ge=1, le=HELD_OUT_FRAMES)
    """How many of the held-out frames to measure on, from the first on."""
    json_file: Path | None = Field(None, alias="json")
    """File to write the figures to, as JSON."""
    card: Path | None = None
    """Model card to write the figures into, between its markers."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """A frame with its truth, and the kinds of frames that it belongs to."""

    image: npt.NDArray[np.uint8]
    truth: Truth
    intrinsics: Intrinsics
    kinds: tuple[str, ...]


def main(argv: list[str]) -> int:
    """Measure, print, and write what was asked for."""
    settings = load(EvaluateSettings, argv, program=PROGRAM, table="training")
    numbers = track(range(settings.frames), "measuring", console=Console(stderr=True), transient=True)
    measured = measure((held_out(number) for number in numbers), settings.model)
    digest = sha256_of(settings.model.with_suffix(".bin"))
    table_console().print(table(measured, f"{settings.model} on {settings.frames} held-out frames"))
    if settings.json_file is not None:
        settings.json_file.write_text(json.dumps(_as_json(measured, digest), indent=2) + "\n", encoding="utf-8")
    if settings.card is not None:
        rewrite(settings.card, markdown(measured, _remarks(settings, digest)))
    return 0


def held_out(number: int) -> HeldOut:
    """Draw a held-out frame."""
    image, truth, intrinsics = held_out_frame(number)
    people, situation = held_out_plan(number)
    how_many = ("1 person" if people == 1 else f"{people} people",) if people else ()
    return HeldOut(image, truth, intrinsics, (str(situation), *how_many))


def measure(frames: Iterable[HeldOut], model: Path) -> dict[str, Accuracy]:
    """Return the accuracy of a network on all of the frames, and then on each kind of them in the order of the names.

    Raises:
        ModelError: there is no network in that file, or none that fits.
    """
    worker = Worker(model)
    try:
        everything, by_kind = Accuracy(), dict[str, Accuracy]()
        for frame in frames:
            people = worker.people(frame.image, frame.intrinsics)
            for accuracy in (everything, *(by_kind.setdefault(kind, Accuracy()) for kind in frame.kinds)):
                accuracy.add(frame.truth, people, ROWS / frame.image.shape[0])
    finally:
        worker.close()
    return {ALL_FRAMES: everything} | dict(sorted(by_kind.items()))


class Worker:
    """What becomes of one frame between producer and tracker, without a server: encode, decode, infer, decode poses."""

    def __init__(self, model: Path) -> None:
        options = NetworkOptions(device="CPU", threads=usable_cpus(), precision="f32", cache=None, limit=4)
        self._limits = ImageLimits()
        self._encoder = Encoder(self._limits, max_side=None, quality=JPEG_QUALITY)
        self._network = PoseNetwork(model, options)
        self._processor = FrameProcessor(self._network, self._limits, WorkerMetrics().stages)

    def people(self, image: npt.NDArray[np.uint8], intrinsics: Intrinsics) -> tuple[Person, ...]:
        """Return the people that the worker finds on a BGR image `(H, W, 3)` of a calibrated camera."""
        encoded = self._encoder.encode(image)
        frame = Frame(encoded.image, encode_meta(FrameMeta(source_wh=encoded.source_wh, intrinsics=intrinsics)))
        token = Token("0-1", "held-out", FrameId(1), seq=1, policy=Policy.LOSSLESS, expires_ms=0)
        return self._processor.process(token, frame).people

    def close(self) -> None:
        """Stop what the network has running."""
        self._network.close()


def _as_json(measured: dict[str, Accuracy], digest: str) -> dict[str, Any]:
    figures = {kind: accuracy.as_dict() for kind, accuracy in measured.items()}
    return {"model_sha256": digest, "all": figures.pop(ALL_FRAMES), "kinds": figures}


def _remarks(settings: EvaluateSettings, digest: str) -> list[str]:
    return [
        f"Measured on {settings.frames} held-out frames of 1280 x 720 by the rules of `training/ACCURACY.md`, which",
        "says what each figure means; pixels are those of an image of 448 x 256. The weights' SHA-256 is",
        f"`{digest}`.",
    ]
