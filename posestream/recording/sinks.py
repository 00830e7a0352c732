"""Where a recording goes: a `.poses` file, JSON Lines, or a Parquet table."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from posestream.errors import ConfigurationError
from posestream.export.parquet import write_parquet
from posestream.messages import PoseFrame
from posestream.recording.file import BLOCK_S, SUFFIX, RecordingWriter, read_recording

FORMATS: Final = {SUFFIX: "poses", ".jsonl": "jsonl", ".parquet": "parquet"}


class Sink(Protocol):
    """Takes frames; what is older than about a second is safe from the end of the process."""

    @property
    def bytes(self) -> int:
        """What has been written."""

    def add(self, frame: PoseFrame) -> None:
        """Add a frame."""

    def flush_if_due(self) -> None:
        """Write what has waited for a second."""

    def close(self) -> None:
        """Write everything, and close."""


class JsonLines:
    """A JSON object per frame and line."""

    def __init__(self, path: Path) -> None:
        self.bytes = 0
        self._file = path.open("w", encoding="utf-8")
        self._flushed_s = time.monotonic()

    def add(self, frame: PoseFrame) -> None:
        """Add a frame."""
        self.bytes += self._file.write(frame.to_json() + "\n")
        self.flush_if_due()

    def flush_if_due(self) -> None:
        """Write what has waited for a second."""
        if time.monotonic() - self._flushed_s >= BLOCK_S:
            self._file.flush()
            self._flushed_s = time.monotonic()

    def close(self) -> None:
        """Write everything, see that it is on the disk, and close."""
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()


class Parquet:
    """A Parquet table, which can not be read before it is complete: until then a recording beside it has the frames.

    When the process dies the recording is there, for `posestream export`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._spool = path.with_name(path.name + SUFFIX)
        self._writer = RecordingWriter(self._spool)
        self._closed = False

    @property
    def bytes(self) -> int:
        """What the recording has by now."""
        return self._writer.bytes

    def add(self, frame: PoseFrame) -> None:
        """Add a frame."""
        self._writer.add(frame)

    def flush_if_due(self) -> None:
        """Write what has waited for a second."""
        self._writer.flush_if_due()

    def close(self) -> None:
        """Make the table of what was recorded."""
        if not self._closed:
            self._closed = True
            self._writer.close()
            with read_recording(self._spool) as recording:
                write_parquet(recording, self._path)
            self._spool.unlink()


def format_of(path: Path, given: str | None) -> str:
    """Return the format to record in: the one that is given, or that which the file's name ends in.

    Raises:
        ConfigurationError: neither tells.
    """
    found = given or FORMATS.get(path.suffix.lower())
    if found is None:
        raise ConfigurationError(
            f"{path}: end the name in {', '.join(FORMATS)}, or give --format ({', '.join(FORMATS.values())})"
        )
    return found


def open_sink(path: Path, format_: str, *, resume: bool) -> Sink:
    """Open a file to record to.

    Raises:
        ConfigurationError: the format can not be resumed.
        OSError: the file can not be written.
    """
    if resume and format_ != "poses":
        raise ConfigurationError(f"--resume: only a {SUFFIX} file can be gone on with")
    writers: dict[str, Callable[[], Sink]] = {
        "poses": lambda: RecordingWriter(path, append=resume),
        "jsonl": lambda: JsonLines(path),
        "parquet": lambda: Parquet(path),
    }
    return writers[format_]()
