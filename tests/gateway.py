"""The address of a server that moves: a port that forwards to whichever server is behind it now."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class Gateway:
    """Forwards connections to `target`, a port of the loopback interface; hangs up on new ones while that is None."""

    def __init__(self, target: int | None) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self._open: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def move(self, target: int | None) -> None:
        """Cut every connection and forward new ones elsewhere."""
        self.target = target
        for end in self._open:
            _hang_up(end)
        self._open.clear()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _hang_up(self._listener)
        self._listener.close()
        self.move(None)

    def _accept(self) -> None:
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:
                return
            try:
                assert self.target is not None
                server = socket.create_connection(("127.0.0.1", self.target))
            except (AssertionError, OSError):
                visitor.close()
                continue
            self._open += [visitor, server]
            for source, drain in ((visitor, server), (server, visitor)):
                threading.Thread(target=_pump, args=(source, drain), daemon=True).start()


def _pump(source: socket.socket, drain: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(1 << 16):
            drain.sendall(piece)
    _hang_up(source)
    _hang_up(drain)


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed by the other side already
        end.shutdown(socket.SHUT_RDWR)
