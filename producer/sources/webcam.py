"""Webcams: V4L2 devices."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from posestream.errors import ConfigurationError, SourceError
from posestream.image import ImageLimits
from producer.sources.base import Picture, SourceFacts, SourceKind, Stamp, Unreadable, received_now
from producer.sources.capture import Capture, open_v4l2


class Webcam:
    """A local camera; its JPEG frames are passed on as they are where it makes any."""

    kind = SourceKind.CAMERA
    identity = None

    def __init__(self, device: Path, limits: ImageLimits) -> None:
        self.name = str(device)
        self.facts = SourceFacts()
        self._limits = limits
        self._capture: Capture | None = None

    def open(self) -> None:
        """Open the device."""
        self.close()
        if not _is_device(Path(self.name)):
            raise SourceError(f"{self.name}: no such webcam; {_present()}")
        self._capture = open_v4l2(self.name, self._limits, self.name)
        self.facts = SourceFacts(fps=self._capture.facts.fps)

    def grab(self) -> Stamp | None:
        """Wait for the next frame."""
        if self._capture is None or not self._capture.grab():
            raise SourceError(f"{self.name}: gives no frames any more")
        return received_now()

    def retrieve(self) -> Picture:
        """Return the frame grabbed last."""
        return self._capture.retrieve() if self._capture else Unreadable("the webcam is closed")

    def close(self) -> None:
        """Close the device."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def webcam_device(text: str) -> Path:
    """Return the device file that `webcam:<number>` or `/dev/video<number>` means.

    Raises:
        ConfigurationError: not a number.
    """
    number = text.removeprefix("webcam:").removeprefix("/dev/video")
    if not re.fullmatch(r"[0-9]{1,4}", number):
        raise ConfigurationError(f"source {text!r}: give a webcam by its number, as in webcam:0")
    return Path(f"/dev/video{int(number)}")


def _is_device(path: Path) -> bool:
    try:
        return stat.S_ISCHR(path.stat().st_mode)
    except OSError:
        return False


def _present() -> str:
    found = sorted(str(path) for path in Path("/dev").glob("video[0-9]*"))
    return f"there is {', '.join(found)}" if found else "there is no /dev/video* at all: is it plugged in?"
