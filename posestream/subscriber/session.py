"""A subscription at work: its readers, its mailbox and its desk, for the one that blocks and for its async twin."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

from redis import Redis

from posestream.broker import PoseEntry, PoseLog, Shard, connect, read_topology
from posestream.errors import MessageError, UnsupportedSchemaError
from posestream.keys import FrameId, ShardKeys, Topology
from posestream.messages import PoseFrame, decode_pose
from posestream.subscriber.cursor import Cursor
from posestream.subscriber.desk import Desk, Item, Share
from posestream.subscriber.mailbox import Mailbox
from posestream.subscriber.options import Options
from posestream.subscriber.reader import Arrival, ShardReader
from posestream.subscriber.roster import Roster
from posestream.subscriber.sharing import SharingReader
from posestream.subscriber.start import NOTHING, Position

logger = logging.getLogger("posestream")

CAPACITY: Final = 512
"""Poses read ahead of who takes them."""


class Session:
    """What a subscription does while it lasts. `take` and `close` are for one thread, `stop` for any."""

    def __init__(self, options: Options, *, events: bool, on_arrival: Callable[[], None] = lambda: None) -> None:
        self._mailbox: Mailbox[Arrival] = Mailbox(CAPACITY, on_arrival)
        self._readers: list[ShardReader] = []
        self._shard_of: Callable[[str], int] = lambda camera: 0
        self._ready: deque[Item] = deque()
        self._last: Item | None = None
        cursors = self._open(options)
        share = Share.LATEST if options.latest else Share.ALL if options.group is None else Share.GROUP
        self._desk = Desk(cursors, share, events=events)
        for reader in self._readers:
            reader.start()

    def take(self, *, wait: bool) -> Item | None:
        """Return the next item; None when stopped, or when there is none and `wait` is false."""
        self._finish_last()
        if self.stopped:  # what is ready was never handed out, and is for others
            return None
        while not self._ready:
            arrival = self._mailbox.take(wait=wait)
            if arrival is None:
                return None
            self._ready.extend(self._open_arrival(arrival))
        self._last = self._ready.popleft()
        self._desk.handed_out(self._last)
        return self._last

    @property
    def stopped(self) -> bool:
        """Whether it has been stopped."""
        return self._mailbox.closed

    @property
    def positions(self) -> dict[str, Position]:
        """The last frame of each camera that has been handed out; before the first, where reading begins."""
        return dict(self._desk.positions)

    def stop(self) -> None:
        """End it, from any thread, without waiting for it."""
        self._mailbox.close()
        for reader in self._readers:
            reader.stop()

    def close(self, *, last_is_done: bool = True) -> None:
        """End it and wait until its connections are closed."""
        self._finish_last(done=last_is_done)
        for item in self._ready:
            if isinstance(item, PoseFrame):
                self._put_down(item.camera, item.id, done=False)
        self._ready.clear()
        self.stop()
        for reader in self._readers:
            reader.join()

    def _finish_last(self, *, done: bool = True) -> None:
        """Whoever asks for the next frame has done with the last one."""
        last, self._last = self._last, None
        if isinstance(last, PoseFrame):
            self._put_down(last.camera, last.id, done=done)

    def _open_arrival(self, arrival: Arrival) -> list[Item]:
        """Open what has arrived. What is no pose is done with, or one member after the other would have it in hand."""
        try:
            items = self._desk.open(arrival)
        except UnsupportedSchemaError:
            if isinstance(arrival, PoseEntry):  # a member that has been upgraded can read it
                self._put_down(arrival.camera, arrival.id, done=False)
            raise
        if isinstance(arrival, PoseEntry) and not any(isinstance(item, PoseFrame) for item in items):
            self._put_down(arrival.camera, arrival.id, done=True)
        return items

    def _put_down(self, camera: str, frame_id: FrameId, *, done: bool) -> None:
        for reader in self._readers:
            if isinstance(reader, SharingReader) and reader.shard.keys.shard == self._shard_of(camera):
                reader.put_down(camera, frame_id, done=done)

    def _open(self, options: Options) -> dict[str, Cursor]:
        """Connect to every shard and find out where to begin; returns the cursors of the cameras there are."""
        client = connect(options.url, name="subscribe")
        try:
            topology = read_topology(client, options.prefix)
            _tell_of_strangers(options.cameras, client, topology)
        finally:
            client.close()
        self._shard_of = topology.shard_of
        cursors: dict[str, Cursor] = {}
        try:
            for keys in topology.all_keys():
                wanted = options.cameras and frozenset(
                    camera for camera in options.cameras if topology.shard_of(camera) == keys.shard
                )
                if wanted is None or wanted:
                    reader, begins = _open_shard(options, keys, wanted, self._mailbox)
                    self._readers.append(reader)
                    cursors |= begins
        except BaseException:
            for reader in self._readers:
                reader.shard.close()
            raise
        return cursors


def _tell_of_strangers(cameras: frozenset[str] | None, client: Redis, topology: Topology) -> None:
    """Say which cameras are waited for, as a name that is misspelt is waited for without end."""
    there = {camera for keys in topology.all_keys() for camera in PoseLog(Shard(client, keys)).heard_ms()}
    for camera in sorted((cameras or frozenset()) - there):
        logger.warning("no camera %r yet (there is: %s); waiting for it", camera, ", ".join(sorted(there)) or "none")
    if cameras is None and not there:
        logger.warning("no cameras yet; waiting for one")


def _open_shard(
    options: Options, keys: ShardKeys, wanted: frozenset[str] | None, mailbox: Mailbox[Arrival]
) -> tuple[ShardReader, dict[str, Cursor]]:
    shard = Shard(connect(options.url, name=f"subscribe-s{keys.shard}"), keys)
    try:
        cursors = _beginnings(options, shard, wanted)
    except BaseException:
        shard.close()
        raise
    roster = Roster(wanted, options.offline_after_ms)
    positions = {camera: cursor.after for camera, cursor in cursors.items()}
    if options.group is None:
        return ShardReader(shard, roster, positions, mailbox, latest=options.latest), cursors
    member = options.consumer or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    reader = SharingReader(
        shard,
        roster,
        positions,
        mailbox,
        group=options.group,
        member=member,
        claim_after_ms=options.claim_after_ms,
    )
    return reader, cursors


def _beginnings(options: Options, shard: Shard, wanted: frozenset[str] | None) -> dict[str, Cursor]:
    """Return where to begin with each camera there is."""
    log, start = PoseLog(shard), options.start
    there = log.heard_ms()  # first, as this has a key, by which a Cluster tells the node
    cameras = there if wanted is None else wanted
    now_ms = shard.server_ms()
    newest = log.newest(dict.fromkeys(cameras))
    after = {
        camera: start.of(camera, newest=newest[camera].id if camera in newest else NOTHING, now_ms=now_ms)
        for camera in cameras
    }
    # The pose at or before the beginning tells the number that comes next.
    known = log.newest(after) if start.kind != "now" else newest
    return {
        camera: Cursor(at, _seq(start.positions.get(camera), known.get(camera)), may_miss=start.may_miss)
        for camera, at in after.items()
    }


def _seq(position: Position | None, known: PoseEntry | None) -> int | None:
    if position is not None and position.seq is not None:
        return position.seq
    try:
        return decode_pose(known.packed).seq if known is not None and known.packed is not None else None
    except MessageError:
        return None
