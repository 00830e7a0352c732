"""What is known of a frame and of the people in it, as typed objects; `posestream.messages` packs and reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from posestream import plain
from posestream.calibration import Distortion, Extrinsics, Intrinsics
from posestream.keys import FrameId
from posestream.named import NamedJoints

FloatArray = npt.NDArray[np.float32]


class Policy(StrEnum):
    """What happens when frames come faster than the fleet takes them."""

    LIVE = "live"
    """A camera: the newest frames win, at most `depth` wait, older ones are superseded."""
    LOSSLESS = "lossless"
    """A file: the producer waits, nothing is dropped."""


class Outcome(StrEnum):
    """How an admitted frame ends; each ends in exactly one of these."""

    POSED = "posed"
    SUPERSEDED = "superseded"
    STALE = "stale"
    LATE = "late"
    DEAD = "dead"


class CaptureClock(StrEnum):
    """Where a capture time comes from."""

    SENSOR = "sensor"
    """The camera itself stamped the frame."""
    RECEIVE = "receive"
    """The producer's clock when the frame arrived."""
    FILE = "file"
    """The file's date plus the frame's place in it: the steps are exact, the start is as good as the date."""


@dataclass(frozen=True, slots=True)
class FrameMeta:
    """What a producer says of a frame besides its pixels; every field may be left out.

    Attributes:
        captured_ms: capture time, Unix milliseconds.
        clock: where `captured_ms` comes from.
        source_wh: width and height of the frame as the source gave it, when the producer scaled the image.
        intrinsics: the calibrated camera, in pixels of the source frame.
        distortion: its lens's; None for a lens without any.
        extrinsics: where it is; None when nobody has measured that.
        error: the frame can not be processed, and why; the image may be empty then.
    """

    captured_ms: int | None = None
    clock: CaptureClock = CaptureClock.RECEIVE
    source_wh: tuple[int, int] | None = None
    intrinsics: Intrinsics | None = None
    error: str | None = None
    distortion: Distortion | None = None
    extrinsics: Extrinsics | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person in one frame.

    Attributes:
        id: the track id, the same in every frame of the camera; None before tracking.
        score: the decoder's confidence in the whole person; larger is surer, not bounded by 1.
        joints_px: (19, 2) float32, x right, y down, pixels of the source frame; NaN where not seen.
        confidence: (19,) float32 in 0..1, of `joints_px`; 0 where not seen.
        joints_m: (19, 3) float32, metres, camera frame with OpenCV axes (x right, y down, z forward), as decoded from
            this frame alone.
        smooth_m: (19, 3) float32, the same smoothed along the track; None before tracking.
        world_m: (19, 3) float32, `joints_m` in the world; None when the camera has no extrinsics.
        smooth_world_m: (19, 3) float32, `smooth_m` in the world; None before tracking or without extrinsics.
    """

    id: int | None
    score: float
    joints_px: FloatArray
    confidence: FloatArray
    joints_m: FloatArray
    smooth_m: FloatArray | None = None
    world_m: FloatArray | None = None
    smooth_world_m: FloatArray | None = None

    @property
    def named(self) -> NamedJoints:
        """The joints by name: `person.named["l_wrist"].m`."""
        return NamedJoints(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the person as plain values: lists and numbers, and None for what is missing."""
        return plain.person_dict(self)


@dataclass(frozen=True, slots=True, eq=False)
class PoseFrame:
    """The people in one frame of one camera.

    Attributes:
        camera: the camera's name.
        id: the frame's id; its milliseconds are the server's clock at admission.
        seq: number of the frame among those admitted from this camera, from 1.
        captured_ms: capture time, Unix milliseconds; `clock` tells whose.
        size_wh: width and height in pixels of the frame as the source gave it.
        intrinsics: the camera used to place people, and whether it was calibrated or assumed.
        people: those found, in no particular order.
        distortion: of the camera's lens; None when it has none, or none is known.
        extrinsics: where the camera is; None when that is not known, and people then have no `world_m`.
        previous: the frame whose pose was published before this one, 0-0 for the camera's first; None before tracking.
        skipped: the frames admitted between those two, by how they ended, as far as that was known.
    """

    camera: str
    id: FrameId
    seq: int
    captured_ms: int
    clock: CaptureClock
    size_wh: tuple[int, int]
    intrinsics: Intrinsics
    people: tuple[Person, ...]
    distortion: Distortion | None = None
    extrinsics: Extrinsics | None = None
    previous: FrameId | None = None
    skipped: Mapping[Outcome, int] = field(default_factory=dict)

    @property
    def calibrated(self) -> bool:
        """Whether the camera that people were placed with was measured, rather than assumed."""
        return self.intrinsics.calibrated

    def to_dict(self) -> dict[str, Any]:
        """Return the frame as plain values under the names of the wire format, and None for what is missing."""
        return plain.frame_dict(self)

    def to_json(self) -> str:
        """Return `to_dict` as JSON on one line."""
        return json.dumps(self.to_dict(), allow_nan=False)
