"""A pose as one line: for people, and as JSON for pipes."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np

from posestream.messages import Person, PoseFrame
from posestream.skeleton import PELVIS


def text_line(pose: PoseFrame) -> str:
    """Return e.g. `12:03:04.123  lobby  #42  2 people  7 at (0.3, 0.1, 4.2) m  ·  9 at (1.0, 0.1, 3.3) m`."""
    captured = datetime.fromtimestamp(pose.captured_ms / 1000).astimezone()
    count = len(pose.people)
    parts = [
        f"{captured:%H:%M:%S}.{pose.captured_ms % 1000:03d}",
        pose.camera,
        f"#{pose.seq}",
        f"{count} {'person' if count == 1 else 'people'}",
        "  ·  ".join(_person_text(person) for person in pose.people),
    ]
    return "  ".join(part for part in parts if part)


def json_line(pose: PoseFrame) -> str:
    """Return the pose as a JSON object on one line; joints as lists per joint, what is not seen as null."""
    return json.dumps(
        {
            "camera": pose.camera,
            "id": str(pose.id),
            "seq": pose.seq,
            "captured_ms": pose.captured_ms,
            "clock": pose.clock.value,
            "size": list(pose.size_wh),
            "intrinsics": asdict(pose.intrinsics),
            "space": "camera",
            "people": [_person_json(person) for person in pose.people],
        },
        allow_nan=False,
    )


def _person_text(person: Person) -> str:
    x, y, z = person.joints_m[PELVIS]
    name = "" if person.id is None else f"{person.id} "
    return f"{name}at ({x:.2f}, {y:.2f}, {z:.2f}) m"


def _person_json(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "score": round(person.score, 4),
        "joints_px": [[_number(value, 2) for value in joint] for joint in person.joints_px],
        "confidence": [round(float(value), 4) for value in person.confidence],
        "joints_m": [[_number(value, 4) for value in joint] for joint in person.joints_m],
    }


def _number(value: np.float32, digits: int) -> float | None:
    return None if math.isnan(value) else round(float(value), digits)
