"""`posestream view` as a real process, and a page's connection to it without a page."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.fleet import ROOT, wait_until


class Viewer:
    """The process; killed at the end. `flags` go to the command line."""

    def __init__(self, redis_url: str, prefix: str, folder: Path, *flags: str, **settings: str) -> None:
        self._flags = flags
        own = {f"POSESTREAM_{name.upper()}": value for name, value in settings.items()}
        named = {"POSESTREAM_REDIS_URL": redis_url, "POSESTREAM_PREFIX": prefix}
        self._environment = {**os.environ, **named, **own, "PYTHONPATH": str(ROOT)}
        self._log = folder / "view.log"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def said(self) -> str:
        return self._log.read_text()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> Self:
        """Start it, on the port that it had before if it has run before; returns when it listens."""
        command = [sys.executable, "-m", "posestream.cli", "view", "--port", str(self.port), *self._flags]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, env=self._environment, cwd=ROOT, stdout=log, stderr=log)
        address = re.compile(r"posestream view: https?://\S+:(\d+)/")
        wait_until(lambda: bool(address.search(self.said) or self._ended()), seconds=60, what="it listens")
        found = address.search(self.said)
        assert found is not None, self.said
        self.port = int(found[1])
        return self

    def _ended(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None

    def stop(self, *, kill: bool = False) -> int:
        """End it; returns its exit code."""
        assert self.process is not None
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        return self.process.wait(timeout=20)

    @contextmanager
    def page(self, **options: Any) -> Iterator[Connection]:
        """Connect as a page does."""
        with connect(f"ws://localhost:{self.port}/api/live", open_timeout=20, **options) as socket:
            yield Connection(socket)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(kill=True)
        if error is not None:
            print(self.said)


class Connection:
    """What a page hears and says."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def watch(self, **cameras: bool) -> None:
        """Look at these cameras from now on, each with its pictures or without."""
        self.socket.send(json.dumps({"watch": cameras}))

    def status(self, seconds: float = 20) -> dict[str, Any]:
        """The next status."""
        while True:
            message = self._next(seconds)
            if isinstance(message, str) and (told := json.loads(message))["type"] == "status":
                return told

    def wait_for_camera(self, camera: str) -> dict[str, Any]:
        """The first status that knows a camera."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            status = self.status()
            if any(known["name"] == camera for known in status["cameras"]):
                return status
        raise AssertionError(f"no camera {camera}")

    def moment(self, seconds: float = 20) -> tuple[dict[str, Any], bytes]:
        """The next moment, as header and image; says that it has been shown."""
        while True:
            message = self._next(seconds)
            if isinstance(message, bytes):
                length = int.from_bytes(message[:4], "big")
                header = json.loads(message[4 : 4 + length])
                self.socket.send(json.dumps({"seen": header["camera"]}))
                return header, message[4 + length :]

    def _next(self, seconds: float) -> str | bytes:
        return self.socket.recv(timeout=seconds)


def events(response: httpx.Response) -> Any:
    """Yield the messages of Server-Sent Events as (name, id, data), as a browser reads them."""
    name, event_id = "message", ""
    for line in response.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "id":
            event_id = value
        elif field == "data":
            yield name, event_id, json.loads(value)
            name = "message"
