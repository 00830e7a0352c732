"""`posestream record`: write poses to a file as they come."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import CliPositionalArg
from rich.console import Console

from posestream.cli.recording_progress import RecordingProgress, progress_for, size_text
from posestream.errors import ConfigurationError, RecordingError
from posestream.export.parquet import check_parquet
from posestream.messages import PoseFrame
from posestream.recording.file import SUFFIX, read_recording
from posestream.recording.limits import Limits
from posestream.recording.sinks import Sink, format_of, open_sink
from posestream.recording.tally import Tally, counted
from posestream.service.process import StopSignal
from posestream.service.settings import ConnectionSettings, load
from posestream.subscriber import Event, Position, Start, Subscription, subscribe
from posestream.units import duration_s, size_bytes

_PAUSE_S = 0.05


def _checked_duration(text: str) -> str:
    duration_s(text)
    return text


def _checked_size(text: str) -> str:
    size_bytes(text)
    return text


class RecordSettings(ConnectionSettings):
    """Write poses to a file as they come, until Ctrl-C or a limit. The file is whole at any time but for a second."""

    output: CliPositionalArg[Path]
    """File to write: .poses (compact; to replay and export), .jsonl or .parquet."""
    camera: list[str] = Field(default_factory=list)
    """Only this camera; give it again for more. All, and new ones as they appear, without it."""
    start: str = "now"
    """now, beginning (all that is kept), how long ago (90s, 10m), a frame id or a time (2026-05-01T12:00)."""
    duration: Annotated[str, AfterValidator(_checked_duration)] = "0"
    """Stop after so long: 90s, 10m, 2h; 0 for never."""
    size: Annotated[str, AfterValidator(_checked_size)] = "0"
    """Stop when the file has this size: 500M, 2G; 0 for never. Of a Parquet file the recording counts that there is
    beside it until it is complete."""
    frames: int = Field(0, ge=0)
    """Stop after so many frames; 0 for never."""
    format: Literal["poses", "jsonl", "parquet"] | None = None
    """Format, where the file's name does not tell."""
    overwrite: bool = False
    """Replace the file if it is there."""
    resume: bool = False
    """Go on with a .poses file where it ends, with what has been published since."""


def main(argv: list[str]) -> int:
    """Record."""
    settings = load(RecordSettings, argv, program="posestream record", table="record")
    format_ = format_of(settings.output, settings.format)
    if format_ == "parquet":
        check_parquet()
    start = _start(settings, format_)
    limits = Limits(duration_s(settings.duration), size_bytes(settings.size), settings.frames)
    stop = StopSignal()
    stop.listen()
    with _subscribed(settings, start) as subscription:
        try:
            sink = open_sink(settings.output, format_, resume=settings.resume)
            summary = _record(subscription, sink, limits, stop, settings.output)
        except OSError as error:
            raise RecordingError(f"{settings.output}: {error.strerror or error}") from error
    print(summary)  # noqa: T201
    return 0


def _start(settings: RecordSettings, format_: str) -> Start:
    """Return where to begin, having made sure that no recording is lost."""
    if settings.resume:
        with read_recording(settings.output) as recording:
            return {frame.camera: Position(frame.id, frame.seq) for frame in recording}
    spool = settings.output.with_name(settings.output.name + SUFFIX)
    for path in (settings.output, *([spool] if format_ == "parquet" else [])):
        if path.exists() and not settings.overwrite:
            raise ConfigurationError(f"{path} is there already: give another name, --overwrite or --resume")
    return settings.start


def _subscribed(settings: RecordSettings, start: Start) -> Subscription[PoseFrame | Event]:
    return subscribe(
        settings.redis_url, cameras=settings.camera or None, start=start, events=True, prefix=settings.prefix
    )


def _record(
    subscription: Subscription[PoseFrame | Event], sink: Sink, limits: Limits, stop: StopSignal, path: Path
) -> str:
    """Record until asked to stop or a limit is reached; returns what to say at the end."""
    tally = Tally()
    began_s = time.monotonic()
    reached = None
    try:
        with progress_for(Console(stderr=True), limits, tally, sink) as progress:
            while reached is None and not stop.is_set():
                _take_one(subscription, sink, tally, progress, stop)
                reached = limits.reached(
                    seconds=time.monotonic() - began_s, size=sink.bytes, frames=tally.frames.total()
                )
    finally:
        sink.close()
    return _summary(tally, path, time.monotonic() - began_s, reached)


def _take_one(
    subscription: Subscription[PoseFrame | Event],
    sink: Sink,
    tally: Tally,
    progress: RecordingProgress,
    stop: StopSignal,
) -> None:
    item = subscription.take()
    progress.update()
    if item is None:
        sink.flush_if_due()
        stop.wait(_PAUSE_S)
        return
    tally.note(item)
    if isinstance(item, PoseFrame):
        sink.add(item)


def _summary(tally: Tally, path: Path, seconds: float, reached: str | None) -> str:
    frames, cameras = counted(tally.frames.total(), "frame"), counted(len(tally.frames), "camera")
    lines = [
        f"{frames} of {cameras} with {tally.people} people in {seconds:.1f} s: "
        f"{path}, {size_text(path.stat().st_size)}" + (f" ({reached} is reached)" if reached else ""),
        *tally.remarks(),
    ]
    if not tally.frames:
        print("nothing was published meanwhile; `posestream status` says who is there", file=sys.stderr)  # noqa: T201
    return "\n".join(lines)
