"""Cameras behind HTTP, as real servers on the loopback interface."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.servers import free_port
from tests.unit.producer.media import encoded

SENSOR_MS = 1_750_000_000_000
STEP_MS = 20


class HttpCamera:
    """Serves /video (Motion JPEG, 50 frames a second, each with its X-Timestamp), /snapshot, and /page.

    The frames are numbered over all connections: `frame(n)` is the nth, stamped SENSOR_MS + n * STEP_MS.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.sent = 0
        self.requests: list[str] = []
        self.authorization: str | None = None
        self._images = [encoded(number) for number in range(25)]
        self._connections: list[socket.socket] = []
        self._server: ThreadingHTTPServer | None = None

    def url(self, path: str, login: str = "") -> str:
        return f"http://{login}127.0.0.1:{self.port}{path}"

    def frame(self, number: int) -> bytes:
        return self._images[number % len(self._images)]

    def next_frame(self) -> int:
        self.sent += 1
        return self.sent

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self, self._connections))
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def vanish(self) -> None:
        """Close the port and cut every connection."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.clear()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.vanish()


def _handler(camera: HttpCamera, connections: list[socket.socket]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            connections.append(self.connection)
            camera.requests.append(self.path)
            camera.authorization = self.headers.get("Authorization")
            pages: dict[str, Callable[[], None]] = {"/video": self._video, "/snapshot": self._snapshot}
            with contextlib.suppress(OSError):
                pages.get(self.path.partition("?")[0], self._page)()

        def _head(self, content_type: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.end_headers()

        def _video(self) -> None:
            self._head("multipart/x-mixed-replace; boundary=frame")
            while True:
                number = camera.next_frame()
                image = camera.frame(number)
                stamp_s = (SENSOR_MS + number * STEP_MS) / 1000
                self.wfile.write(
                    f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(image)}\r\n"
                    f"X-Timestamp: {stamp_s:.3f}\r\n\r\n".encode()
                    + image
                    + b"\r\n"
                )
                time.sleep(STEP_MS / 1000)

        def _snapshot(self) -> None:
            self._head("image/jpeg")
            self.wfile.write(camera.frame(camera.next_frame()))

        def _page(self) -> None:
            self._head("text/html")
            self.wfile.write(b"<html>log in</html>")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


class SilentPort:
    """Takes connections and never answers."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(15)
        self._connections: list[socket.socket] = []
        self.port = int(self._listener.getsockname()[1])

    def take_connection(self) -> None:
        """Wait for the next connection."""
        self._connections.append(self._listener.accept()[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (self._listener, *self._connections):
            each.close()
