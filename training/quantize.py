"""`python -m training quantize`: a network in INT8, measured against the one that it is made from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import openvino
from pydantic import Field
from rich.console import Console
from rich.progress import track

from posestream.cli.console import table_console
from posestream.errors import ConfigurationError, ModelError
from posestream.service.settings import Settings, load
from training.accuracy import Accuracy
from training.cards import check_card, rewrite
from training.measuring import ALL_FRAMES, held_out, measure_side_by_side
from training.outputs import check_file
from training.quantize_agreement import agreement
from training.quantize_frames import calibration_frames
from training.quantize_network import INT8, PROGRAM, in_int8, input_pixels, load_nncf, quantize, read_float, write_int8
from training.quantize_report import FLOAT, Report
from training.quantize_search import outputs_error, what_hurts
from training.quantize_speed import frames_per_s
from training.quantize_verdict import can_be_judged, objections
from training.scenes import HELD_OUT_FRAMES
from workers.model.files import sha256_of, staging_folder
from workers.networks import TRAINED_NETWORK
from workers.pose.device import Precision, precisions_of
from workers.pose.picture import Pixels

__all__ = ["main", "quantize"]

BEGIN: Final = "<!-- precision: written by python -m training quantize -->"
END: Final = "<!-- end of precision -->"

_FEW: Final = 10
"""Calibration frames that tell how far outputs are off, and which convolutions are to blame."""

_COMPARED: Final = 6
"""Every sixth frame of the source is not calibrated with."""

T = TypeVar("T")


class QuantizeSettings(Settings):
    """Make a network INT8, and measure it against the one that it is made from, on the held-out frames."""

    model: Path = TRAINED_NETWORK
    """The network: an OpenVINO IR (.xml beside its .bin) in floating point."""
    source: str = "synthetic:?people=3&frames=300"
    """Where calibration frames come from, as for `python -m producer run`: a video, a folder of images, a camera or
    synthetic people. What the cameras will see is best."""
    calibration: int = Field(300, ge=1, le=5000)
    """Frames to take from the source at most, spread over it where its length is known. Of every six, five are for
    calibration, and on the sixth the two networks are compared."""
    output: Path | None = None
    """File (.xml) to write, its weights (.bin) beside it; by default the model's name with -int8."""
    replace: bool = False
    """Replace the output if it exists; done only when hardly any accuracy is lost."""
    tries: int = Field(4, ge=0, le=8)
    """When too much accuracy is lost: how often to try again with what hurts in floating point, first the worst
    convolution alone, then twice as many each time."""
    frames: int = Field(HELD_OUT_FRAMES, ge=1, le=HELD_OUT_FRAMES)
    """How many of the held-out frames to measure on, from the first on."""
    json_file: Path | None = Field(None, alias="json")
    """File to write the figures to, as JSON."""
    card: Path | None = None
    """Model card to write the figures into, between its markers."""

    @property
    def written(self) -> Path:
        """The file that `output` means."""
        return self.output or self.model.with_name(f"{self.model.stem}-int8.xml")


@dataclass(frozen=True, slots=True)
class Job:
    """A network to quantise into a file, and what to do it with."""

    settings: QuantizeSettings
    network: openvino.Model
    pixels: Sequence[Pixels] = field(repr=False)
    others: Sequence[Pixels] = field(repr=False)
    file: Path


def main(argv: list[str]) -> int:
    """Calibrate, measure, search if need be, tell, and put the network in its place."""
    settings = load(QuantizeSettings, argv, program=PROGRAM, table="training")
    load_nncf()
    output = settings.written
    network = read_float(settings.model)
    _check(settings)
    pixels, others = _read_source(settings)
    with staging_folder(output) as staging:
        job = Job(settings, network, pixels, others, staging / output.name)
        report = _report(job)
        report.tell(table_console())
        if settings.json_file is not None:
            settings.json_file.write_text(json.dumps(report.as_dict(), indent=2) + "\n", encoding="utf-8")
        _put_in_place(job.file, output, report.against)
    if settings.card is not None:
        rewrite(settings.card, report.markdown(), BEGIN, END)
    table_console().print(f"written: {output}", highlight=False)
    return 0


