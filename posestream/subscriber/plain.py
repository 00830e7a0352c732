"""Events of a subscription as plain values, fit for JSON."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

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


def event_dict(event: Event) -> dict[str, Any]:
    """Return an event as a dict: `type` is its name, and the rest its attributes; frame ids as text."""
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    plain = {name: str(value) if isinstance(value, FrameId) else value for name, value in values.items()}
    if isinstance(event, Skipped):
        plain["outcomes"] = {outcome.value: count for outcome, count in event.outcomes.items()}
    return {"type": NAMES[type(event)], **plain}
