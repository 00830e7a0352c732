"""Poses as JSON for whatever can not speak Redis: Server-Sent Events and WebSocket, each reader at its own pace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import QueryParams

from posestream.errors import ConfigurationError
from posestream.keys import validate_camera_name
from posestream.messages import PoseFrame
from posestream.subscriber import Event, Position, Start
from posestream.subscriber.plain import NAMES, item_json
from posestream.subscriber.start import read_start

QUIET_S: Final = 10.0
"""Silence after which a line says that the connection is still there."""
MAX_CAMERAS: Final = 256
_MAX_RESUME_BYTES: Final = 48 * 1024


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reader asks for.

    Attributes:
        cameras: those it wants; None for all, with new ones as they appear.
        start: where to begin, as for `posestream.subscribe`.
        latest: of the poses that wait only each camera's newest.
    """

    cameras: frozenset[str] | None = None
    start: Start = "now"
    latest: bool = False


def read_wish(query: QueryParams, last_event_id: str | None) -> Wish:
    """Read a request's query, and the id of the last event that the reader has got, which is where it goes on.

    Raises:
        ConfigurationError: naming what is wrong.
    """
    cameras = query.getlist("camera")
    if len(cameras) > MAX_CAMERAS:
        raise ConfigurationError(f"camera: at most {MAX_CAMERAS} can be named; leave them out for all")
    return Wish(
        cameras=frozenset(map(validate_camera_name, cameras)) if cameras else None,
        start=_positions(last_event_id) if last_event_id else _start(query.get("start", "now")),
        latest=query.get("latest", "") not in ("", "0", "false"),
    )


async def items(subscription: AsyncIterator[PoseFrame | Event]) -> AsyncIterator[tuple[str, str] | None]:
    """Yield the name and the JSON of every item of a subscription, and None when nothing has come for a while."""
    while True:
        try:
            # `asyncio.wait_for` forgets that it was cancelled when an item comes at the same moment (Python 3.11).
            async with asyncio.timeout(QUIET_S):
                item = await anext(subscription)
        except TimeoutError:
            yield None
        except StopAsyncIteration:
            return
        else:
            yield as_json(item)


def as_json(item: PoseFrame | Event) -> tuple[str, str]:
    """Return what an item is called, and the item as a JSON object that says so under `type`."""
    return "pose" if isinstance(item, PoseFrame) else NAMES[type(item)], item_json(item)


def sse(name: str, data: str, positions: Mapping[str, Position]) -> str:
    """Return a message of Server-Sent Events; a pose is one without a name, which `onmessage` gets.

    Its id is what the reader has got by now of each camera, so that a browser that comes back goes on from there.
    """
    event = "" if name == "pose" else f"event: {name}\n"
    event_id = json.dumps({camera: str(at) for camera, at in positions.items()}, separators=(",", ":"))
    return f"{event}id: {event_id}\ndata: {data}\n\n"


def _start(text: str) -> str:
    read_start(text)  # refuses what is none
    return text


def _positions(last_event_id: str) -> Mapping[str, Position]:
    if len(last_event_id) > _MAX_RESUME_BYTES:
        raise ConfigurationError("last event id: too long to be one of this viewer's")
    try:
        read: Any = json.loads(last_event_id)
        return {validate_camera_name(camera): Position.parse(at) for camera, at in read.items()}
    except (ValueError, AttributeError, TypeError, RecursionError, ConfigurationError) as error:
        raise ConfigurationError(f"last event id: not one of this viewer's ({error})") from error
