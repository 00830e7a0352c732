"""Where frames come from. `make_source` is the one place that knows which text means which kind of source."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from posestream.errors import ConfigurationError
from posestream.image import ImageLimits
from producer.sources.addresses import NETWORK, network_url, public_name
from producer.sources.base import Picture, Source, SourceFacts, SourceKind, Stamp, Unreadable
from producer.sources.images import ImageFiles, is_image_file
from producer.sources.layers import Thinned
from producer.sources.names import printable
from producer.sources.network import NetworkCamera
from producer.sources.synthetic import SyntheticSource
from producer.sources.video import VideoFile
from producer.sources.webcam import Webcam, webcam_device
from producer.synthetic.options import SCHEME as SYNTHETIC

__all__ = ["Picture", "Source", "SourceFacts", "SourceKind", "Stamp", "Unreadable", "make_source", "public_name"]

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=://|:\?)")


def make_source(text: str, limits: ImageLimits, fps: float | None = None) -> Source:
    """Return the source that a text names, giving at most `fps` frames a second.

    Files are looked at, so that a mistake shows before anything starts; nothing stays open. Cameras are not: one that
    is away may come back.

    Raises:
        ConfigurationError: the text names nothing that can be a source; says what to give instead.
        SourceError: it names a file or folder that can not be read or has nothing in it.
    """
    url = network_url(text)
    if url is not None:
        return _thinned(NetworkCamera(url, limits, fps), fps)
    if text.startswith(("webcam:", "/dev/video")):
        return _thinned(Webcam(webcam_device(text), limits), fps)
    if text.startswith(SYNTHETIC):
        return _thinned(SyntheticSource(text), fps)
    scheme = _SCHEME.match(text)
    if scheme is not None:
        raise ConfigurationError(
            f"source {public_name(text)!r}: unknown scheme {scheme[0]!r}; give a file, a folder, webcam:<number>, "
            f"{SYNTHETIC}, or a URL that starts with {', '.join(NETWORK)}"
        )
    return _file_source(text, limits, fps)


def _file_source(text: str, limits: ImageLimits, fps: float | None) -> Source:
    try:
        mode = os.stat(text).st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise ConfigurationError(
            f"source {public_name(text)!r}: no such file or folder (looked in {printable(Path.cwd())})"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"source {public_name(text)!r}: {error.strerror}") from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise ConfigurationError(f"source {public_name(text)!r}: neither a regular file nor a folder")
    path = Path(text)
    if stat.S_ISDIR(mode) or is_image_file(path):
        return _checked(ImageFiles(path, limits, fps))
    return _checked(_thinned(VideoFile(path, limits), fps))


def _checked(source: Source) -> Source:
    source.open()
    source.close()
    return source


def _thinned(source: Source, fps: float | None) -> Source:
    return Thinned(source, fps) if fps is not None else source
