"""What travels over the wire: frame metadata and pose messages, as plain msgpack maps with a schema version.

`docs/wire-format.md` describes the same for readers in other languages; golden files under `tests/` hold both to it.
Unknown fields are ignored, so that fields can be added; a change that old readers would misread raises `SCHEMA`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

import msgpack
import numpy as np
import numpy.typing as npt

from posestream import fields
from posestream.errors import ConfigurationError, MessageError
from posestream.keys import FrameId, validate_camera_name
from posestream.skeleton import JOINT_COUNT

SCHEMA: Final = 1
MAX_META_BYTES: Final = 64 * 1024
MAX_POSE_BYTES: Final = 4 * 1024 * 1024
MAX_PEOPLE: Final = 1000
MAX_SIDE_PX: Final = 65_535
MAX_UNIX_MS: Final = 253_402_300_799_999  # the end of the year 9999: more is another unit

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
class Intrinsics:
    """A pinhole camera without distortion, in pixels of the source frame.

    Attributes:
        fx, fy: focal lengths, positive.
        cx, cy: principal point, measured like `joints_px` from the outer corner of the top left pixel: a calibration of
            OpenCV's, which counts from that pixel's centre, has to be moved by + 0.5.
        calibrated: measured, rather than assumed of a camera nobody has calibrated.

    Raises `ValueError` for focal lengths that are not positive and finite and a principal point that is not finite.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    calibrated: bool

    def __post_init__(self) -> None:
        if not (0 < self.fx < math.inf and 0 < self.fy < math.inf):
            raise ValueError(f"focal lengths must be positive and finite, not {self.fx} and {self.fy} px")
        if not (math.isfinite(self.cx) and math.isfinite(self.cy)):
            raise ValueError(f"the principal point must be finite, not ({self.cx}, {self.cy}) px")

    @classmethod
    def assumed(cls, width: int, height: int) -> Intrinsics:
        """Return what is assumed of a camera nobody has calibrated: fx = fy = 0.8 x width, centred."""
        focal = 0.8 * width
        return cls(focal, focal, width / 2, height / 2, calibrated=False)


@dataclass(frozen=True, slots=True)
class FrameMeta:
    """What a producer says of a frame besides its pixels; every field may be left out.

    Attributes:
        captured_ms: capture time, Unix milliseconds.
        clock: where `captured_ms` comes from.
        source_wh: width and height of the frame as the source gave it, when the producer scaled the image.
        intrinsics: the calibrated camera, in pixels of the source frame.
        error: the frame can not be processed, and why; the image may be empty then.
    """

    captured_ms: int | None = None
    clock: CaptureClock = CaptureClock.RECEIVE
    source_wh: tuple[int, int] | None = None
    intrinsics: Intrinsics | None = None
    error: str | None = None


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
    """

    id: int | None
    score: float
    joints_px: FloatArray
    confidence: FloatArray
    joints_m: FloatArray
    smooth_m: FloatArray | None = None


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
    """

    camera: str
    id: FrameId
    seq: int
    captured_ms: int
    clock: CaptureClock
    size_wh: tuple[int, int]
    intrinsics: Intrinsics
    people: tuple[Person, ...]


# Frame metadata -----------------------------------------------------------------------------------------------------


def encode_meta(meta: FrameMeta) -> bytes:
    """Pack frame metadata for the `meta` field of a frame."""
    message: dict[str, Any] = {"schema": SCHEMA, "clock": meta.clock.value}
    if meta.captured_ms is not None:
        message["captured_ms"] = meta.captured_ms
    if meta.source_wh is not None:
        message["size"] = list(meta.source_wh)
    if meta.intrinsics is not None:
        message["intrinsics"] = asdict(meta.intrinsics)
    if meta.error is not None:
        message["error"] = meta.error
    return _pack(message)


def decode_meta(data: bytes | None) -> FrameMeta:
    """Read frame metadata; none at all (None) is valid and says nothing.

    Raises:
        MessageError: not what the wire format says; names the field.
        UnsupportedSchemaError: written by a newer major version.
    """
    if data is None:
        return FrameMeta()
    message = fields.unpack_map(data, what="meta", max_bytes=MAX_META_BYTES)
    fields.check_schema(message, known=SCHEMA, what="frame")
    return FrameMeta(
        captured_ms=fields.integer(message, "captured_ms", high=MAX_UNIX_MS) if "captured_ms" in message else None,
        clock=_read_clock(message) if "clock" in message else CaptureClock.RECEIVE,
        source_wh=_read_size(message) if "size" in message else None,
        intrinsics=_read_intrinsics(message) if "intrinsics" in message else None,
        error=fields.text(message, "error") if "error" in message else None,
    )


# Pose messages ------------------------------------------------------------------------------------------------------


