"""What travels over the wire: frame metadata and pose messages, as plain msgpack maps with a schema version.

`docs/wire-format.md` describes the same for readers in other languages; golden files under `tests/` hold both to it.
Unknown fields are ignored, so that fields can be added; a change that old readers would misread raises `SCHEMA`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import msgpack
import numpy as np
import numpy.typing as npt

from posestream import calibration_maps, fields, plain
from posestream.calibration import Distortion, Extrinsics, Intrinsics, LensModel
from posestream.errors import ConfigurationError, MessageError
from posestream.keys import FrameId, validate_camera_name
from posestream.named import NamedJoints
from posestream.skeleton import JOINT_COUNT

SCHEMA: Final = 1
MAX_META_BYTES: Final = 64 * 1024
MAX_POSE_BYTES: Final = 4 * 1024 * 1024
MAX_PEOPLE: Final = 1000
MAX_SIDE_PX: Final = 65_535
MAX_UNIX_MS: Final = 253_402_300_799_999  # the end of the year 9999: more is another unit

FloatArray = npt.NDArray[np.float32]

__all__ = [
    "MAX_META_BYTES",
    "MAX_PEOPLE",
    "MAX_POSE_BYTES",
    "MAX_SIDE_PX",
    "MAX_UNIX_MS",
    "SCHEMA",
    "CaptureClock",
    "Distortion",
    "Extrinsics",
    "FrameMeta",
    "Intrinsics",
    "LensModel",
    "Outcome",
    "Person",
    "Policy",
    "PoseFrame",
    "Space",
    "decode_meta",
    "decode_pose",
    "encode_meta",
    "encode_pose",
]


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


class Space(StrEnum):
    """What coordinates in metres are relative to."""

    CAMERA = "camera"
    """The camera: x right, y down, z forward."""
    WORLD = "world"
    """The room: z up, and the floor at z = 0, as the camera's extrinsics say."""


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
    def spaces(self) -> tuple[Space, ...]:
        """What the people's coordinates are given in: always the camera's frame, and the world's if it is known."""
        return (Space.CAMERA,) if self.extrinsics is None else (Space.CAMERA, Space.WORLD)

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


# Frame metadata -----------------------------------------------------------------------------------------------------


def encode_meta(meta: FrameMeta) -> bytes:
    """Pack frame metadata for the `meta` field of a frame."""
    message: dict[str, Any] = {"schema": SCHEMA, "clock": meta.clock.value}
    if meta.captured_ms is not None:
        message["captured_ms"] = meta.captured_ms
    if meta.source_wh is not None:
        message["size"] = list(meta.source_wh)
    message |= calibration_maps.packed(meta.intrinsics, meta.distortion, meta.extrinsics)
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
        intrinsics=calibration_maps.read_intrinsics(message) if "intrinsics" in message else None,
        error=fields.text(message, "error") if "error" in message else None,
        distortion=calibration_maps.read_distortion(message),
        extrinsics=calibration_maps.read_extrinsics(message),
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
            **calibration_maps.packed(pose.intrinsics, pose.distortion, pose.extrinsics),
            "space": Space.CAMERA.value,
            "people": [_pack_person(person) for person in pose.people],
            **_packed_succession(pose),
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
        intrinsics=calibration_maps.read_intrinsics(message),
        people=_read_people(message),
        distortion=calibration_maps.read_distortion(message),
        extrinsics=calibration_maps.read_extrinsics(message),
        previous=_read_frame_id(message, "previous") if "previous" in message else None,
        skipped=_read_skipped(message),
    )


# Their parts --------------------------------------------------------------------------------------------------------


def _pack(message: Mapping[str, Any]) -> bytes:
    packed: bytes = msgpack.packb(message, use_single_float=True)
    return packed


_OPTIONAL_JOINTS: Final = ("smooth_m", "world_m", "smooth_world_m")


def _pack_person(person: Person) -> dict[str, Any]:
    message = {
        "id": person.id,
        "score": float(person.score),
        "joints_px": person.joints_px.ravel().tolist(),
        "confidence": person.confidence.tolist(),
        "joints_m": person.joints_m.ravel().tolist(),
    }
    for name in _OPTIONAL_JOINTS:
        joints = getattr(person, name)
        if joints is not None:
            message[name] = joints.ravel().tolist()
    return message


def _read_camera(message: Mapping[str, Any]) -> str:
    try:
        return validate_camera_name(fields.text(message, "camera"))
    except ConfigurationError as error:
        raise MessageError(str(error), field="camera") from error


def _read_frame_id(message: Mapping[str, Any], name: str = "id") -> FrameId:
    try:
        return FrameId.parse(fields.text(message, name, max_length=64))
    except ValueError as error:
        raise MessageError(str(error), field=name) from error


def _packed_succession(pose: PoseFrame) -> dict[str, Any]:
    message: dict[str, Any] = {} if pose.previous is None else {"previous": str(pose.previous)}
    if pose.skipped:
        message["skipped"] = {outcome.value: count for outcome, count in pose.skipped.items()}
    return message


def _read_skipped(message: Mapping[str, Any]) -> dict[Outcome, int]:
    value = message.get("skipped", {})
    if not isinstance(value, dict):
        raise MessageError(f"expected a map, not {type(value).__name__}", field="skipped")
    # An outcome that a later version may know is ignored, like any field.
    return {outcome: fields.integer(value, outcome.value) for outcome in Outcome if outcome.value in value}


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
            **{
                name: fields.floats(message, name, shape=(JOINT_COUNT, 3))
                for name in _OPTIONAL_JOINTS
                if name in message
            },
        )
    except MessageError as error:
        raise MessageError(str(error), field=f"people[{index}]") from error
