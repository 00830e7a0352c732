"""A consumer group of subscribers: each pose goes to one of them, and to another when that one dies."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterable
from typing import Any, Final

import redis

from posestream.broker.connection import translated
from posestream.broker.poses import PoseEntry, PoseLog, pose_entries
from posestream.broker.shard import Shard
from posestream.errors import BrokerError
from posestream.keys import FrameId

_RELEASED: Final = "-released-"  # holds what a member gave back
_RELEASED_IDLE_MS: Final = 24 * 3600 * 1000
_LOOK_S: Final = 0.2
_BEFORE_ALL: Final = FrameId(0)
_THE_END: Final = b"0-0"


class SharedPoses:
    """Takes poses as one member of a group. The member's name must be unique among those that are alive."""

    def __init__(self, shard: Shard, group: str, member: str) -> None:
        self._shard = shard
        self._log = PoseLog(shard)
        self._group = group
        self._member = member
        self._seen: dict[str, FrameId] = {}  # each camera's newest pose that this member knows of
        self._turns: deque[str] = deque()  # the cameras that may have a pose for the group, up to `_seen`
        self._look_at_s = 0.0

    def join(self, camera: str, after: FrameId) -> bool:
        """Make the group for a camera, if it is not there, to begin after a frame; False while there are no poses."""
        self._seen.pop(camera, None)
        with translated(f"making the group {self._group}"):
            try:
                self._shard.client.xgroup_create(self._shard.keys.poses(camera), self._group, id=str(after))
            except redis.exceptions.ResponseError as error:
                if "requires the key to exist" in str(error):
                    return False
                if not str(error).startswith("BUSYGROUP"):
                    raise
        return True

    def take(self, cameras: Collection[str], block_ms: int) -> PoseEntry | None:
        """Return the next pose of a camera whose turn it is, waiting up to `block_ms` for one; None if there was none.

        When this raises BrokerUnavailableError, the reply may have been lost with a pose in it: look at `in_hand` then.
        """
        # XREADGROUP's COUNT is per stream, so that one which waits at all of them may take a pose of each. Hence what
        # waits is a XREAD, which takes nothing.
        if self._turns:
            self._look(cameras)
        else:
            self._wait(cameras, block_ms)
        taken = self._take_in_turn(cameras)
        if taken is None:
            self._look(cameras)
        return taken

    def _take_in_turn(self, cameras: Collection[str]) -> PoseEntry | None:
        while self._turns:
            camera = self._turns[0]
            taken = self._take_from(camera) if camera in cameras else None
            self._turns.popleft()  # not before the server has said that there is none
            if taken is not None:
                self._note(taken)
                return taken
        return None

    def _take_from(self, camera: str) -> PoseEntry | None:
        return next(iter(self._read([camera], ">", count=1)), None)

    def _look(self, cameras: Collection[str]) -> None:
        """See, now and then, what has come to cameras that have no turn, and pass over what others have had by now."""
        if time.monotonic() >= self._look_at_s:
            for newest in self._log.newest(dict.fromkeys(cameras)).values():
                self._note(newest)
            self._look_at_s = time.monotonic() + _LOOK_S

    def _wait(self, cameras: Collection[str], block_ms: int) -> None:
        seen = {camera: self._seen.get(camera, _BEFORE_ALL) for camera in cameras}
        news = self._log.read_all(seen, count=1, block_ms=block_ms)
        for entry in news:
            self._note(entry)
        if not news:
            self._look_at_s = time.monotonic() + _LOOK_S

    def _note(self, entry: PoseEntry) -> None:
        """Know of a pose that has come, or has been taken: there may be more of its camera."""
        self._seen[entry.camera] = max(entry.id, self._seen.get(entry.camera, _BEFORE_ALL))
        if entry.camera not in self._turns:
            self._turns.append(entry.camera)

    def in_hand(self, cameras: Iterable[str]) -> list[PoseEntry]:
        """Return what this member has taken and not ended, as far as it is kept."""
        return self._read(list(cameras), "0", count=None)

    def _read(self, cameras: Collection[str], after: str, *, count: int | None) -> list[PoseEntry]:
        streams: dict[Any, Any] = {self._shard.keys.poses(camera): after for camera in cameras}
        with translated("taking poses"):
            reply: Any = self._shard.client.xreadgroup(self._group, self._member, streams, count=count)
        return pose_entries(reply, dict(zip(streams, cameras, strict=True)))

    def end(self, entries: Iterable[PoseEntry]) -> None:
        """Say that these are done; nobody gets them again."""
        with translated("ending poses"), self._shard.client.pipeline(transaction=False) as pipeline:
            for entry in entries:
                pipeline.xack(self._shard.keys.poses(entry.camera), self._group, str(entry.id))
            pipeline.execute()

    def renew(self, entries: Iterable[PoseEntry]) -> None:
        """Say that this member is alive and still at these; of cameras that are gone there is nothing to say."""
        self._hand_over("renewing poses", entries, self._member, idle_ms=0)

    def give_back(self, entries: Iterable[PoseEntry]) -> None:
        """Let another member have these at once; those of cameras that are gone nobody can have."""
        self._hand_over("giving poses back", entries, _RELEASED, idle_ms=_RELEASED_IDLE_MS)

    def _hand_over(self, doing: str, entries: Iterable[PoseEntry], member: str, *, idle_ms: int) -> None:
        with translated(doing), self._shard.client.pipeline(transaction=False) as pipeline:
            for entry in entries:
                key = self._shard.keys.poses(entry.camera)
                pipeline.xclaim(key, self._group, member, 0, [str(entry.id)], idle=idle_ms, justid=True)
            _there(pipeline.execute(raise_on_error=False))

    def claim(self, cameras: Iterable[str], idle_ms: int) -> tuple[PoseEntry | None, dict[str, int]]:
        """Take over one pose that another member has been silent about for so long.

        Also returns how many of each camera's could not be had any more, as they were no longer kept.
        """
        found: list[PoseEntry] = []
        lost: dict[str, int] = {}
        begin = dict.fromkeys(cameras, _THE_END)
        while begin and not found:
            replies = self._claim_of_each(begin, idle_ms)
            for camera, (_, entries, deleted) in replies.items():
                key = self._shard.keys.poses(camera)
                found += pose_entries([(key, entries)], {key: camera})
                if deleted:
                    lost[camera] = lost.get(camera, 0) + len(deleted)
            # A look is at ten at most, and those of who lives may be in front.
            begin = {camera: reply[0] for camera, reply in replies.items() if reply[0] != _THE_END}
        return self.keep_one(found), lost

    def _claim_of_each(self, begin: dict[str, bytes], idle_ms: int) -> dict[str, Any]:
        with translated("claiming poses"), self._shard.client.pipeline(transaction=False) as pipeline:
            for camera, at in begin.items():
                pipeline.xautoclaim(self._shard.keys.poses(camera), self._group, self._member, idle_ms, at, count=1)
            return dict(zip(begin, pipeline.execute(), strict=True))

    def keep_one(self, entries: list[PoseEntry]) -> PoseEntry | None:
        """Give back all but the first of several that this member has got; returns that one, if there is any."""
        self.give_back(entries[1:])
        return entries[0] if entries else None

    def gone(self, cameras: Iterable[str]) -> set[str]:
        """Return those that have no group any more, as they were removed or the server lost everything."""
        names = list(cameras)
        with translated("looking for the group"), self._shard.client.pipeline(transaction=False) as pipeline:
            for camera in names:  # claims nothing, as no pose has this id
                key = self._shard.keys.poses(camera)
                pipeline.xclaim(key, self._group, self._member, 0, [str(_BEFORE_ALL)], justid=True)
            there = _there(pipeline.execute(raise_on_error=False))
        return {camera for camera, is_there in zip(names, there, strict=True) if not is_there}

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


def _there(replies: Iterable[object]) -> list[bool]:
    """Tell for each reply whether its group is there; what else the server objects to is raised."""
    there: list[bool] = []
    for reply in replies:
        if isinstance(reply, redis.exceptions.ResponseError) and is_missing(reply):
            there.append(False)
            continue
        if isinstance(reply, Exception):
            raise reply
        there.append(True)
    return there
