"""A subscriber: reads every camera's poses as they come, and notes when, how old, and how many people."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import msgpack

from posestream.broker import connect
from posestream.broker.work import stream_entries
from posestream.keys import ShardKeys
from posestream.messages import Policy
from tests.benchmarks.pipeline.children import PREFIX
from tests.benchmarks.pipeline.feeder import cameras


@dataclass
class Arrivals:
    """What a subscriber saw: when each pose came, how old it was, and how many people were in it."""

    at_s: list[float] = field(default_factory=list)
    latency_ms: list[float] = field(default_factory=list)
    people: list[int] = field(default_factory=list)


class Subscriber(threading.Thread):
    """Reads every camera's poses as they come."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._client = connect(url, name="subscriber")
        keys = ShardKeys(PREFIX, 0)
        self._after = {keys.poses(name): "0" for policy in Policy for name in cameras(policy)}
        self.arrivals = Arrivals()
        self._stopping = False

    def run(self) -> None:
        while not self._stopping:
            reply: Any = self._client.xread(dict(self._after), count=100, block=500)
            at_s, now_ms = time.monotonic(), time.time() * 1000
            for stream, entries in streams(reply):
                self._after[stream.decode()] = entries[-1][0].decode()
                for _, fields in entries:
                    pose = msgpack.unpackb(fields[b"pose"])
                    self.arrivals.at_s.append(at_s)
                    self.arrivals.latency_ms.append(now_ms - pose["captured_ms"])
                    self.arrivals.people.append(len(pose["people"]))

    def taken(self) -> Arrivals:
        """Return what has come since the last call; nothing may be on its way."""
        taken, self.arrivals = self.arrivals, Arrivals()
        return taken

    def close(self) -> None:
        """Read no more."""
        self._stopping = True
        self.join()
        self._client.close()


def streams(reply: Any) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]:
    """Return each stream of a reply to XREAD with its entries."""
    pairs = reply.items() if isinstance(reply, dict) else reply or []
    return [(stream, stream_entries([(stream, entries)])) for stream, entries in pairs]
