"""Liveness and readiness over HTTP, on a port of their own.

Alive means that every loop of the process still turns: each beats under its name, and one that has been silent for too
long fails /live. Waiting for an absent server is turning, too. Ready means that the process can do its work right now.
"""

from __future__ import annotations

import json
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from posestream.errors import ConfigurationError


class Health:
    """The state behind the two endpoints; every method may be called from any thread."""

    def __init__(self, silent_after_s: float = 30.0) -> None:
        self._silent_after_s = silent_after_s
        self._lock = threading.Lock()
        self._beats: dict[str, float] = {}
        self._unready: dict[str, str] = {}

    def beat(self, loop: str) -> None:
        """Say that a loop turns."""
        with self._lock:
            self._beats[loop] = time.monotonic()

    def forget(self, loop: str) -> None:
        """Expect no more beats from a loop that has ended."""
        with self._lock:
            self._beats.pop(loop, None)

    def set_ready(self, part: str, problem: str | None) -> None:
        """Say that a part of the process is ready (None), or why it is not."""
        with self._lock:
            if problem is None:
                self._unready.pop(part, None)
            else:
                self._unready[part] = problem

    def liveness(self) -> tuple[bool, dict[str, float]]:
        """Return whether every loop turns, and each one's seconds of silence."""
        with self._lock:
            now = time.monotonic()
            silence = {loop: round(now - beat, 1) for loop, beat in self._beats.items()}
        return all(seconds < self._silent_after_s for seconds in silence.values()), silence

    def readiness(self) -> tuple[bool, dict[str, str]]:
        """Return whether everything is ready, and what is not."""
        with self._lock:
            return not self._unready, dict(self._unready)


class HealthServer:
    """Serves /live and /ready: 200 or 503, with the reason as JSON."""

    def __init__(self, health: Health, host: str, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_GET(self) -> None:
                checks = {"/live": health.liveness, "/ready": health.readiness}
                check = checks.get(self.path.partition("?")[0])
                if check is None:
                    self.send_error(HTTPStatus.NOT_FOUND, "there are /live and /ready")
                    return
                good, details = check()
                body = json.dumps({"ok": good, "details": details}).encode() + b"\n"
                self.send_response(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Leave probes out of the log."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise ConfigurationError(f"health port {host}:{port}: {error.strerror or error}") from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
