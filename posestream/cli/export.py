"""`posestream export`: a recording in the format of another tool."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

from pydantic import Field
from pydantic_settings import CliPositionalArg
from rich.console import Console
from rich.progress import Progress

from posestream.errors import ConfigurationError, RecordingError
from posestream.export.c3d import check_c3d, write_c3d
from posestream.export.motion import Motion, Space, Up, coordinates_named, motions
from posestream.export.parquet import check_parquet, write_parquet
from posestream.export.text import write_csv, write_jsonl
from posestream.export.trc import write_trc
from posestream.frames import PoseFrame
from posestream.recording.file import Recording, read_recording
from posestream.recording.survey import Survey, survey
from posestream.recording.tally import counted
from posestream.service.settings import Settings, load

FORMATS: Final = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".trc": "trc", ".c3d": "c3d"}

_MOTIONS: Final = ("trc", "c3d")
_MEANT_FOR: Final = dict.fromkeys(("space", "raw"), ("csv", *_MOTIONS)) | dict.fromkeys(
    ("up", "rate", "shortest"), _MOTIONS
)


class ExportSettings(Settings):
    """Write a recording as CSV or Parquet (a row per person and frame), JSON Lines, TRC or C3D (a file per person)."""

    recording: CliPositionalArg[Path]
    """Recording of `posestream record`, .poses."""
    output: CliPositionalArg[Path]
    """File to write: .csv, .parquet, .jsonl, .trc or .c3d. TRC and C3D have a file for each person; -CAMERA-ID is put
    before the ending, unless there is one person only."""
    format: Literal["csv", "parquet", "jsonl", "trc", "c3d"] | None = None
    """Format, where the file's name does not tell."""
    camera: list[str] = Field(default_factory=list)
    """Only this camera; give it again for more."""
    person: list[int] = Field(default_factory=list)
    """Only the person with this track id; give it again for more."""
    space: Space = "auto"
    """CSV, TRC and C3D: coordinates in the camera's axes or the world's; auto is the world where it is known. (A CSV
    file has columns of both where it is known for some frames only.)"""
    raw: bool = False
    """CSV, TRC and C3D: joints as decoded frame by frame, rather than smoothed along the track."""
    up: Up | None = None
    """TRC and C3D: the axis that points up. TRC has y, as OpenSim, C3D has z, as motion capture."""
    rate: float | None = Field(None, gt=0, le=1000)
    """TRC and C3D: samples a second; the camera's own rate without it."""
    shortest: float = Field(0.5, ge=0)
    """TRC and C3D: leave out who was there for less than so many seconds."""
    overwrite: bool = False
    """Replace files that are there."""


def main(argv: list[str]) -> int:
    """Export."""
    settings = load(ExportSettings, argv, program="posestream export", table="export")
    format_ = settings.format or FORMATS.get(settings.output.suffix.lower())
    if format_ is None:
        raise ConfigurationError(f"{settings.output}: end the name in {', '.join(FORMATS)}, or give --format")
    _check_meant(settings, format_)
    {"parquet": check_parquet, "c3d": check_c3d}.get(format_, lambda: None)()
    with read_recording(settings.recording) as recording:
        try:
            lines = _export(settings, format_, recording)
        except OSError as error:
            raise RecordingError(f"{settings.output}: {error.strerror or error}") from error
        if recording.cut:
            lines.append(f"{settings.recording} was cut off; all that is whole in it has been exported")
    print("\n".join(lines))  # noqa: T201
    return 0


def _check_meant(settings: ExportSettings, format_: str) -> None:
    for name, formats in _MEANT_FOR.items():
        if name in settings.model_fields_set and format_ not in formats:
            raise ConfigurationError(f"--{name} is for {', '.join(formats)}; {format_} has no use for it")


def _export(settings: ExportSettings, format_: str, recording: Recording) -> list[str]:
    # A camera that is not there is told before anything is written; a CSV file's columns go by all that is in it.
    found = survey(settings.recording, settings.camera) if settings.camera or format_ == "csv" else Survey()
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        frames = _chosen(settings, _shown(recording, progress))
        if format_ in _MOTIONS:
            everybody = motions(frames, space=settings.space, raw=settings.raw, rate_hz=settings.rate)
            return _write_motions(settings, format_, everybody)
        _check_free(settings, settings.output)
        if format_ == "csv":
            return _write_csv(settings, found, frames)
        count = (write_parquet if format_ == "parquet" else write_jsonl)(frames, settings.output)
    return [f"{settings.output}: {count} frames"]


