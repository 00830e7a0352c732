"""Frame metadata and pose messages: exactly these bytes, and nothing from the wire that goes unchecked."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posestream.errors import MessageError, UnsupportedSchemaError
from posestream.keys import FrameId
from posestream.messages import (
    MAX_META_BYTES,
    MAX_PEOPLE,
    MAX_POSE_BYTES,
    MAX_SIDE_PX,
    MAX_UNIX_MS,
    SCHEMA,
    CaptureClock,
    Distortion,
    Extrinsics,
    FrameMeta,
    Intrinsics,
    LensModel,
    Outcome,
    Person,
    Policy,
    PoseFrame,
    decode_meta,
    decode_pose,
    encode_meta,
    encode_pose,
)
from tests.unit.posestream import golden

Message = dict[Any, Any]


def meta_message(**changes: Any) -> Message:
    return dict(msgpack.unpackb(golden.META_FILE.read_bytes())) | changes


def pose_message(**changes: Any) -> Message:
    return dict(msgpack.unpackb(golden.POSE_FILE.read_bytes())) | changes


def person_message(**changes: Any) -> Message:
    return pose_message(people=[pose_message()["people"][1] | changes])


def without(message: Message, name: str) -> Message:
    return {key: value for key, value in message.items() if key != name}


ARRAYS = ("joints_px", "confidence", "joints_m", "smooth_m", "world_m", "smooth_world_m")


def same_array(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype == np.float32 and np.array_equal(a, b, equal_nan=True)


def same_person(a: Person, b: Person) -> bool:
    return (a.id, a.score) == (b.id, b.score) and all(same_array(getattr(a, name), getattr(b, name)) for name in ARRAYS)


def same_pose(a: PoseFrame, b: PoseFrame) -> bool:
    return (
        replace(a, people=()).__repr__() == replace(b, people=()).__repr__()
        and len(a.people) == len(b.people)
        and all(map(same_person, a.people, b.people))
    )


# Golden files ---------------------------------------------------------------------------------------------------------


def test_frame_metadata_is_written_as_exactly_these_bytes() -> None:
    assert encode_meta(golden.META) == golden.META_FILE.read_bytes()


def test_frame_metadata_is_read_from_exactly_these_bytes() -> None:
    assert decode_meta(golden.META_FILE.read_bytes()) == golden.META


def test_a_pose_is_written_as_exactly_these_bytes() -> None:
    assert encode_pose(golden.POSE) == golden.POSE_FILE.read_bytes()


def test_a_pose_is_read_from_exactly_these_bytes() -> None:
    pose = decode_pose(golden.POSE_FILE.read_bytes())
    assert same_pose(pose, golden.POSE)
    assert [person.id for person in pose.people] == [None, 7]
    assert [int(np.isnan(person.joints_px[:, 0]).sum()) for person in pose.people] == [1, 9]


def test_a_placed_camera_is_written_and_read_as_exactly_these_bytes() -> None:
    assert encode_meta(golden.PLACED_META) == golden.PLACED_META_FILE.read_bytes()
    assert decode_meta(golden.PLACED_META_FILE.read_bytes()) == golden.PLACED_META
    assert encode_pose(golden.PLACED_POSE) == golden.PLACED_POSE_FILE.read_bytes()
    assert same_pose(decode_pose(golden.PLACED_POSE_FILE.read_bytes()), golden.PLACED_POSE)


def test_the_first_readers_find_in_a_placed_pose_all_that_they_know() -> None:
    old, new = pose_message(), dict(msgpack.unpackb(golden.PLACED_POSE_FILE.read_bytes()))
    assert old.keys() < new.keys()
    for before, after in zip(old["people"], new["people"], strict=True):
        assert {name: repr(after[name]) for name in before} == {name: repr(value) for name, value in before.items()}
    assert new["space"] == "camera"
    assert new["schema"] == 1


def test_the_golden_placed_pose_reads_by_any_msgpack_library_as_the_wire_format_says() -> None:
    message = dict(msgpack.unpackb(golden.PLACED_POSE_FILE.read_bytes()))
    assert message["distortion"] == {"model": "standard", "coefficients": [-0.25, 0.125, 0.0, 0.5, -0.0625]}
    assert message["extrinsics"] == {"rotation": [1, 0, 0, 0, 0, -1, 0, 1, 0], "translation": [0.25, 1.5, 4.0]}
    tracked = message["people"][1]
    # Worked out by hand for joint 0, at (3.5, 3.75, 4) in the camera's frame: (3.25, 2.25, 0) from the world's origin,
    # of which x stays, z becomes y and -y becomes z.
    assert tracked["joints_m"][:3] == [3.5, 3.75, 4.0]
    assert tracked["world_m"][:3] == [3.25, 0.0, -2.25]
    assert tracked["smooth_world_m"][:3] == [3.375, 0.125, -2.375]


def test_a_pose_says_what_its_coordinates_are() -> None:
    plain, placed = decode_pose(golden.POSE_FILE.read_bytes()), decode_pose(golden.PLACED_POSE_FILE.read_bytes())
    assert (plain.calibrated, placed.calibrated) == (False, True)


def test_the_golden_metadata_is_what_the_wire_format_says_byte_for_byte() -> None:
    # Written out by hand: fixmap of 5, fixstr, float32 (0xca), uint64 (0xcf), array of 2 uint16 (0xcd).
    expected = (
        b"\x85"
        b"\xa6schema\x01"
        b"\xa5clock\xa6sensor"
        b"\xabcaptured_ms\xcf" + struct.pack(">Q", 1_700_000_000_123) + b"\xa4size\x92\xcd\x07\x80\xcd\x04\x38"
        b"\xaaintrinsics\x85"
        b"\xa2fx\xca" + struct.pack(">f", 1400.5) + b"\xa2fy\xca" + struct.pack(">f", 1401.25) + b"\xa2cx\xca"
        b"" + struct.pack(">f", 960.0) + b"\xa2cy\xca" + struct.pack(">f", 540.5) + b"\xaacalibrated\xc3"
    )
    assert golden.META_FILE.read_bytes() == expected


def test_the_golden_pose_reads_by_any_msgpack_library_as_the_wire_format_says() -> None:
    message = pose_message()
    people = message.pop("people")
    assert json.loads(json.dumps(message)) == {
        "schema": 1,
        "camera": "lobby",
        "id": "1700000000456-2",
        "seq": 70000,
        "captured_ms": 1700000000123,
        "clock": "receive",
        "size": [1280, 720],
        "intrinsics": {"fx": 1024.0, "fy": 1024.0, "cx": 640.0, "cy": 360.0, "calibrated": False},
        "space": "camera",
    }
    assert [person["id"] for person in people] == [None, 7]
    for person in people:
        assert [len(person[name]) for name in ("joints_px", "confidence", "joints_m")] == [38, 19, 57]
        assert math.isnan(person["joints_px"][4])  # the pelvis has no 2D position
        assert person["confidence"][2] == 0
        assert person["score"] == 12.5
    assert people[1]["joints_m"][:4] == [3.5, 3.75, 4.0, 4.25]


def test_floats_travel_as_float32() -> None:
    crowd = encode_pose(replace(golden.POSE, people=golden.POSE.people * 50))
    assert len(crowd) < 100 * (19 * 9 * 5 + 70) + 300


# Round trips ----------------------------------------------------------------------------------------------------------

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
any_float = st.floats(width=32, allow_infinity=False)


def arrays(*shape: int) -> st.SearchStrategy[np.ndarray]:
    size = math.prod(shape)
    return st.lists(any_float, min_size=size, max_size=size).map(lambda x: np.array(x, np.float32).reshape(shape))


points = arrays(19, 3)


def some_points(seed: int) -> np.ndarray:
    """As good as any others: drawing every number of every array by itself would take minutes."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random((19, 3)) < 0.1, np.nan, rng.normal(0, 5, (19, 3))).astype(np.float32)


