"""A proxy that can cut replies in the middle: the command has taken effect, and who sent it does not learn so."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from types import TracebackType
from typing import Final, Self

_CHUNK: Final = 1 << 16


class CuttingProxy:
    """Forwards connections to a port of the loopback interface, on two threads each."""

    def __init__(self, port: int, seed: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._chance = random.Random(f"proxy {seed}")
        self._lock = threading.Lock()
        self._to_cut = 0
        self.cut = 0

    @property
    def url(self) -> str:
        """Where the proxy is, as a Redis URL."""
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def cut_replies(self, count: int) -> None:
        """Of each of the next `count` replies, whoever they are for, pass on a part only and break the connection."""
        with self._lock:
            self._to_cut += count

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection(self._target, timeout=5)
            except OSError:  # the server is away: the client is told so by the end of its connection
                return
            with server:
                server.settimeout(None)
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                answers = threading.Thread(target=self._answer, args=(server, client), daemon=True)
                answers.start()
                with contextlib.suppress(OSError):
                    while request := client.recv(_CHUNK):
                        server.sendall(request)
                _shut(client, server)
                answers.join()

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while reply := server.recv(_CHUNK):
                passed = self._passed_of(len(reply))
                client.sendall(reply[:passed])
                if passed < len(reply):
                    break
        _shut(client, server)

    def _passed_of(self, size: int) -> int:
        """Return how many bytes of a reply of `size` to pass on."""
        with self._lock:
            if not self._to_cut:
                return size
            self._to_cut -= 1
            self.cut += 1
            return self._chance.randrange(size)


def _shut(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):  # shut by the other side already
            end.shutdown(socket.SHUT_RDWR)
