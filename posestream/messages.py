"""What travels over the wire: frame metadata and pose messages, as plain msgpack maps with a schema version.

`docs/wire-format.md` describes the same for readers in other languages; golden files under `tests/` hold both to it.
Unknown fields are ignored, so that fields can be added; a change that old readers would misread raises `SCHEMA`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgpack

from posestream import calibration_maps, fields
from posestream.calibration import Distortion, Extrinsics, Intrinsics, LensModel
from posestream.errors import ConfigurationError, MessageError
from posestream.frames import CaptureClock, FloatArray, FrameMeta, Outcome, Person, Policy, PoseFrame
from posestream.keys import FrameId, validate_camera_name
from posestream.skeleton import JOINT_COUNT

SCHEMA: Final = 1
MAX_META_BYTES: Final = 64 * 1024
MAX_POSE_BYTES: Final = 4 * 1024 * 1024
MAX_PEOPLE: Final = 1000
MAX_SIDE_PX: Final = 65_535
MAX_UNIX_MS: Final = 253_402_300_799_999  # the end of the year 9999: more is another unit

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
    "FloatArray",
    "FrameMeta",
    "Intrinsics",
    "LensModel",
    "Outcome",
    "Person",
    "Policy",
    "PoseFrame",
    "decode_meta",
    "decode_pose",
    "encode_meta",
    "encode_pose",
]


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
            "space": "camera",  # what joints in metres are relative to, but for those in the world
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