maybe = st.none() | st.integers(0, 1000).map(some_points)
people = st.builds(
    Person, st.none() | st.integers(0, 2**63 - 1), finite, arrays(19, 2), arrays(19), points, maybe, maybe, maybe
)
positive = st.floats(2.0**-10, 2.0**20, width=32)
sizes = st.tuples(st.integers(1, MAX_SIDE_PX), st.integers(1, MAX_SIDE_PX))
intrinsics = st.builds(Intrinsics, positive, positive, finite, finite, st.booleans())
distortions = st.sampled_from(
    [(LensModel.STANDARD, count) for count in (4, 5, 8, 12, 14)] + [(LensModel.FISHEYE, 4)]
).flatmap(lambda kind: st.builds(Distortion, st.just(kind[0]), st.tuples(*[finite] * kind[1])))
extrinsics = st.builds(
    lambda rotation, turn, place: Extrinsics.of(np.roll(rotation, turn, axis=1), place),
    st.sampled_from([np.eye(3), np.diag((-1.0, -1.0, 1.0)), np.diag((1.0, -1.0, -1.0))]),
    st.integers(0, 2),
    st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 3),
)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    st.builds(
        PoseFrame,
        camera=st.sampled_from(["a", "küche", "x" * 128]),
        id=st.builds(FrameId, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)),
        seq=st.integers(1, 2**63 - 1),
        captured_ms=st.integers(0, MAX_UNIX_MS),
        clock=st.sampled_from(CaptureClock),
        size_wh=sizes,
        intrinsics=intrinsics,
        people=st.lists(people, max_size=2).map(tuple),
        distortion=st.none() | distortions,
        extrinsics=st.none() | extrinsics,
    )
)
def test_a_pose_is_read_as_it_was_written(pose: PoseFrame) -> None:
    assert same_pose(decode_pose(encode_pose(pose)), pose)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    st.builds(
        FrameMeta,
        captured_ms=st.none() | st.integers(0, MAX_UNIX_MS),
        clock=st.sampled_from(CaptureClock),
        source_wh=st.none() | sizes,
        intrinsics=st.none() | intrinsics,
        error=st.none() | st.text(max_size=1024),
        distortion=st.none() | distortions,
        extrinsics=st.none() | extrinsics,
    )
)
def test_metadata_is_read_as_it_was_written(meta: FrameMeta) -> None:
    assert decode_meta(encode_meta(meta)) == meta


