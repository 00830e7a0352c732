"""What every source of frames is: opened, moved on frame by frame, and asked for the pixels that are wanted."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

import numpy as np
import numpy.typing as npt

from posestream.messages import CaptureClock, Extrinsics, Intrinsics

Bgr = npt.NDArray[np.uint8]


class SourceKind(Enum):
    """What the end of a source means, and who sets its pace."""

    RECORDING = auto()
    """Files: they wait for whoever reads them, and end."""
    CAMERA = auto()
    """Webcams and streams: frames come when they come, and an end is a loss."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a frame whose pixels can not be had, and says why."""

    why: str


Picture = bytes | Bgr | Unreadable
"""A frame's pixels: an encoded image as the source holds it, a decoded one ((H, W, 3) uint8 BGR), or neither."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a frame is from.

    Attributes:
        captured_ms: capture time, Unix milliseconds; None when nobody knows.
        clock: whose time that is.
        media_ms: the frame's place in its recording, for pacing and thinning; None for a camera.
    """

    captured_ms: int | None
    clock: CaptureClock
    media_ms: float | None


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What an opened source says of itself: how many frames it has (None: no end), how many per second, its camera.

    Intrinsics are in pixels of its frames.
    """

    frames: int | None = None
    fps: float | None = None
    intrinsics: Intrinsics | None = None
    extrinsics: Extrinsics | None = None


class Source(Protocol):
    """Frames in order. Used by one thread; opening a source again starts it from its first frame."""

    @property
    def name(self) -> str:
        """What the user called it, without user and password."""

    @property
    def kind(self) -> SourceKind:
        """What its end means, and who sets its pace."""

    @property
    def identity(self) -> str | None:
        """The same for the same frames at the same places, in every process; None when frames never come twice."""

    @property
    def facts(self) -> SourceFacts:
        """What is known once it is opened."""

    def open(self) -> None:
        """Get ready to give the first frame.

        Raises:
            SourceError: it can not be opened (just now).
        """

    def grab(self) -> Stamp | None:
        """Move on to the next frame, as cheaply as can be; None at the end.

        Raises:
            SourceError: the source was lost.
        """

    def retrieve(self) -> Picture:
        """Return the pixels of the frame grabbed last."""

    def close(self) -> None:
        """Let go of files, devices and connections; harmless when there are none."""


def received_now() -> Stamp:
    """Return the stamp of a frame that has just arrived."""
    return Stamp(time.time_ns() // 1_000_000, CaptureClock.RECEIVE, None)
