"""Image files: one, or a folder of them in the order in which people count."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from posestream.errors import SourceError
from posestream.image import ImageLimits
from posestream.messages import CaptureClock
from producer.opencv import as_bytes, cv2
from producer.sources.base import Picture, SourceFacts, SourceKind, Stamp, Unreadable
from producer.sources.names import printable
from producer.sources.video import identity_of

PLAYING_FPS: Final = 25.0  # when a folder is played at a source's pace and nobody said how fast
_SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".jp2", ".ppm", ".pgm", ".avif"}
)


class ImageFiles:
    """An image file or a folder; every regular file that is not hidden counts, so that broken ones are seen.

    With `fps` the images are a recording at that rate, which starts at the first file's modification time. Without,
    each was captured at its own modification time.
    """

    kind = SourceKind.RECORDING

    def __init__(self, path: Path, limits: ImageLimits, fps: float | None = None) -> None:
        self.name = printable(path)
        self.identity: str | None = None
        self.facts = SourceFacts()
        self._path = path.resolve()
        self._limits = limits
        self._fps = fps
        self._files: list[Path] = []
        self._at = -1
        self._began_ms: int | None = None

    def open(self) -> None:
        """List the files."""
        self._files = list_images(self._path)
        self._at = -1
        self._began_ms = _modified_ms(self._files[0])
        names = "\n".join(file.name for file in self._files)
        self.identity = identity_of(self._path, names)
        self.facts = SourceFacts(frames=len(self._files), fps=self._fps)

    def grab(self) -> Stamp | None:
        """Move on to the next file."""
        if self._at + 1 >= len(self._files):
            return None
        self._at += 1
        media_ms = self._at * 1000.0 / (self._fps or PLAYING_FPS)
        if self._fps is None:
            captured_ms = _modified_ms(self._files[self._at])
        else:
            captured_ms = None if self._began_ms is None else self._began_ms + round(media_ms)
        return Stamp(captured_ms, CaptureClock.FILE, media_ms)

    def retrieve(self) -> Picture:
        """Read the file, if it is still there and not too large."""
        file = self._files[self._at]
        name = printable(file.name)
        try:
            with open(file, "rb", opener=_open_at_once) as opened:
                status = os.fstat(opened.fileno())
                if not stat.S_ISREG(status.st_mode):
                    return Unreadable(f"{name}: not a regular file any more")
                size = status.st_size
                data = opened.read(self._limits.max_bytes + 1) if size <= self._limits.max_bytes else b""
        except OSError as error:
            return Unreadable(f"{name}: {error.strerror}")
        size = max(size, len(data))
        if size > self._limits.max_bytes:
            return Unreadable(f"{name}: {size} bytes, above the limit of {self._limits.max_bytes}")
        return data

    def close(self) -> None:
        """Nothing stays open between files."""


def is_image_file(path: Path) -> bool:
    """Tell an image from a video: by its first bytes, or by its suffix, which a broken image still has."""
    return path.suffix.lower() in _SUFFIXES or bool(cv2.haveImageReader(as_bytes(path)))


def list_images(path: Path) -> list[Path]:
    """Return the file itself, or the regular, not hidden files of a folder in natural order.

    Raises:
        SourceError: there are none.
    """
    if not path.is_dir():
        return [path]
    try:
        with os.scandir(path) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()]
    except OSError as error:
        raise SourceError(f"{printable(path)}: {error.strerror}") from error
    if not names:
        raise SourceError(
            f"{printable(path)}: a folder without files; give one that has images in it (subfolders do not count)"
        )
    return [path / name for name in sorted(names, key=natural_key)]


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Return a key that sorts frame-2 before frame-10, and upper and lower case alike."""
    parts = re.split(r"(\d+)", name)
    return [int(part) if index % 2 else part.casefold() for index, part in enumerate(parts)], name


def _modified_ms(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns // 1_000_000
    except OSError:
        return None


def _open_at_once(path: str, flags: int) -> int:
    # A named pipe that took the file's place must not hang the camera.
    return os.open(path, flags | os.O_NONBLOCK)
