"""The viewer's side: frames while they wait, and how the cameras of a shard are, by reading alone.

No server function is called, so that whoever only looks needs no right to change anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from posestream.broker.connection import MAX_BLOCK_MS, translated
from posestream.broker.shard import Shard, text
from posestream.broker.work import stream_entries
from posestream.errors import BrokerError
from posestream.keys import FrameId
from posestream.messages import Outcome

_ALIVE_MS: Final = 10_000  # a worker's slot that has been silent for longer has gone
_COUNTERS: Final = ("admitted", *(outcome.value for outcome in Outcome))
_STATE: Final = ("lease_until", *_COUNTERS)


@dataclass(frozen=True, slots=True)
class CameraSight:
    """One camera at one instant.

    Attributes:
        online: whether its producer holds it.
        heard_ms: server time when its producer was last heard of.
        admitted: frames admitted.
        outcomes: frames by how they ended, counted when published.
        description: what its producer says of it: `source`, `width`, `height`, `fps`, `policy`, …
    """

    online: bool
    heard_ms: int
    admitted: int
    outcomes: Mapping[Outcome, int]
    description: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ShardSight:
    """A shard and its cameras, by name; `workers` counts slots, and `tracker` says whether one leads."""

    now_ms: int
    workers: int
    tracker: bool
    cameras: Mapping[str, CameraSight]


class Lookout:
    """Reads how the cameras of a shard are."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard

    def look(self) -> ShardSight:
        """Look at all cameras; those of a camera's figures that belong together are of one instant.

        Raises:
            BrokerUnavailableError: the server can not be reached just now.
            BrokerError: it refuses the user or a command, or what it says is not what functions have written.
        """
        keys, client = self._shard.keys, self._shard.client
        now_ms = self._shard.server_ms()
        with translated("looking at the cameras"):
            listed: Any = client.zrange(keys.cameras, 0, -1, withscores=True)
            heard_ms = {text(name): int(score) for name, score in listed}
            with client.pipeline(transaction=False) as pipeline:
                pipeline.zcount(keys.workers, now_ms - _ALIVE_MS, "+inf")
                pipeline.hget(keys.tracker, "expires")
                for name in heard_ms:
                    pipeline.hmget(keys.state(name), *_STATE)
                    pipeline.hgetall(keys.camera(name))
                workers, expires, *facts = pipeline.execute()
        told = zip(heard_ms.items(), facts[::2], facts[1::2], strict=True)
        try:
            return ShardSight(
                now_ms=now_ms,
                workers=int(workers),
                tracker=int(expires or 0) > now_ms,
                cameras={name: _camera(at_ms, now_ms, *about) for (name, at_ms), *about in told},
            )
        except ValueError as error:
            raise BrokerError(
                f"looking at the cameras: a counter in {keys.state('*')} is no number ({error})"
            ) from error

    def close(self) -> None:
        """Close the connection."""
        self._shard.close()


class FrameLog:
    """Reads a camera's frames while they wait or are in hand; they are gone when a worker has finished them."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard

    def read(self, camera: str, after: FrameId, *, count: int, block_ms: int) -> list[tuple[FrameId, bytes]]:
        """Return up to `count` (frame id, encoded image) after an id, waiting up to `block_ms` for the first."""
        with translated(f"reading frames of {camera}"):
            reply = self._shard.client.xread(
                {self._shard.keys.frames(camera): str(after)}, count=count, block=min(block_ms, MAX_BLOCK_MS)
            )
        return [(FrameId.parse(entry_id), fields.get(b"image", b"")) for entry_id, fields in stream_entries(reply)]

    def close(self) -> None:
        """Close the connection."""
        self._shard.close()


def _camera(heard_ms: int, now_ms: int, state: list[Any], description: Mapping[bytes, bytes]) -> CameraSight:
    lease_until, admitted, *outcomes = (int(value or 0) for value in state)
    return CameraSight(
        online=lease_until > now_ms,
        heard_ms=heard_ms,
        admitted=admitted,
        outcomes=dict(zip(Outcome, outcomes, strict=True)),
        description={text(name): text(value) for name, value in description.items()},
    )