def _check(settings: QuantizeSettings) -> None:
    output = settings.written
    check_file(settings.json_file, "--json")
    check_card(settings.card, BEGIN, END)
    if output.suffix != ".xml":
        raise ConfigurationError(f"output {output}: give a name that ends in .xml")
    if output.exists() and output.samefile(settings.model):
        raise ConfigurationError(
            f"output {output} is the network to quantise, which is still needed; give another file"
        )
    if output.exists() and not settings.replace:
        raise ConfigurationError(
            f"output {output} exists: say --replace to replace it, if hardly any accuracy is lost, or give another file"
        )


def _read_source(settings: QuantizeSettings) -> tuple[list[Pixels], list[Pixels]]:
    """Return inputs `(1, 256, W, 3)` to calibrate with, and images `(H, W, 3)` of the same source to compare on."""
    pixels, others = list[Pixels](), list[Pixels]()
    frames = calibration_frames(settings.source, settings.calibration)
    for index, frame in enumerate(_shown(frames, "reading frames", settings.calibration), start=1):
        if index % _COMPARED == 0:
            others.append(frame)
        else:
            pixels.append(input_pixels(frame))
    return pixels, others


def _report(job: Job) -> Report:
    """Quantise, and find out all about it."""
    kept, accuracy = _within_bounds(job)
    return Report(
        model=str(job.settings.model),
        sha256=sha256_of(job.file.with_suffix(".bin")),
        source=(job.settings.source, len(job.pixels)),
        kept=kept,
        accuracy=accuracy,
        agreement=agreement(_shown(job.others, "comparing", len(job.others)), job.settings.model, job.file),
        frames_per_s=frames_per_s(_networks(job)),
        outputs_error=outputs_error(job.network, openvino.Core().read_model(job.file), job.pixels[:_FEW]),
    )


def _within_bounds(job: Job) -> tuple[list[str], dict[str, Accuracy]]:
    """Quantise, again with more in floating point while too much is lost; returns what was kept, and the accuracies."""
    _write(job, [])
    accuracy = _measured(job, list(_networks(job)))
    against = objections(accuracy[FLOAT], accuracy[INT8])
    if not against or not job.settings.tries or not can_be_judged(accuracy[FLOAT]):
        return [], accuracy
    with Console(stderr=True).status("looking for what INT8 hurts most; takes minutes"):
        worst_first = what_hurts(job.network, job.pixels[:_FEW])
    for attempt in range(job.settings.tries):
        kept = worst_first[: 2**attempt]
        _say(f"too much is lost ({'; '.join(against)}): once more with {len(kept)} in floating point")
        _write(job, kept)
        accuracy |= _measured(job, [INT8])
        against = objections(accuracy[FLOAT], accuracy[INT8])
        if not against:
            break
    return kept, accuracy


def _write(job: Job, keep: Sequence[str]) -> None:
    with Console(stderr=True).status("quantising"):
        write_int8(in_int8(job.network, job.pixels, keep), job.file, job.network, job.settings.model)


def _networks(job: Job) -> dict[str, tuple[Path, Precision]]:
    """Return the networks to compare: the one given in every precision that this CPU has, and the one made of it."""
    given: dict[str, tuple[Path, Precision]] = {
        precision: (job.settings.model, precision) for precision in precisions_of(openvino.Core(), "CPU")
    }
    return given | {INT8: (job.file, FLOAT)}


def _measured(job: Job, names: Sequence[str]) -> dict[str, Accuracy]:
    networks = _networks(job)
    frames = (held_out(number) for number in _shown(range(job.settings.frames), "measuring", job.settings.frames))
    measured = measure_side_by_side(frames, [networks[name] for name in names])
    return {name: by_kind[ALL_FRAMES] for name, by_kind in zip(names, measured, strict=True)}


def _put_in_place(file: Path, output: Path, against: Sequence[str]) -> None:
    """Move a network to where it is to be; one that is there already gives way only when nothing speaks against it."""
    if output.exists() and against:
        raise ModelError(
            f"{output} was not replaced: {'; '.join(against)}. Give frames like those that it is for (--source), more "
            "of them (--calibration) or more --tries; to see what it does, write it to another file (--output)"
        )
    # The .xml goes first and comes last: while it is missing nobody takes the pair for complete.
    output.unlink(missing_ok=True)
    for suffix in (".bin", ".xml"):
        os.replace(file.with_suffix(suffix), output.with_suffix(suffix))


def _shown(items: Iterable[T], what: str, total: int) -> Iterable[T]:
    return track(items, what, total=total, console=Console(stderr=True), transient=True)


def _say(what: str) -> None:
    Console(stderr=True).print(what, highlight=False)
