"""The subscriber's side: a camera's published poses."""

from __future__ import annotations

from typing import Any

from posestream.broker.connection import MAX_BLOCK_MS, translated
from posestream.broker.shard import Shard
from posestream.broker.work import stream_entries
from posestream.keys import FrameId


class PoseLog:
    """Reads published poses; needs no server function, only the right to read one stream."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard

    def last_id(self, camera: str) -> FrameId:
        """Return the id of the newest pose; 0-0 when there is none."""
        with translated(f"reading the last pose of {camera}"):
            newest: Any = self._shard.client.xrevrange(self._shard.keys.poses(camera), count=1)
        return FrameId.parse(newest[0][0]) if newest else FrameId(0)

    def read(self, camera: str, after: FrameId, *, count: int, block_ms: int = 0) -> list[tuple[FrameId, bytes]]:
        """Return up to `count` (frame id, packed pose) after an id, waiting up to `block_ms` for the first."""
        with translated(f"reading poses of {camera}"):
            reply = self._shard.client.xread(
                {self._shard.keys.poses(camera): str(after)},
                count=count,
                block=min(block_ms, MAX_BLOCK_MS) if block_ms > 0 else None,
            )
        return [(FrameId.parse(entry_id), fields[b"pose"]) for entry_id, fields in stream_entries(reply)]
