"""The viewer as an ASGI application: the page, its connection, and the JSON bridge."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from posestream.errors import BrokerError, ConfigurationError, MessageError, PosestreamError
from posestream.messages import PoseFrame
from posestream.subscriber import AsyncSubscription, Event, asubscribe
from posestream.view.access import COOKIE, Gate
from posestream.view.bridge import Wish, items, read_wish, sse
from posestream.view.guard import LIVE, Guard
from posestream.view.hub import Hub, HubFullError
from posestream.view.page import Page
from posestream.view.places import Places, Stream
from posestream.view.sockets import NoTextError, close_with, first_of, text_from, until_closed

logger = logging.getLogger(__name__)

MAX_READERS: Final = 64
_PAGE: Final = Path(__file__).parent / "web"
_ASSETS: Final = frozenset(path.name for path in _PAGE.iterdir() if path.suffix in (".js", ".css", ".svg"))
_MAX_FORM_BYTES: Final = 4096
_COOKIE_S: Final = 30 * 86_400
_TRY_LATER: Final = 1013  # WebSocket
_NO_TEXT: Final = 1003
_WRONG: Final = 1007
_BAD_QUERY: Final = 1008


class Viewer:
    """The application's handlers."""

    def __init__(self, url: str, prefix: str, gate: Gate, on_failure: Callable[[BaseException], None]) -> None:
        self._url = url
        self._prefix = prefix
        self._gate = gate
        self._hub = Hub(url, prefix, on_failure)
        self._readers = Places(MAX_READERS)

    def application(self) -> Starlette:
        """Return the application."""
        routes = [
            Route("/", self.index),
            Route(LIVE, self.alive),
            Route("/signin", self.sign_in, methods=["POST"]),
            Route("/api/cameras", self.cameras),
            Route("/api/poses", self.poses_by_sse),
            WebSocketRoute("/api/poses", self.poses_by_websocket),
            WebSocketRoute("/api/live", self.live),
            Route("/{asset}", self.asset),
        ]
        middleware = [
            Middleware(
                CORSMiddleware,
                allow_origins=sorted(self._gate.origins),
                allow_headers=["authorization", "last-event-id"],
            ),
            Middleware(Guard, self._gate),
        ]
        return Starlette(routes=routes, middleware=middleware, lifespan=self._lifespan)

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self._hub.close()

    async def alive(self, request: Request) -> Response:
        """That the loop turns, for probes; nothing else, as anybody may ask."""
        return JSONResponse({"ok": True})

    # The page ---------------------------------------------------------------------------------------------------------

    async def index(self, request: Request) -> Response:
        """The page, or the door in front of it; a token in the address opens it and leaves the address."""
        token = request.query_params.get("token")
        if token is not None and self._gate.is_token(token):
            return self._signed_in(request)
        if not self._gate.admits(request.headers, request.cookies, None):
            return _file("signin.html", 401)
        return _file("index.html")

    async def sign_in(self, request: Request) -> Response:
        """Take the token from the door's form."""
        form = b""
        async for part in request.stream():
            form += part
            if len(form) > _MAX_FORM_BYTES:
                return JSONResponse({"error": "the form is too large"}, 413)
        token = parse_qs(form.decode("utf-8", "replace")).get("token", [""])[0]
        return self._signed_in(request) if self._gate.is_token(token) else RedirectResponse("./#wrong", 303)

    def _signed_in(self, request: Request) -> Response:
        response = RedirectResponse("./", 303)
        secure = request.url.scheme == "https"
        response.set_cookie(
            COOKIE, self._gate.cookie, httponly=True, samesite="strict", secure=secure, max_age=_COOKIE_S
        )
        return response

    async def asset(self, request: Request) -> Response:
        """One of the page's own files, each by its name."""
        name = request.path_params["asset"]
        return _file(name) if name in _ASSETS else JSONResponse({"error": "there is no such page"}, 404)

    async def live(self, socket: WebSocket) -> None:
        """The page's connection: what it looks at, and what is to be seen there."""
        await socket.accept()
        try:
            async with self._hub.page() as page:
                await first_of(page.send(socket), self._listen(socket, page))
        except HubFullError as error:
            await close_with(socket, _TRY_LATER, error)
        except NoTextError as error:
            await close_with(socket, _NO_TEXT, error)
        except MessageError as error:
            await close_with(socket, _WRONG, error)

    async def _listen(self, socket: WebSocket, page: Page) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                if page.hear(await text_from(socket)):
                    await self._hub.rearrange()

    # The bridge -------------------------------------------------------------------------------------------------------

    async def cameras(self, request: Request) -> Response:
        """Which cameras there are, and how each does."""
        try:
            return JSONResponse(await self._hub.cameras())
        except BrokerError as error:
            return JSONResponse({"error": str(error)}, 503)

    async def poses_by_sse(self, request: Request) -> Response:
        """Poses as Server-Sent Events."""
        try:
            wish = _wish(request.query_params, request.headers.get("last-event-id"))
        except ConfigurationError as error:
            return JSONResponse({"error": str(error)}, 400)
        if not self._readers.enter():
            return JSONResponse({"error": f"{self._readers.most} readers are connected already"}, 503)
        return Stream(self._events(wish), self._readers)

    async def _events(self, wish: Wish) -> AsyncIterator[str]:
        yield "retry: 2000\n\n"
        try:
            async with self._subscription(wish) as poses:
                async for item in items(poses):
                    yield ": still here\n\n" if item is None else sse(*item, poses.positions)
        except PosestreamError as error:  # ends the response; the browser tries again
            logger.warning("a reader of poses: %s", error)

    async def poses_by_websocket(self, socket: WebSocket) -> None:
        """The same as text messages."""
        try:
            wish = _wish(socket.query_params, None)
        except ConfigurationError as error:
            await close_with(socket, _BAD_QUERY, error)
            return
        entered = self._readers.enter()
        try:
            await socket.accept()
            if entered:
                await first_of(self._send_poses(socket, wish), until_closed(socket))
            else:
                await close_with(socket, _TRY_LATER, f"{self._readers.most} readers are connected already")
        except NoTextError as error:
            await close_with(socket, _NO_TEXT, error)
        finally:
            if entered:
                self._readers.leave()

    async def _send_poses(self, socket: WebSocket, wish: Wish) -> None:
        try:
            async with self._subscription(wish) as poses:
                async for item in items(poses):
                    if item is not None:
                        await socket.send_text(item[1])
        except PosestreamError as error:
            logger.warning("a reader of poses: %s", error)
            await close_with(socket, _TRY_LATER, error)

    def _subscription(self, wish: Wish) -> AsyncSubscription[PoseFrame | Event]:
        return asubscribe(
            self._url, prefix=self._prefix, cameras=wish.cameras, start=wish.start, latest=wish.latest, events=True
        )


def create_app(url: str, prefix: str, gate: Gate, on_failure: Callable[[BaseException], None]) -> Starlette:
    """Return the viewer's application; nothing is read before the first page asks.

    `on_failure` is told of what can only be a mistake in the program, after which the process should end.
    """
    return Viewer(url, prefix, gate, on_failure).application()


def _wish(query: Any, last_event_id: str | None) -> Wish:
    return read_wish(query, last_event_id or query.get("last_event_id"))


def _file(name: str, status: int = 200) -> Response:
    return FileResponse(_PAGE / name, status, headers={"cache-control": "no-cache"})
