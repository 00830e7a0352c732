"""How many readers the bridge has room for; each is let in before it is answered, or told that there is no room."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class Places:
    """Room for `most` readers."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken = 0

    def enter(self) -> bool:
        """Take a place, to be given back by `leave`; False when there is none."""
        if self._taken >= self.most:
            return False
        self._taken += 1
        return True

    def leave(self) -> None:
        """Give a place back."""
        self._taken -= 1


class Stream(StreamingResponse):
    """Server-Sent Events for a reader that has a place, which is given back however the response ends."""

    def __init__(self, events: AsyncIterator[str], places: Places) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, until the reader has gone or there is nothing more to tell."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._places.leave()
