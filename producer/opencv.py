"""OpenCV, imported in one place: some of its limits can only be set in the environment, before it loads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

MAX_PIXELS: Final = 100_000_000
"""No image above this is decoded, whatever its header says; the limit of a camera may only be lower."""

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))
# A camera that can not be opened is said once in our log, with its name, not several times by the libraries.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2  # noqa: E402

cv2.setNumThreads(1)  # the cameras' threads are the parallelism

__all__ = ["MAX_PIXELS", "as_bytes", "cv2"]


def as_bytes(path: Path) -> Any:
    """Return a path as OpenCV is to be given it: it crashes on text that stands for bytes that are no UTF-8.

    It takes bytes all right, which its type stubs do not know.
    """
    return os.fsencode(path)