def test_no_metadata_at_all_says_nothing() -> None:
    assert decode_meta(None) == decode_meta(msgpack.packb({"schema": 1})) == FrameMeta()


def test_a_camera_without_people_is_a_message_too() -> None:
    assert decode_pose(encode_pose(replace(golden.POSE, people=()))).people == ()


def test_numbers_may_be_whole_or_double_as_other_languages_write_them() -> None:
    message = person_message(score=3, confidence=[1] * 19, joints_px=[1.5, 2] * 19)
    (person,) = decode_pose(msgpack.packb(message)).people
    assert person.score == 3.0
    assert person.joints_px.dtype == person.confidence.dtype == np.float32
    assert person.joints_px[3].tolist() == [1.5, 2.0]


# Versions -------------------------------------------------------------------------------------------------------------


def test_fields_that_are_not_known_are_ignored() -> None:
    later = {"zoom": 3, 7: "seven", b"raw": b"\xff"}
    assert decode_meta(msgpack.packb(meta_message() | later)) == golden.META
    message = pose_message() | later
    message["people"] = [person | later for person in message["people"]]
    message["intrinsics"] |= later
    assert same_pose(decode_pose(msgpack.packb(message)), golden.POSE)


@pytest.mark.parametrize(("decode", "message"), [(decode_meta, meta_message), (decode_pose, pose_message)])
def test_a_newer_schema_is_refused_and_the_error_says_what_to_do(
    decode: Callable[[bytes], object], message: Callable[..., Message]
) -> None:
    with pytest.raises(UnsupportedSchemaError, match="upgrade posestream") as caught:
        decode(msgpack.packb(message(schema=SCHEMA + 1)))
    assert caught.value.field == "schema"


def test_a_newer_schema_is_told_before_anything_else_that_is_wrong() -> None:
    with pytest.raises(UnsupportedSchemaError):
        decode_pose(msgpack.packb({"schema": 99}))


# What is wrong is named -----------------------------------------------------------------------------------------------

NESTED = b"\x91" * 1000 + b"\x90"  # as deep as msgpack reads


def named(decode: Callable[[bytes], object], data: bytes) -> str:
    with pytest.raises(MessageError) as caught:
        decode(data)
    assert str(caught.value).startswith(f"{caught.value.field}: ")
    assert len(str(caught.value)) < 300
    return caught.value.field


@pytest.mark.parametrize(
    "name", ["schema", "camera", "id", "seq", "captured_ms", "clock", "size", "intrinsics", "people"]
)
def test_a_field_that_is_missing_from_a_pose_is_named(name: str) -> None:
    assert named(decode_pose, msgpack.packb(without(pose_message(), name))) == name


@pytest.mark.parametrize("name", ["score", "joints_px", "confidence", "joints_m"])
def test_a_field_that_is_missing_from_a_person_is_named_with_the_persons_place(name: str) -> None:
    message = pose_message()
    message["people"][1] = without(message["people"][1], name)
    with pytest.raises(MessageError, match=rf"^people\[1\]: {name}: missing"):
        decode_pose(msgpack.packb(message))


