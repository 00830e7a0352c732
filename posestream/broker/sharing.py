"""A consumer group of subscribers: each pose goes to one of them, and to another when that one dies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import redis

from posestream.broker.connection import MAX_BLOCK_MS, translated
from posestream.broker.poses import PoseEntry, pose_entries
from posestream.broker.shard import Shard
from posestream.errors import BrokerError
from posestream.keys import FrameId

_RELEASED: Final = "-released-"  # holds what a member gave back
_RELEASED_IDLE_MS: Final = 24 * 3600 * 1000


class SharedPoses:
    """Takes poses as one member of a group. The member's name must be unique among those that are alive."""

    def __init__(self, shard: Shard, group: str, member: str) -> None:
        self._shard = shard
        self._group = group
        self._member = member

    def join(self, camera: str, after: FrameId) -> bool:
        """Make the group for a camera, if it is not there, to begin after a frame; False while there are no poses."""
        with translated(f"making the group {self._group}"):
            try:
                self._shard.client.xgroup_create(self._shard.keys.poses(camera), self._group, id=str(after))
            except redis.exceptions.ResponseError as error:
                if "requires the key to exist" in str(error):
                    return False
                if not str(error).startswith("BUSYGROUP"):
                    raise
        return True

    def take(self, cameras: Iterable[str], block_ms: int) -> list[PoseEntry]:
        """Return the next pose of each camera that has one, waiting up to `block_ms` for the first.

        When this raises BrokerUnavailableError, the reply may have been lost with poses in it: look at `in_hand` then.
        """
        return self._read(cameras, ">", block_ms=min(block_ms, MAX_BLOCK_MS))

    def in_hand(self, cameras: Iterable[str]) -> list[PoseEntry]:
        """Return what this member has taken and not ended, as far as it is kept."""
        return self._read(cameras, "0", block_ms=None)

    def _read(self, cameras: Iterable[str], after: str, *, block_ms: int | None) -> list[PoseEntry]:
        streams: dict[Any, Any] = {self._shard.keys.poses(camera): after for camera in cameras}
        names = dict(zip(streams, cameras, strict=True))
        count = 1 if after == ">" else None
        with translated("taking poses"):
            reply: Any = self._shard.client.xreadgroup(self._group, self._member, streams, count=count, block=block_ms)
        return pose_entries(reply, names)

    def end(self, entries: Iterable[PoseEntry]) -> None:
        """Say that these are done; nobody gets them again."""
        self._each("ending poses", "xack", entries)

    def renew(self, entries: Iterable[PoseEntry]) -> None:
        """Say that this member is alive and still at these."""
        self._each("renewing poses", "xclaim", entries, self._member, idle=0)

    def give_back(self, entries: Iterable[PoseEntry]) -> None:
        """Let another member have these at once."""
        self._each("giving poses back", "xclaim", entries, _RELEASED, idle=_RELEASED_IDLE_MS)

    def _each(self, doing: str, command: str, entries: Iterable[PoseEntry], member: str = "", idle: int = 0) -> None:
        with translated(doing), self._shard.client.pipeline(transaction=False) as pipeline:
            for entry in entries:
                key = self._shard.keys.poses(entry.camera)
                if command == "xack":
                    pipeline.xack(key, self._group, str(entry.id))
                else:
                    pipeline.xclaim(key, self._group, member, 0, [str(entry.id)], idle=idle, justid=True)
            pipeline.execute()

    def claim(self, cameras: Iterable[str], idle_ms: int) -> tuple[list[PoseEntry], dict[str, int]]:
        """Take over what other members have been silent about for so long, a few of each camera.

        Also returns how many of each camera's could not be had any more, as they were no longer kept.
        """
        names = list(cameras)
        with translated("claiming poses"), self._shard.client.pipeline(transaction=False) as pipeline:
            for camera in names:
                key = self._shard.keys.poses(camera)
                pipeline.xautoclaim(key, self._group, self._member, idle_ms, "0-0", count=8)
            replies: list[Any] = pipeline.execute()
        claimed: list[PoseEntry] = []
        lost: dict[str, int] = {}
        for camera, (_, entries, deleted) in zip(names, replies, strict=True):
            claimed += pose_entries(
                [(self._shard.keys.poses(camera), entries)], {self._shard.keys.poses(camera): camera}
            )
            if deleted:
                lost[camera] = len(deleted)
        return claimed, lost

    def leave(self, cameras: Iterable[str]) -> None:
        """Take this member out of the group, which must hold nothing; groups that are gone are left alone."""
        for camera in cameras:
            with translated("leaving the group"):
                try:
                    self._shard.client.xgroup_delconsumer(self._shard.keys.poses(camera), self._group, self._member)
                except redis.exceptions.ResponseError as error:
                    if not is_missing(error):
                        raise


def is_missing(error: redis.exceptions.ResponseError | BrokerError) -> bool:
    """Tell whether an error says that the group, or the stream that it is of, is not there (any more)."""
    return "NOGROUP" in str(error) or "requires the key to exist" in str(error)