def encode_pose(pose: PoseFrame) -> bytes:
    """Pack a pose message for the `pose` field of `poses:<camera>`; floats travel as float32."""
    return _pack(
        {
            "schema": SCHEMA,
            "camera": pose.camera,
            "id": str(pose.id),
            "seq": pose.seq,
            "captured_ms": pose.captured_ms,
            "clock": pose.clock.value,
            "size": list(pose.size_wh),
            "intrinsics": asdict(pose.intrinsics),
            "space": "camera",
            "people": [_pack_person(person) for person in pose.people],
        }
    )


def decode_pose(data: bytes) -> PoseFrame:
    """Read a pose message.

    Raises:
        MessageError: not what the wire format says; names the field.
        UnsupportedSchemaError: written by a newer major version.
    """
    message = fields.unpack_map(data, what="pose", max_bytes=MAX_POSE_BYTES)
    fields.check_schema(message, known=SCHEMA, what="pose")
    return PoseFrame(
        camera=_read_camera(message),
        id=_read_frame_id(message),
        seq=fields.integer(message, "seq", low=1),
        captured_ms=fields.integer(message, "captured_ms", high=MAX_UNIX_MS),
        clock=_read_clock(message),
        size_wh=_read_size(message),
        intrinsics=_read_intrinsics(message),
        people=_read_people(message),
    )


# Their parts --------------------------------------------------------------------------------------------------------


def _pack(message: Mapping[str, Any]) -> bytes:
    packed: bytes = msgpack.packb(message, use_single_float=True)
    return packed


def _pack_person(person: Person) -> dict[str, Any]:
    message = {
        "id": person.id,
        "score": float(person.score),
        "joints_px": person.joints_px.ravel().tolist(),
        "confidence": person.confidence.tolist(),
        "joints_m": person.joints_m.ravel().tolist(),
    }
    if person.smooth_m is not None:
        message["smooth_m"] = person.smooth_m.ravel().tolist()
    return message


def _read_camera(message: Mapping[str, Any]) -> str:
    try:
        return validate_camera_name(fields.text(message, "camera"))
    except ConfigurationError as error:
        raise MessageError(str(error), field="camera") from error


def _read_frame_id(message: Mapping[str, Any]) -> FrameId:
    try:
        return FrameId.parse(fields.text(message, "id", max_length=64))
    except ValueError as error:
        raise MessageError(str(error), field="id") from error


def _read_clock(message: Mapping[str, Any]) -> CaptureClock:
    value = fields.text(message, "clock")
    try:
        return CaptureClock(value)
    except ValueError:
        raise MessageError(
            f"expected one of {', '.join(CaptureClock)}, not {fields.shown(value)}", field="clock"
        ) from None


def _read_size(message: Mapping[str, Any]) -> tuple[int, int]:
    value = fields.sequence(message, "size", max_length=2)
    if len(value) != 2 or not all(type(side) is int and 1 <= side <= MAX_SIDE_PX for side in value):
        raise MessageError(
            f"expected [width, height] in pixels, 1 to {MAX_SIDE_PX}, not {fields.shown(value)}", field="size"
        )
    return value[0], value[1]


def _read_intrinsics(message: Mapping[str, Any]) -> Intrinsics:
    value = fields.required(message, "intrinsics")
    if not isinstance(value, dict):
        raise MessageError(f"expected a map, not {type(value).__name__}", field="intrinsics")
    try:
        return Intrinsics(
            fx=fields.number(value, "fx"),
            fy=fields.number(value, "fy"),
            cx=fields.number(value, "cx"),
            cy=fields.number(value, "cy"),
            calibrated=bool(value.get("calibrated", True)),
        )
    except (MessageError, ValueError) as error:
        raise MessageError(str(error), field="intrinsics") from error


def _read_people(message: Mapping[str, Any]) -> tuple[Person, ...]:
    people = fields.sequence(message, "people", max_length=MAX_PEOPLE)
    return tuple(_read_person(person, index) for index, person in enumerate(people))


def _read_person(message: Any, index: int) -> Person:
    if not isinstance(message, dict):
        raise MessageError(f"expected a map, not {type(message).__name__}", field=f"people[{index}]")
    try:
        return Person(
            id=None if message.get("id") is None else fields.integer(message, "id"),
            score=fields.number(message, "score"),
            joints_px=fields.floats(message, "joints_px", shape=(JOINT_COUNT, 2)),
            confidence=fields.floats(message, "confidence", shape=(JOINT_COUNT,)),
            joints_m=fields.floats(message, "joints_m", shape=(JOINT_COUNT, 3)),
            smooth_m=fields.floats(message, "smooth_m", shape=(JOINT_COUNT, 3)) if "smooth_m" in message else None,
        )
    except MessageError as error:
        raise MessageError(str(error), field=f"people[{index}]") from error
