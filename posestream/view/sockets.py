"""What the viewer's WebSockets have in common."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from posestream.errors import MessageError


class NoTextError(MessageError):
    """A WebSocket's message is binary."""


async def first_of(*jobs: Any) -> None:
    """Run jobs until the first of them ends, and end the others; raises what that one has raised."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            with contextlib.suppress(WebSocketDisconnect):
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until_closed(socket: WebSocket) -> None:
    """Wait until the other side has gone; raises NoTextError when it says something binary."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await text_from(socket)


async def text_from(socket: WebSocket) -> str:
    """Return the next message, waiting for it.

    Raises:
        MessageError: it is binary.
        WebSocketDisconnect: there is none any more.
    """
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    text = message.get("text")
    if text is None:
        raise NoTextError("a binary message; only text is understood", field="message")
    return str(text)


async def close_with(socket: WebSocket, code: int, reason: object) -> None:
    """Close with a reason, of which there is room for 123 bytes."""
    await socket.close(code, str(reason).encode(errors="replace")[:123].decode(errors="ignore"))
