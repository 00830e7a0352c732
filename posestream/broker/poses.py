"""The subscriber's side: which cameras there are, and their published poses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posestream.broker.connection import MAX_BLOCK_MS, translated
from posestream.broker.shard import Shard, text
from posestream.broker.work import stream_entries
from posestream.keys import FrameId


@dataclass(frozen=True, slots=True)
class PoseEntry:
    """An entry of a camera's published poses: the packed message, or None where a stranger's has no such field."""

    camera: str
    id: FrameId
    packed: bytes | None


class PoseLog:
    """Reads published poses; needs no server function, only the right to read streams and which cameras there are."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard

    def read(self, camera: str, after: FrameId, *, count: int, block_ms: int = 0) -> list[tuple[FrameId, bytes]]:
        """Return up to `count` (frame id, packed pose) after an id, waiting up to `block_ms` for the first."""
        with translated(f"reading poses of {camera}"):
            reply = self._shard.client.xread(
                {self._shard.keys.poses(camera): str(after)},
                count=count,
                block=min(block_ms, MAX_BLOCK_MS) if block_ms > 0 else None,
            )
        return [(FrameId.parse(entry_id), fields[b"pose"]) for entry_id, fields in stream_entries(reply)]

    def heard_ms(self) -> dict[str, int]:
        """Return the shard's cameras, and when the producer of each was last heard of (ms on the server's clock)."""
        with translated("looking which cameras there are"):
            scored: Any = self._shard.client.zrange(self._shard.keys.cameras, 0, -1, withscores=True)
        return {text(camera): int(score) for camera, score in scored}

    def newest(self, until: Mapping[str, FrameId | None]) -> dict[str, PoseEntry]:
        """Return each camera's newest pose up to an id, or of all (None); of a camera without any, nothing."""
        with translated("reading the last poses"), self._shard.client.pipeline(transaction=False) as pipeline:
            for camera, last in until.items():
                pipeline.xrevrange(self._shard.keys.poses(camera), max="+" if last is None else str(last), count=1)
            replies = pipeline.execute()
        return {camera: _entry(camera, *found[0]) for camera, found in zip(until, replies, strict=True) if found}

    def read_all(self, after: Mapping[str, FrameId], *, count: int, block_ms: int) -> list[PoseEntry]:
        """Return up to `count` poses of each camera after an id of its own, waiting up to `block_ms` for the first."""
        streams: dict[Any, Any] = {self._shard.keys.poses(camera): str(at) for camera, at in after.items()}
        with translated("reading poses"):
            reply: Any = self._shard.client.xread(streams, count=count, block=min(block_ms, MAX_BLOCK_MS))
        return pose_entries(reply, {self._shard.keys.poses(camera): camera for camera in after})

    def close(self) -> None:
        """Close the connection."""
        self._shard.close()


def pose_entries(reply: Any, cameras: Mapping[str, str]) -> list[PoseEntry]:
    """Return the entries of a reply to XREAD or XREADGROUP of many streams; `cameras` tells whose a stream is."""
    streams = reply.items() if isinstance(reply, dict) else reply or ()
    return [
        _entry(cameras[text(name)], entry_id, fields)
        for name, entries in streams
        for entry_id, fields in stream_entries({name: entries})
    ]


def _entry(camera: str, entry_id: bytes, fields: Mapping[bytes, bytes]) -> PoseEntry:
    return PoseEntry(camera, FrameId.parse(entry_id), fields.get(b"pose"))