UPRIGHT = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
WRONG: dict[str, list[Any]] = {
    "schema": [0, -1, "1", None, 1.0, True, [1]],
    "captured_ms": [-1, MAX_UNIX_MS + 1, 1.5, "now", None, True],
    "clock": ["sundial", "", "SENSOR", 1, None, "x" * 2000],
    "size": [[], [1], [1, 2, 3], [0, 5], [5, -1], [1.0, 2], [True, 2], [MAX_SIDE_PX + 1, 5], "1x2", {"w": 1}, None],
    "intrinsics": [
        *(None, [], "wide", 7, {}),
        {"fx": 1.0, "fy": 1.0, "cx": 0.0},
        {"fx": 0.0, "fy": 1.0, "cx": 0.0, "cy": 0.0},
        {"fx": 1.0, "fy": -1.0, "cx": 0.0, "cy": 0.0},
        {"fx": math.nan, "fy": 1.0, "cx": 0.0, "cy": 0.0},
        {"fx": math.inf, "fy": 1.0, "cx": 0.0, "cy": 0.0},
        {"fx": 1.0, "fy": 1.0, "cx": math.inf, "cy": 0.0},
        {"fx": 1.0, "fy": 1.0, "cx": 0.0, "cy": "middle"},
    ],
    "distortion": [
        *(None, [], "none", {}, {"model": "standard"}, {"coefficients": [0.0] * 5}),
        {"model": "telescope", "coefficients": [0.0] * 5},
        {"model": "standard", "coefficients": [0.0] * 6},
        {"model": "standard", "coefficients": [0.0] * 5000},
        {"model": "fisheye", "coefficients": [0.0] * 5},
        {"model": "fisheye", "coefficients": [0.0, 0.0, 0.0, math.nan]},
        {"model": "fisheye", "coefficients": [0.0, 0.0, 0.0, "none"]},
    ],
    "extrinsics": [
        *(None, [], "here", {}, {"rotation": UPRIGHT}, {"translation": [0.0] * 3}),
        {"rotation": UPRIGHT[:8], "translation": [0.0] * 3},
        {"rotation": UPRIGHT, "translation": [0.0] * 4},
        {"rotation": UPRIGHT, "translation": [0.0, 0.0, math.inf]},
        {"rotation": [2.0 * element for element in UPRIGHT], "translation": [0.0] * 3},
        {"rotation": [-element for element in UPRIGHT], "translation": [0.0] * 3},
        {"rotation": [0.0] * 9, "translation": [0.0] * 3},
        {"rotation": [math.nan] * 9, "translation": [0.0] * 3},
        {"rotation": [[1.0, 0.0, 0.0]] * 3, "translation": [0.0] * 3},
    ],
}
WRONG_META = WRONG | {"error": [7, b"bytes", ["x"], "x" * 1025]}
WRONG_POSE = WRONG | {
    "camera": ["", "two words", "a{b", "x" * 129, 7, None, "x" * 2000],
    "id": ["", "1", "1-", "a-b", 1, None, "1" * 65, "9" * 5000 + "-0"],
    "seq": [0, -1, 2**63, "1", 1.0, None],
    "people": [None, {}, "nobody", [None], [[]], [7], [{}] * (MAX_PEOPLE + 1)],
}
WRONG_PERSON: dict[str, list[Any]] = {
    "id": [-1, 2**63, "7", 7.0, True, []],
    "score": [None, "high", math.nan, math.inf, True, [1.0]],
    "joints_px": [
        None,
        [],
        [0.0] * 37,
        [0.0] * 39,
        [[0.0, 0.0]] * 19,
        [None] * 38,
        ["0"] * 38,
        [True] * 38,
        b"\x00" * 38,
    ],
    "confidence": [None, [0.0] * 18, [0.0] * 20, 1.0],
    "joints_m": [None, [0.0] * 56, [0.0] * 58, [0.0] * 5000, {}],
    "world_m": [None, [0.0] * 56, {}],
    "smooth_world_m": [None, [0.0] * 58, [math.inf] * 57],
}


def flat(table: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(name, value) for name, values in table.items() for value in values]


def shortened(value: Any) -> str | None:
    return None if isinstance(value, str) else f"{value!r:.30}"


@pytest.mark.parametrize(("name", "value"), flat(WRONG_META), ids=shortened)
def test_a_wrong_value_in_metadata_is_an_error_that_names_its_field(name: str, value: Any) -> None:
    assert named(decode_meta, msgpack.packb(meta_message(**{name: value}))) == name


@pytest.mark.parametrize(("name", "value"), flat(WRONG_POSE), ids=shortened)
def test_a_wrong_value_in_a_pose_is_an_error_that_names_its_field(name: str, value: Any) -> None:
    assert named(decode_pose, msgpack.packb(pose_message(**{name: value}))).split("[")[0] == name


@pytest.mark.parametrize(("name", "value"), flat(WRONG_PERSON), ids=shortened)
def test_a_wrong_value_in_a_person_is_an_error_that_names_person_and_field(name: str, value: Any) -> None:
    with pytest.raises(MessageError, match=rf"^people\[0\]: {name}: ") as caught:
        decode_pose(msgpack.packb(person_message(**{name: value})))
    assert caught.value.field == "people[0]"


