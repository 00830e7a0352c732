"""The gate in front of the application, and the headers behind it."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from posestream.view.access import Gate

LIVE: Final = "/live"
"""The one address that answers whoever asks, by whatever name: a probe knows no token."""

_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_REFUSED: Final = 1008  # WebSocket: policy violation


class Guard:
    """ASGI middleware: lets through what the gate lets through, and adds what browsers are to be strict about."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that is refused, and pass any other on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(HTTPConnection(scope))
        if refusal is None:
            await self._app(scope, receive, _hardened(send))
        elif scope["type"] == "websocket":
            await receive()
            await WebSocketClose(code=_REFUSED, reason=refusal.headers["x-reason"])(scope, receive, send)
        else:
            await refusal(scope, receive, _hardened(send))

    def _refusal(self, request: HTTPConnection) -> Response | None:
        if request.scope["type"] == "http" and request.scope["path"] == LIVE:
            return None
        host = request.headers.get("host", "")
        if not self._gate.knows_host(host):
            return _refused(421, f"this viewer is on this machine alone, and not called {host!r}")
        api = str(request.scope["path"]).startswith("/api/")
        if api and not self._gate.knows_origin(request.headers.get("origin"), host):
            return _refused(403, "pages of this origin may not read the API; see --allow-origin")
        if api and not self._gate.admits(request.headers, request.cookies, request.query_params.get("token")):
            return _refused(401, "the token is missing or wrong: `Authorization: Bearer TOKEN`, or ?token=")
        return None


def _hardened(send: Send) -> Send:
    async def hardened(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_HEADERS)
        await send(message)

    return hardened


def _refused(status: int, reason: str) -> Response:
    response = JSONResponse({"error": reason}, status)
    response.headers["x-reason"] = reason.encode("ascii", "replace").decode()
    if status == 401:
        response.headers["www-authenticate"] = "Bearer"
    return response
