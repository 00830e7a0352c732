"""Where frames come from. `make_source` is the one place that knows which text means which kind of source."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from posestream.broker import redact
from posestream.errors import ConfigurationError, SourceError
from posestream.image import ImageLimits
from producer.sources.base import Picture, Source, SourceFacts, SourceKind, Stamp, Unreadable
from producer.sources.images import ImageFiles, is_image_file
from producer.sources.layers import Thinned
from producer.sources.network import NetworkCamera
from producer.sources.video import VideoFile
from producer.sources.webcam import Webcam, webcam_device

__all__ = ["Picture", "Source", "SourceFacts", "SourceKind", "Stamp", "Unreadable", "make_source"]

_NETWORK: Final = ("rtsp://", "rtsps://", "http://", "https://")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=://|:\?)")


def make_source(text: str, limits: ImageLimits, fps: float | None = None) -> Source:
    """Return the source that a text names, giving at most `fps` frames a second.

    Local files and devices are looked at, so that a mistake shows before anything starts; nothing stays open.

    Raises:
        ConfigurationError: the text names nothing that can be a source; says what to give instead.
    """
    if text.startswith(_NETWORK):
        return _thinned(NetworkCamera(text, limits, fps), fps)
    if text.startswith(("webcam:", "/dev/video")):
        return _thinned(Webcam(webcam_device(text), limits), fps)
    scheme = _SCHEME.match(text)
    if scheme is not None:
        raise ConfigurationError(
            f"source {redact(text)!r}: unknown scheme {scheme[0]!r}; give a file, a folder, webcam:<number>, or a URL "
            f"that starts with {', '.join(_NETWORK)}"
        )
    return _file_source(text, limits, fps)


def _file_source(text: str, limits: ImageLimits, fps: float | None) -> Source:
    path = Path(text)
    if not text or not path.exists():
        raise ConfigurationError(f"source {text!r}: no such file or folder (looked in {Path.cwd()})")
    if not (path.is_dir() or path.is_file()):
        raise ConfigurationError(f"source {text!r}: neither a regular file nor a folder")
    try:
        if path.is_dir() or is_image_file(path):
            return _checked(ImageFiles(path, limits, fps))
        return _checked(_thinned(VideoFile(path, limits), fps))
    except SourceError as error:
        raise ConfigurationError(f"source {error}") from error


def _checked(source: Source) -> Source:
    source.open()
    source.close()
    return source


def _thinned(source: Source, fps: float | None) -> Source:
    return Thinned(source, fps) if fps is not None else source