def _write_csv(settings: ExportSettings, found: Survey, frames: Iterator[PoseFrame]) -> list[str]:
    names = tuple(coordinates_named(space, raw=settings.raw) for space in _spaces(settings, found))
    count, without = write_csv(frames, settings.output, names)
    lines = [f"{settings.output}: {count} frames"]
    if without:
        reasons = [] if settings.raw else ["who were not tracked (--raw has them)"]
        reasons += ["whose camera had no known place (--space camera has them)"] if settings.space == "world" else []
        lines.append(f"{counted(without, 'row')} without metres, of people {' or '.join(reasons)}")
    return lines


def _spaces(settings: ExportSettings, found: Survey) -> tuple[str, ...]:
    """Return the spaces of which a CSV table has columns; every frame has coordinates in one of them unless told."""
    if settings.space != "auto":
        return (settings.space,)
    placed, frames = found.placed.total(), found.frames.total()
    return ("camera",) if not placed else ("world",) if placed == frames else ("camera", "world")


# Motions --------------------------------------------------------------------------------------------------------------


def _write_motions(settings: ExportSettings, format_: str, everybody: list[Motion]) -> list[str]:
    chosen = [motion for motion in everybody if motion.seconds and motion.seconds >= settings.shortest]
    left_out = _left_out(settings, everybody)
    if not chosen:
        told = "".join(f"; {line}" for line in left_out)
        raise ConfigurationError(
            f"{settings.recording}: it holds nobody to export with a track id that was asked for{told}"
        )
    write: Callable[[Motion, Path, Up], None] = write_trc if format_ == "trc" else write_c3d
    up: Up = settings.up or ("y" if format_ == "trc" else "z")
    paths = [settings.output] if len(chosen) == 1 else [_path_of(settings.output, motion) for motion in chosen]
    for path in paths:
        _check_free(settings, path)
    lines = []
    for motion, path in zip(chosen, paths, strict=True):
        write(motion, path, up)
        lines += _described(motion, path, up)
    return lines + left_out


def _described(motion: Motion, path: Path, up: Up) -> list[str]:
    """Return what to say of a file that has been written."""
    whose = f"person {motion.person} before {motion.camera}"
    lines = [
        f"{path}: {whose}, {len(motion.joints_m)} samples at {motion.rate_hz:g} Hz, "
        f"millimetres in the {motion.space}'s axes with {up} up"
    ]
    if motion.went_back:
        lines.append(f"{whose}: {counted(motion.went_back, 'frame')} left out, before which the clock had gone back")
    if motion.without_place:
        lines.append(f"{whose}: {counted(motion.without_place, 'frame')} left out without {motion.space} coordinates")
    return lines


def _left_out(settings: ExportSettings, everybody: list[Motion]) -> list[str]:
    """Return what to say of those of whom there is no file."""
    nowhere = sum(not motion.seconds for motion in everybody)
    short = sum(0 < motion.seconds < settings.shortest for motion in everybody)
    lines = []
    if nowhere:
        lines.append(f"{nowhere} left out, who have no {settings.space} coordinates")
    if short:
        lines.append(f"{short} left out, who were there for less than {settings.shortest:g} s")
    return lines


def _path_of(output: Path, motion: Motion) -> Path:
    # A camera's name may hold what a file's may not; two names never become the same.
    camera = re.sub(r"[^\w.-]", lambda match: f"%{ord(match[0]):02X}", motion.camera)
    return output.with_name(f"{output.stem}-{camera}-{motion.person}{output.suffix}")


def _check_free(settings: ExportSettings, path: Path) -> None:
    if path.exists() and path.samefile(settings.recording):
        raise ConfigurationError(f"{path} is the recording itself: give another name")
    if path.exists() and not settings.overwrite:
        raise ConfigurationError(f"{path} is there already: give another name, or --overwrite")


def _chosen(settings: ExportSettings, frames: Iterator[PoseFrame]) -> Iterator[PoseFrame]:
    for frame in frames:
        if not settings.camera or frame.camera in settings.camera:
            people = (person for person in frame.people if not settings.person or person.id in settings.person)
            yield replace(frame, people=tuple(people))


def _shown(recording: Recording, progress: Progress) -> Iterator[PoseFrame]:
    """Yield the frames, and show how far the recording has been read."""
    task = progress.add_task(recording.path.name, total=recording.total_bytes)
    for frame in recording:
        progress.update(task, completed=recording.read_bytes)
        yield frame
