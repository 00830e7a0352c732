"""How all cameras are, looked up once a second while anybody wants to know."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from posestream.broker import CameraSight, FrameLog, Lookout, Shard, ShardSight, connect, read_topology
from posestream.broker.clock import ServerClock
from posestream.keys import Topology


@dataclass(frozen=True, slots=True)
class Sighting:
    """All shards at about one instant; `problem` says why there is nothing newer, in words for people."""

    now_ms: int = 0
    workers: int = 0
    tracker: bool = False
    cameras: Mapping[str, CameraSight] = field(default_factory=dict)
    problem: str = ""

    @classmethod
    def of(cls, shards: list[ShardSight]) -> Sighting:
        """Put shards together; a tracker is there when every shard has one."""
        return cls(
            now_ms=max(shard.now_ms for shard in shards),
            workers=sum(shard.workers for shard in shards),
            tracker=all(shard.tracker for shard in shards),
            cameras={name: camera for shard in shards for name, camera in shard.cameras.items()},
        )


class Observatory:
    """The server as the viewer sees it; for one thread at a time, and each connection for one."""

    def __init__(self, url: str, prefix: str) -> None:
        self.clock = ServerClock()
        self._url = url
        self._prefix = prefix
        self._client = connect(url, name="view")

    def look(self) -> Sighting:
        """Look at all cameras.

        Raises:
            BrokerUnavailableError: the server can not be reached just now.
            BrokerError: it refuses the user or a command.
        """
        shards = [Shard(self._client, keys) for keys in self.topology().all_keys()]
        shards[0].observe(self.clock)
        return Sighting.of([Lookout(shard).look() for shard in shards])

    def topology(self) -> Topology:
        """Ask which shards there are; they do not change while there are cameras."""
        return read_topology(self._client, self._prefix)

    def frames(self, camera: str, topology: Topology) -> FrameLog:
        """Return what a camera's frames are read from, with a connection of its own."""
        return FrameLog(Shard(connect(self._url, name=f"view-{camera}"), topology.keys_of(camera)))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def described(camera: CameraSight) -> dict[str, Any]:
    """Return what is known of a camera, for JSON: numbers as numbers, and without what its producer keeps to itself."""
    facts: dict[str, Any] = {
        "online": camera.online,
        "heard_ms": camera.heard_ms,
        "admitted": camera.admitted,
        "outcomes": {outcome.value: count for outcome, count in camera.outcomes.items()},
        "policy": camera.description.get("policy") or None,
        "source": camera.description.get("source") or None,
        "size": None,
        "fps": None,
    }
    with contextlib.suppress(KeyError, ValueError):
        facts["size"] = [int(camera.description["width"]), int(camera.description["height"])]
    with contextlib.suppress(KeyError, ValueError):
        facts["fps"] = float(camera.description["fps"])
    return facts
