"""A pose or an event as one line for people, in colour where that is shown."""

from __future__ import annotations

import zlib
from datetime import datetime
from typing import Final

from rich.text import Text

from posestream.messages import Outcome, Person, PoseFrame
from posestream.skeleton import PELVIS
from posestream.subscriber import (
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

_COLOURS: Final = ("bright_cyan", "bright_yellow", "bright_magenta", "bright_green", "bright_blue", "bright_red")


def text_line(pose: PoseFrame) -> Text:
    """Return e.g. `12:03:04.123  lobby  #42  2 people  7 at (0.3, 0.1, 4.2) m  ·  9 at (1.0, 0.1, 3.3) m`.

    Where the camera has a place in the world, it is the places there that are told.
    """
    captured = datetime.fromtimestamp(pose.captured_ms / 1000).astimezone()
    count = len(pose.people)
    parts = [
        Text(f"{captured:%H:%M:%S}.{pose.captured_ms % 1000:03d}", "dim"),
        Text(pose.camera, _colour(zlib.crc32(pose.camera.encode()))),
        Text(f"#{pose.seq}", "dim"),
        Text(f"{count} {'person' if count == 1 else 'people'}", "" if count else "dim"),
    ]
    if pose.people:
        parts.append(Text("  ·  ").join(map(_person_text, pose.people)))
    return Text("  ").join(parts)


def event_line(event: Event) -> Text:
    """Return an event as a line."""
    match event:
        case Gap():
            missed = "an unknown number of frames" if event.missed is None else f"up to {event.missed} frames"
            told, style = f"{event.camera}  gap: {missed} published and no longer kept", "bold red"
        case Skipped():
            told, style = f"{event.camera}  {event.count} without a pose: {_outcomes(event)}", "yellow"
        case CameraOnline():
            told, style = f"{event.camera}  online", "green"
        case CameraOffline():
            told, style = f"{event.camera}  offline: its producer is silent", "red"
        case CameraRemoved():
            told, style = f"{event.camera}  removed", "red"
        case Unreadable():
            told, style = f"unreadable pose: {event.camera} {event.id}: {event.error}", "red"
        case Disconnected():
            told, style = f"server away: {event.error}", "red"
        case Reconnected():
            told, style = "server reached again", "green"
    return Text(told, style)


def _outcomes(event: Skipped) -> str:
    told = [f"{event.outcomes[outcome]} {outcome}" for outcome in Outcome if event.outcomes.get(outcome)]
    rest = event.count - sum(event.outcomes.values())
    return ", ".join(told + ([f"{rest} late or lost"] if rest > 0 else []))


def _person_text(person: Person) -> Text:
    joints_m = person.joints_m if person.world_m is None else person.world_m
    x, y, z = joints_m[PELVIS]
    place = f"at ({x:.2f}, {y:.2f}, {z:.2f}) m"
    return Text(place) if person.id is None else Text.assemble((f"{person.id} ", f"bold {_colour(person.id)}"), place)


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]
