"""Frames and people as plain values, fit for JSON: the fields of the wire format, and None for what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from posestream import calibration_maps

if TYPE_CHECKING:
    from posestream.frames import FloatArray, Person, PoseFrame

PX_DIGITS: Final = 2
M_DIGITS: Final = 4
_METRES: Final = ("joints_m", "smooth_m", "world_m", "smooth_world_m")


def frame_dict(frame: PoseFrame) -> dict[str, Any]:
    """Return a frame as a dict: joints as lists per joint, pixels to 0.01, metres to 0.1 mm."""
    return {
        "camera": frame.camera,
        "id": str(frame.id),
        "seq": frame.seq,
        "captured_ms": frame.captured_ms,
        "clock": frame.clock.value,
        "size": list(frame.size_wh),
        **dict.fromkeys(calibration_maps.REGISTRY_FIELDS),
        **calibration_maps.packed(frame.intrinsics, frame.distortion, frame.extrinsics),
        "space": "camera",
        "previous": None if frame.previous is None else str(frame.previous),
        "skipped": {outcome.value: count for outcome, count in frame.skipped.items()},
        "people": [person_dict(person) for person in frame.people],
    }


def person_dict(person: Person) -> dict[str, Any]:
    """Return a person as a dict."""
    return {
        "id": person.id,
        "score": round(float(person.score), 4),
        "joints_px": _numbers(person.joints_px, PX_DIGITS),
        "confidence": _numbers(person.confidence, 4),
        **{name: _numbers(getattr(person, name), M_DIGITS) for name in _METRES},
    }


def _numbers(array: FloatArray | None, digits: int) -> list[Any] | None:
    if array is None:
        return None
    rounded = np.round(array.astype(np.float64), digits)
    values = rounded.astype(object)
    values[np.isnan(rounded)] = None
    return list(values.tolist())
