"""Reading one field of an untrusted message, so that an error names the field and says what was expected."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt

from posestream.errors import MessageError, UnsupportedSchemaError

LARGEST_FLOAT32 = (2 - 2**-23) * 2.0**127
"""Floats travel as float32; what does not fit counts as infinite."""


def unpack_map(data: bytes, *, what: str, max_bytes: int) -> dict[str, Any]:
    """Decode a msgpack map with text keys.

    Raises:
        MessageError: larger than `max_bytes`, not msgpack, or not a map.
    """
    if len(data) > max_bytes:
        raise MessageError(f"{len(data)} bytes, more than the {max_bytes} allowed", field=what)
    try:
        message = msgpack.unpackb(data, raw=False, strict_map_key=False)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:  # TypeError: a map's key is a list
        raise MessageError(f"not msgpack ({error or type(error).__name__})", field=what) from error
    if not isinstance(message, dict):
        raise MessageError(f"expected a map, not {type(message).__name__}", field=what)
    return message


def check_schema(message: Mapping[str, Any], *, known: int, what: str) -> None:
    """Refuse a message whose schema is newer than `known` (a major version: additions alone do not raise it)."""
    schema = integer(message, "schema", low=1)
    if schema > known:
        raise UnsupportedSchemaError(
            f"this {what} has schema {schema}, this program reads up to {known}: upgrade posestream", field="schema"
        )


def shown(value: Any) -> str:
    """Return a value as an error's message quotes it: shortened, however long or deeply nested it is."""
    return f"{reprlib.repr(value):.80}"


def required(message: Mapping[str, Any], name: str) -> Any:
    """Return the value of a field that must be there."""
    try:
        return message[name]
    except KeyError:
        raise MessageError("missing", field=name) from None


def integer(message: Mapping[str, Any], name: str, *, low: int = 0, high: int = 2**63 - 1) -> int:
    """Return a whole number from `low` to `high`."""
    value = required(message, name)
    if type(value) is not int or not low <= value <= high:
        raise MessageError(f"expected a whole number from {low} to {high}, not {shown(value)}", field=name)
    return value


def number(message: Mapping[str, Any], name: str) -> float:
    """Return a finite number."""
    value = required(message, name)
    if type(value) not in (int, float) or not abs(value) <= LARGEST_FLOAT32:
        raise MessageError(f"expected a finite number, not {shown(value)}", field=name)
    return float(value)


def text(message: Mapping[str, Any], name: str, *, max_length: int = 1024) -> str:
    """Return a text of at most `max_length` characters."""
    value = required(message, name)
    if not isinstance(value, str) or len(value) > max_length:
        raise MessageError(f"expected text of at most {max_length} characters, not {shown(value)}", field=name)
    return value


def sequence(message: Mapping[str, Any], name: str, *, max_length: int) -> list[Any]:
    """Return a list of at most `max_length` elements."""
    value = required(message, name)
    if not isinstance(value, list) or len(value) > max_length:
        raise MessageError(f"expected a list of at most {max_length} elements, not {shown(value)}", field=name)
    return value


def floats(message: Mapping[str, Any], name: str, *, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return a flat list of numbers (row by row, NaN allowed) as a float32 array of `shape`."""
    size = math.prod(shape)
    value = sequence(message, name, max_length=size)
    if len(value) != size or not set(map(type, value)) <= {int, float}:
        raise MessageError(f"expected {size} numbers ({' x '.join(map(str, shape))})", field=name)
    with np.errstate(over="ignore"):
        array = np.array(value, dtype=np.float32).reshape(shape)
    if np.isinf(array).any():
        raise MessageError("expected finite numbers, or NaN for what is missing", field=name)
    return array
