"""A real HTTP server of one file, with the faults that real servers and networks have."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request; what is not given goes well."""

    status: int | None = None
    """Answer with this status and no file."""
    cut_after: int | None = None
    """Close the connection after so many bytes of the body."""
    without_length: bool = False
    ignore_range: bool = False
    range_shifted_by: int = 0
    """Send another part than was asked for, and say so."""
    redirect_to: str | None = None
    pause_s: float = 0.0
    """Between any two KiB of the body."""


@dataclass
class FileServer:
    """Serves `content` under any path; the n-th request meets the n-th fault, later ones none or the `last` one."""

    content: bytes
    faults: list[Fault] = field(default_factory=list)
    last: Fault = Fault()
    url: str = ""
    ranges: list[str | None] = field(default_factory=list)
    """The Range header of each request, in order."""
    sent_bytes: int = 0

    def next_fault(self) -> Fault:
        index = len(self.ranges) - 1
        return self.faults[index] if index < len(self.faults) else self.last


@contextlib.contextmanager
def running(server: FileServer) -> Iterator[FileServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.ranges.append(self.headers.get("Range"))
            with contextlib.suppress(ConnectionError):
                _answer(self, server, server.next_fault())

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{listener.server_address[1]}/net.tar.gz"
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, server: FileServer, fault: Fault) -> None:
    if fault.status is not None or fault.redirect_to is not None:
        handler.send_response(fault.status or 302)
        if fault.redirect_to is not None:
            handler.send_header("Location", fault.redirect_to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    body = _head(handler, server, fault)
    for start in range(0, len(body), 1024):
        part = body[start : start + 1024]
        handler.wfile.write(part)
        server.sent_bytes += len(part)
        time.sleep(fault.pause_s)
    handler.close_connection = True


def _head(handler: BaseHTTPRequestHandler, server: FileServer, fault: Fault) -> bytes:
    """Send the head and return the body that is to follow."""
    asked, total = handler.headers.get("Range"), len(server.content)
    start = 0
    if asked is None or fault.ignore_range:
        handler.send_response(200)
    else:
        start = int(asked.removeprefix("bytes=").removesuffix("-")) + fault.range_shifted_by
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
    if not fault.without_length:
        handler.send_header("Content-Length", str(total - start))
    handler.end_headers()
    return server.content[start:][: fault.cut_after]
