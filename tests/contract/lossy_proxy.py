"""A proxy that loses a reply: the command takes effect on the server, and the connection breaks before it is told."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self


class LossyProxy:
    """Forwards connections to a port of the loopback interface; loses the reply to what `lose_reply_to` names."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pattern: bytes | None = None
        self.lost = 0
        self.seen: list[bytes] = []

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def lose_reply_to(self, command: str) -> None:
        """Lose the reply to the next request that contains this text."""
        self._pattern = command.encode()

    def requests(self, command: str) -> int:
        """How many requests so far contained this text."""
        return sum(command.encode() in request for request in self.seen)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            doomed = threading.Event()
            threading.Thread(target=self._answer, args=(server, client, doomed), daemon=True).start()
            while request := _read(client):
                self.seen.append(request)
                if self._pattern is not None and self._pattern in request:
                    self._pattern = None
                    doomed.set()
                server.sendall(request)

    def _answer(self, server: socket.socket, client: socket.socket, doomed: threading.Event) -> None:
        while reply := _read(server):
            if doomed.is_set():
                self.lost += 1
                break
            client.sendall(reply)
        for end in (client, server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:  # closed by the other side already
                continue


def _read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 20)
    except OSError:
        return b""
