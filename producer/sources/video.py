"""Video files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from posestream.errors import SourceError
from posestream.image import ImageLimits
from posestream.messages import CaptureClock
from producer.sources.base import Picture, SourceFacts, SourceKind, Stamp, Unreadable
from producer.sources.capture import Capture, open_ffmpeg
from producer.sources.names import printable


class VideoFile:
    """The frames of a video file; captured at the file's modification time plus each frame's place in it."""

    kind = SourceKind.RECORDING

    def __init__(self, path: Path, limits: ImageLimits) -> None:
        self.name = printable(path)
        self.identity: str | None = None
        self.facts = SourceFacts()
        self._path = path.resolve()
        self._limits = limits
        self._capture: Capture | None = None
        self._began_ms = 0
        self._place = _Place(None)

    def open(self) -> None:
        """Open the file at its first frame."""
        self.close()
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
        except OSError as error:
            raise SourceError(f"{self.name}: {error.strerror}") from error
        self._capture = open_ffmpeg(self._path, self._limits, self.name)
        self._began_ms = status.st_mtime_ns // 1_000_000
        self.identity = identity_of(self._path, f"{status.st_size} {status.st_mtime_ns}")
        self.facts = self._capture.facts
        self._place = _Place(self.facts.fps)

    def grab(self) -> Stamp | None:
        """Move on to the next frame."""
        if self._capture is None or not self._capture.grab():
            return None
        media_ms = self._place.next_ms(self._capture.media_ms)
        return Stamp(self._began_ms + round(media_ms), CaptureClock.FILE, media_ms)

    def retrieve(self) -> Picture:
        """Return the frame grabbed last."""
        return self._capture.retrieve() if self._capture else Unreadable("the video is closed")

    def close(self) -> None:
        """Close the file."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None


class _Place:
    """Times of frames that always rise: the container's, or the frame rate's where the container has none."""

    def __init__(self, fps: float | None) -> None:
        self._step_ms = 1000.0 / (fps or 25.0)
        self._last_ms: float | None = None

    def next_ms(self, stamped_ms: float) -> float:
        rises = self._last_ms is None or stamped_ms > self._last_ms
        self._last_ms = stamped_ms if rises else (self._last_ms or 0.0) + self._step_ms
        return self._last_ms


def identity_of(path: Path, content: str) -> str:
    """Return a name for a path and what tells its content from another's; readable, and equal in every process."""
    digest = hashlib.sha256(f"{path}\n{content}".encode("utf-8", "surrogateescape")).hexdigest()
    return f"{printable(path.name)}:{digest[:16]}"
