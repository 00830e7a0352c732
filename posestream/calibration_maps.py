"""A camera's calibration as plain maps: in messages, and as JSON in the camera registry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

from posestream import fields
from posestream.calibration import Distortion, Extrinsics, Intrinsics, LensModel
from posestream.errors import MessageError

REGISTRY_FIELDS: Final = ("intrinsics", "distortion", "extrinsics")
"""Of `camera:<camera>`; each is JSON of the map of the same name in a message."""

_MOST_NUMBERS: Final = 16


def packed(
    intrinsics: Intrinsics | None, distortion: Distortion | None, extrinsics: Extrinsics | None
) -> dict[str, dict[str, Any]]:
    """Return maps `intrinsics`, `distortion` and `extrinsics` of those that there are."""
    message: dict[str, dict[str, Any]] = {}
    if intrinsics is not None:
        message["intrinsics"] = asdict(intrinsics)
    if distortion is not None:
        coefficients = [float(value) for value in distortion.coefficients]
        message["distortion"] = {"model": distortion.model.value, "coefficients": coefficients}
    if extrinsics is not None:
        rotation = [float(value) for row in extrinsics.rotation for value in row]
        translation = [float(value) for value in extrinsics.translation_m]
        message["extrinsics"] = {"rotation": rotation, "translation": translation}
    return message


def read_intrinsics(message: Mapping[str, Any]) -> Intrinsics:
    """Return the `intrinsics` of a message.

    Raises:
        MessageError: they are missing, or wrong.
    """
    with _naming("intrinsics"):
        value = _map(message, "intrinsics")
        return Intrinsics(
            fx=fields.number(value, "fx"),
            fy=fields.number(value, "fy"),
            cx=fields.number(value, "cx"),
            cy=fields.number(value, "cy"),
            calibrated=bool(value.get("calibrated", True)),
        )


def read_distortion(message: Mapping[str, Any]) -> Distortion | None:
    """Return the `distortion` of a message, None when it has none.

    Raises:
        MessageError: it is wrong.
    """
    if "distortion" not in message:
        return None
    with _naming("distortion"):
        value = _map(message, "distortion")
        return Distortion(LensModel(fields.text(value, "model")), tuple(_numbers(value, "coefficients")))


def read_extrinsics(message: Mapping[str, Any]) -> Extrinsics | None:
    """Return the `extrinsics` of a message, None when it has none.

    Raises:
        MessageError: they are wrong.
    """
    if "extrinsics" not in message:
        return None
    with _naming("extrinsics"):
        value = _map(message, "extrinsics")
        return Extrinsics.of(_numbers(value, "rotation", 9), _numbers(value, "translation", 3))


def described(
    intrinsics: Intrinsics | None, distortion: Distortion | None, extrinsics: Extrinsics | None
) -> dict[str, str]:
    """Return the same as fields of the camera registry: JSON each, and "" for what there is none of."""
    maps = packed(intrinsics, distortion, extrinsics)
    return {name: json.dumps(maps[name]) if name in maps else "" for name in REGISTRY_FIELDS}


def read_description(
    description: Mapping[str, str],
) -> tuple[Intrinsics | None, Distortion | None, Extrinsics | None]:
    """Return what the registry's fields of a camera say of its calibration.

    Raises:
        MessageError: one of them is wrong.
    """
    message: dict[str, Any] = {}
    for name in REGISTRY_FIELDS:
        with _naming(name):
            if description.get(name):
                message[name] = json.loads(description[name])
    intrinsics = read_intrinsics(message) if "intrinsics" in message else None
    return intrinsics, read_distortion(message), read_extrinsics(message)


@contextmanager
def _naming(field: str) -> Iterator[None]:
    try:
        yield
    except (MessageError, ValueError, RecursionError) as error:  # the last of JSON nested without end
        text = str(error)
        raise MessageError(text.removeprefix(f"{field}: "), field=field) from error


def _map(message: Mapping[str, Any], name: str) -> dict[Any, Any]:
    value = fields.required(message, name)
    if not isinstance(value, dict):
        raise MessageError(f"expected a map, not {type(value).__name__}", field=name)
    return value


def _numbers(message: Mapping[str, Any], name: str, count: int | None = None) -> list[float]:
    """Return a short list of finite numbers, exactly `count` of them if that is given."""
    values = fields.sequence(message, name, max_length=_MOST_NUMBERS)
    if count is not None and len(values) != count:
        raise MessageError(f"expected {count} numbers, not {len(values)}", field=name)
    return [fields.number({name: value}, name) for value in values]
