"""Reading single fields of untrusted messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np
import pytest

from posestream import fields
from posestream.errors import MessageError, UnsupportedSchemaError


def deeply_nested() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    "read",
    [
        lambda message: fields.required(message, "x"),
        lambda message: fields.integer(message, "x"),
        lambda message: fields.number(message, "x"),
        lambda message: fields.text(message, "x"),
        lambda message: fields.sequence(message, "x", max_length=1),
        lambda message: fields.floats(message, "x", shape=(1,)),
    ],
)
def test_a_missing_field_is_named(read: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises(MessageError, match=r"^x: missing$") as caught:
        read({"y": 1})
    assert caught.value.field == "x"


def test_a_field_may_be_there_and_empty() -> None:
    assert fields.required({"x": None}, "x") is None


@pytest.mark.parametrize("value", [3, 5, 7])
def test_a_whole_number_within_its_range_is_read(value: int) -> None:
    assert fields.integer({"x": value}, "x", low=3, high=7) == value


@pytest.mark.parametrize("value", [2, 8, 5.0, "5", True, None, [5]])
def test_what_is_not_a_whole_number_within_its_range_is_an_error_that_tells_the_range(value: Any) -> None:
    with pytest.raises(MessageError, match="x: expected a whole number from 3 to 7, not "):
        fields.integer({"x": value}, "x", low=3, high=7)


@pytest.mark.parametrize("value", [0, -3, 2.5, 2**64 - 1])
def test_a_finite_number_is_read_as_a_float(value: float) -> None:
    number = fields.number({"x": value}, "x")
    assert type(number) is float
    assert number == float(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "1", None, [1]])
def test_what_is_not_a_finite_number_is_an_error(value: Any) -> None:
    with pytest.raises(MessageError, match="x: expected a finite number, not "):
        fields.number({"x": value}, "x")


def test_text_is_bounded_in_characters() -> None:
    assert fields.text({"x": "ü" * 4}, "x", max_length=4) == "ü" * 4
    for value in ("ü" * 5, b"text", 5, None):
        with pytest.raises(MessageError, match="x: expected text of at most 4 characters"):
            fields.text({"x": value}, "x", max_length=4)


def test_a_list_is_bounded_in_elements() -> None:
    assert fields.sequence({"x": [1, 2]}, "x", max_length=2) == [1, 2]
    for value in ([1, 2, 3], (1, 2), {1: 2}, "ab", None):
        with pytest.raises(MessageError, match="x: expected a list of at most 2 elements"):
            fields.sequence({"x": value}, "x", max_length=2)


def test_floats_are_read_row_by_row_with_nan_for_what_is_missing() -> None:
    array = fields.floats({"x": [1, 2.5, math.nan, 4, 5, 6]}, "x", shape=(3, 2))
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, np.array([[1, 2.5], [math.nan, 4], [5, 6]], np.float32))


@pytest.mark.parametrize("value", [[1.0] * 5, [1.0] * 7, [1.0] * 5 + [None], [True] * 6, [[1.0, 2.0]] * 3, "123456"])
def test_floats_of_another_shape_or_kind_are_an_error(value: Any) -> None:
    with pytest.raises(MessageError, match=r"^x: expected (6 numbers \(3 x 2\)|a list of at most 6)"):
        fields.floats({"x": value}, "x", shape=(3, 2))


def test_a_schema_up_to_the_known_one_passes() -> None:
    for schema in (1, 2, 3):
        fields.check_schema({"schema": schema}, known=3, what="frame")
    with pytest.raises(UnsupportedSchemaError, match="this frame has schema 4, this program reads up to 3"):
        fields.check_schema({"schema": 4}, known=3, what="frame")


def test_a_map_is_read_up_to_its_limit_of_bytes() -> None:
    packed = msgpack.packb({"a": 1})
    assert fields.unpack_map(packed, what="it", max_bytes=len(packed)) == {"a": 1}
    with pytest.raises(MessageError, match=f"^it: {len(packed)} bytes, more than the {len(packed) - 1} allowed"):
        fields.unpack_map(packed, what="it", max_bytes=len(packed) - 1)


@pytest.mark.parametrize("value", ["x" * 10**6, list(range(10**6)), {n: n for n in range(1000)}, b"\x00" * 10**6])
def test_a_value_is_quoted_shortly_however_long_it_is(value: Any) -> None:
    assert 5 < len(fields.shown(value)) <= 80


def test_a_value_is_quoted_however_deeply_it_is_nested() -> None:
    assert fields.shown(deeply_nested()).startswith("[[[")


@pytest.mark.parametrize(("value", "quoted"), [("short", "'short'"), (7, "7"), (None, "None"), ([1, "a"], "[1, 'a']")])
def test_a_short_value_is_quoted_as_it_is(value: Any, quoted: str) -> None:
    assert fields.shown(value) == quoted
