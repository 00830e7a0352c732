"""Watching from outside: memory and books at every look, and how old poses are when a subscriber has them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from posestream.broker import PoseLog, Shard, ShardOperations, connect
from posestream.keys import FrameId, ShardKeys

_LOOK_S = 0.1
_BLOCK_MS = 200


@dataclass(frozen=True, slots=True)
class Look:
    """The server at one moment.

    Attributes:
        at_s: of `time.monotonic`.
        memory: all that the server uses, bytes.
        frames: what pixels take of it, by the shard's own books.
        records: frames that have ended and are not published.
        unaccounted: cameras whose books do not add up.
    """

    at_s: float
    memory: int
    frames: int
    records: int
    unaccounted: int


@dataclass(frozen=True, slots=True)
class Posed:
    """A pose as it reached a subscriber: when (`time.monotonic`), and how old its frame was then."""

    at_s: float
    camera: str
    age_s: float


class Watch:
    """Looks and subscribes, each from a thread of its own, while the context is open."""

    def __init__(self, url: str, keys: ShardKeys, cameras: Iterable[str]) -> None:
        self.looks: list[Look] = []
        self.posed: list[Posed] = []
        self._failures: list[BaseException] = []
        self._look_shard, self._read_shard = (Shard(connect(url, name=name), keys) for name in ("look", "read"))
        self._last = dict.fromkeys(cameras, FrameId(0))
        self._stop = threading.Event()
        runs = (self._look, self._read)
        self._threads = [threading.Thread(target=self._guarded, args=(run,), daemon=True) for run in runs]

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - for the test to see
            self._failures.append(error)

    def _look(self) -> None:
        operations = ShardOperations(self._look_shard)
        while not self._stop.wait(_LOOK_S):
            memory = int(self._look_shard.client.info("memory")["used_memory"])
            status = operations.status()
            unaccounted = sum(not camera.conserved for camera in status.cameras.values())
            self.looks.append(Look(time.monotonic(), memory, status.bytes, status.results, unaccounted))

    def _read(self) -> None:
        log = PoseLog(self._read_shard)
        while not self._stop.is_set():
            entries = log.read_all(self._last, count=100, block_ms=_BLOCK_MS)
            now_s, now_ms = time.monotonic(), self._read_shard.server_ms()
            for entry in entries:
                self._last[entry.camera] = entry.id
                self.posed.append(Posed(now_s, entry.camera, (now_ms - entry.id.ms) / 1000))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)
        if self._failures and error is None:
            raise self._failures[0]
