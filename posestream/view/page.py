"""One page that looks: what it wants to see, and what is to be sent to it next.

A page gives back a credit for every moment that it has shown. Of a camera for which it has none left only the newest
moment is kept, so that a slow page, or a slow network, sees less and never sees it late.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from posestream.errors import ConfigurationError, MessageError
from posestream.keys import validate_camera_name
from posestream.view.wire import HELLO, Shown

CREDITS: Final = 3
MAX_WATCHED: Final = 256


class Channel(Protocol):
    """Where a page's messages go."""

    async def send_text(self, data: str) -> None:
        """Send JSON, waiting for room."""

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message, waiting for room."""


class Page:
    """What one page is due."""

    def __init__(self) -> None:
        self.watched: Mapping[str, bool] = {}
        """The cameras that it looks at, and of each whether it shows the pictures."""
        self.left_out = 0
        """Moments it was too slow for."""
        self._status: str | None = None
        self._shown: dict[str, Shown] = {}
        self._credits: dict[str, int] = {}
        self._due = asyncio.Event()

    def hear(self, message: str) -> bool:
        """Take in what the page says; tells whether it looks at other cameras now.

        Raises:
            MessageError: it is none of what a page says.
        """
        said = _read(message)
        if "seen" in said:
            camera = said["seen"]
            if not isinstance(camera, str):
                raise MessageError("expected a camera's name", field="seen")
            if camera in self._credits:
                self._credits[camera] = min(CREDITS, self._credits[camera] + 1)
            self._due.set()
            return False
        self.watched = _read_watched(said.get("watch"))
        self._credits = {camera: self._credits.get(camera, CREDITS) for camera in self.watched}
        self._shown = {camera: shown for camera, shown in self._shown.items() if camera in self.watched}
        return True

    def tell(self, status: str) -> None:
        """Send this status next, in place of one that has not been sent yet."""
        self._status = status
        self._due.set()

    def show(self, camera: str, shown: Shown) -> None:
        """Send this moment as soon as the page has shown an earlier one, unless a newer one comes first."""
        self.left_out += camera in self._shown
        self._shown[camera] = shown
        self._due.set()

    async def send(self, channel: Channel) -> None:
        """Send what is due, for ever; first of all, of what people consist."""
        await channel.send_text(HELLO)
        while True:
            await self._due.wait()
            self._due.clear()
            if self._status is not None:
                status, self._status = self._status, None
                await channel.send_text(status)
            for camera in [camera for camera in self._shown if self._credits.get(camera, 0) > 0]:
                # Whatever came during an earlier turn of this loop counts: the newest is sent.
                shown = self._shown.pop(camera, None)
                if shown is not None and camera in self.watched:
                    self._credits[camera] -= 1
                    await channel.send_bytes(shown.with_picture if self.watched[camera] else shown.without_picture)


def _read(message: str) -> dict[str, Any]:
    try:
        said = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"not JSON: {error}", field="message") from error
    if not isinstance(said, dict):
        raise MessageError("expected an object", field="message")
    return said


def _read_watched(watched: Any) -> dict[str, bool]:
    if not isinstance(watched, dict) or len(watched) > MAX_WATCHED:
        raise MessageError(f"expected an object of at most {MAX_WATCHED} cameras", field="watch")
    try:
        return {validate_camera_name(camera): bool(pictures) for camera, pictures in watched.items()}
    except ConfigurationError as error:
        raise MessageError(str(error), field="watch") from error
