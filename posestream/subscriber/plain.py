"""What a subscription gives, frames and events, as plain values and as JSON that says what it is."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, Final

from posestream.frames import PoseFrame
from posestream.keys import FrameId
from posestream.subscriber.events import (
    CameraOffline,
    CameraOnline,
    CameraRemoved,
    Disconnected,
    Event,
    Gap,
    Reconnected,
    Skipped,
    Unreadable,
)

NAMES: Final[dict[type, str]] = {
    Gap: "gap",
    Skipped: "skipped",
    CameraOnline: "camera-online",
    CameraOffline: "camera-offline",
    CameraRemoved: "camera-removed",
    Unreadable: "unreadable",
    Disconnected: "disconnected",
    Reconnected: "reconnected",
}


def item_json(item: PoseFrame | Event) -> str:
    """Return a frame or an event as a JSON object on one line; `type` is `pose`, or the event's name."""
    if isinstance(item, PoseFrame):
        return '{"type": "pose", ' + item.to_json()[1:]
    return json.dumps(event_dict(item), allow_nan=False)


def event_dict(event: Event) -> dict[str, Any]:
    """Return an event as a dict: `type` is its name, and the rest its attributes; frame ids as text."""
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    plain = {name: str(value) if isinstance(value, FrameId) else value for name, value in values.items()}
    if isinstance(event, Skipped):
        plain["outcomes"] = {outcome.value: count for outcome, count in event.outcomes.items()}
    return {"type": NAMES[type(event)], **plain}