@pytest.mark.parametrize("name", ["schema", "captured_ms", "clock", "size", "error"])
def test_a_value_nested_deeper_than_python_prints_is_an_error_that_names_its_field(name: str) -> None:
    head = msgpack.packb({"schema": 1})[1:] if name != "schema" else b""
    packed = bytes([0x81 + bool(head)]) + head + msgpack.packb(name) + NESTED
    assert named(decode_meta, packed) == name


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",  # never used
        b"\x81",  # cut off
        b"\x80\x80",  # something follows
        b"\x90",
        b"\xc0",
        b"\x01",
        b"\xa3abc",
        b"\x81\xa1\xff\x01",  # a key that is not UTF-8
        b"\x81\x90\x01",  # a key that is a list
        b"\x81\x80\x01",  # a key that is a map
        b"\xdf\xff\xff\xff\xff",  # a map of four thousand million entries
        b"\xc7\x0d\xff" + b"\xff" * 13,  # a time that is none
        b"\x91" * 5000,
        b"\x81" * 5000,
        b'{"schema": 1}',
    ],
)
@pytest.mark.parametrize(("decode", "what"), [(decode_meta, "meta"), (decode_pose, "pose")])
def test_what_is_not_a_msgpack_map_is_an_error_that_names_the_message(
    decode: Callable[[bytes], object], what: str, data: bytes
) -> None:
    assert named(decode, data) == what


@pytest.mark.parametrize(
    ("decode", "what", "most"), [(decode_meta, "meta", MAX_META_BYTES), (decode_pose, "pose", MAX_POSE_BYTES)]
)
def test_a_message_is_bounded_in_bytes(decode: Callable[[bytes], object], what: str, most: int) -> None:
    with pytest.raises(MessageError, match=f"{what}: {most + 1} bytes, more than the {most} allowed"):
        decode(b"\x80" + b"\x00" * most)


def test_as_many_people_as_allowed_fit_into_a_message() -> None:
    crowd = encode_pose(replace(golden.POSE, people=golden.POSE.people[:1] * MAX_PEOPLE))
    assert len(crowd) < MAX_POSE_BYTES
    assert len(decode_pose(crowd).people) == MAX_PEOPLE


# Anything at all ------------------------------------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8)
    | st.sampled_from(["sensor", "1-0", "cam", 1])
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(scalars, inner, max_size=4))


def outcome_of(decode: Callable[[bytes], object], data: bytes) -> object:
    """The decoded message, or the error's field. Any other error is the test's failure."""
    try:
        return decode(data)
    except MessageError as error:
        return error.field


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.binary(max_size=100) | values.map(msgpack.packb))
def test_any_bytes_are_a_message_or_a_message_error(data: bytes) -> None:
    for decode in (decode_meta, decode_pose):
        assert outcome_of(decode, data) is not None


@settings(derandomize=True, deadline=None, max_examples=300)
@given(where=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), cut=st.floats(0.5, 1))
def test_a_damaged_message_is_a_message_or_a_message_error(where: float, value: int, cut: float) -> None:
    for decode, path in ((decode_meta, golden.META_FILE), (decode_pose, golden.POSE_FILE)):
        data = bytearray(path.read_bytes())
        data[int(where * len(data))] = value
        for damaged in (bytes(data), bytes(data[: int(cut * len(data))])):
            assert outcome_of(decode, damaged) is not None


@settings(derandomize=True, deadline=None, max_examples=200)
@given(name=st.sampled_from(sorted(WRONG_POSE)), value=values, within=st.sampled_from([None, *WRONG_PERSON]))
def test_any_value_in_any_field_is_a_message_or_a_message_error(name: str, value: Any, within: str | None) -> None:
    message = pose_message(**{name: value}) if within is None else person_message(**{within: value})
    assert outcome_of(decode_pose, msgpack.packb(message)) is not None


# Small values ---------------------------------------------------------------------------------------------------------


def test_the_names_on_the_wire_are_those_of_the_wire_format() -> None:
    assert [*Policy] == ["live", "lossless"]
    assert [*Outcome] == ["posed", "superseded", "stale", "late", "dead"]
    assert [*CaptureClock] == ["sensor", "receive", "file"]


def test_an_uncalibrated_camera_is_assumed_from_the_frames_size() -> None:
    assert Intrinsics.assumed(1920, 1080) == Intrinsics(1536.0, 1536.0, 960.0, 540.0, calibrated=False)
