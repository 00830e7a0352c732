"""The server's clock, estimated from replies that carry it: frame ids and ages are on it, not on the hosts' clocks."""

from __future__ import annotations

import threading
import time

SLOW_S = 0.2


class ServerClock:
    """An estimate of the server's clock, good to about half a round trip; may be used from any thread.

    It runs on the monotonic clock between observations, so that a step of the host's clock does not move it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset_ms: float | None = None
        self._round_trip_s = 0.0

    def observe(self, server_ms: int, sent_s: float, received_s: float) -> None:
        """Take in a reply that carried `server_ms`, asked at `sent_s` and read at `received_s` (`time.monotonic`)."""
        offset_ms = server_ms - (sent_s + received_s) * 500
        round_trip_s = received_s - sent_s
        with self._lock:
            # A slow exchange, which may have had to connect first, does not replace a better one.
            if self._offset_ms is None or round_trip_s <= max(SLOW_S, self._round_trip_s):
                self._offset_ms = offset_ms
                self._round_trip_s = round_trip_s

    def now_ms(self) -> int:
        """Return the server's time in Unix milliseconds; the host's own before the first observation."""
        with self._lock:
            if self._offset_ms is None:
                return int(time.time() * 1000)
            return int(time.monotonic() * 1000 + self._offset_ms)
