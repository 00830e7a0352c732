"""The server's clock, estimated from replies that carry it: frame ids and ages are on it, not on the hosts' clocks."""

from __future__ import annotations

import threading
import time


class ServerClock:
    """An estimate of the server's clock, good to about half a round trip; may be used from any thread.

    It runs on the monotonic clock between observations, so that a step of the host's clock does not move it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset_ms: float | None = None

    def observe(self, server_ms: int, sent_s: float, received_s: float) -> None:
        """Take in a reply that carried `server_ms`, asked at `sent_s` and read at `received_s` (`time.monotonic`)."""
        offset_ms = server_ms - (sent_s + received_s) * 500
        with self._lock:
            self._offset_ms = offset_ms

    def now_ms(self) -> int:
        """Return the server's time in Unix milliseconds; the host's own before the first observation."""
        with self._lock:
            if self._offset_ms is None:
                return int(time.time() * 1000)
            return int(time.monotonic() * 1000 + self._offset_ms)
