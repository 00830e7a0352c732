"""Reading one shard as a member of a group: a frame at a time, when it is asked for, and ended when it is done."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

from posestream.broker import PoseEntry, Shard
from posestream.broker.sharing import SharedPoses, is_missing
from posestream.errors import BrokerError, BrokerUnavailableError
from posestream.keys import FrameId
from posestream.subscriber.events import Gap
from posestream.subscriber.mailbox import Mailbox
from posestream.subscriber.reader import BLOCK_MS, Arrival, ShardReader
from posestream.subscriber.roster import Roster
from posestream.subscriber.start import NOTHING

_WAIT_S: Final = 0.2
_PATIENCE_S: Final = 5.0
_CLAIM_S: Final = 1.0

Mark = tuple[str, FrameId]


class SharingReader(ShardReader):
    """Takes frames only while somebody asks for one, so that none waits here that another member could have.

    Frames in hand are renewed while the process lives; they go to others `claim_after_ms` after it died.
    """

    def __init__(
        self,
        shard: Shard,
        roster: Roster,
        positions: Mapping[str, FrameId],
        mailbox: Mailbox[Arrival],
        *,
        group: str,
        member: str,
        claim_after_ms: int,
    ) -> None:
        super().__init__(shard, roster, positions, mailbox)
        self._shared = SharedPoses(shard, group, member)
        self._begin = dict(positions)
        self._claim_after_ms = claim_after_ms
        self._joined: set[str] = set()
        self._in_hand: dict[Mark, PoseEntry] = {}
        self._unseen: set[Mark] = set()
        self._put_down: SimpleQueue[tuple[Mark, bool]] = SimpleQueue()
        self._to_end: dict[Mark, bool] = {}
        self._claim_at_s = self._renew_at_s = 0.0
        self._reply_lost = False

    def put_down(self, camera: str, frame_id: FrameId, *, done: bool) -> None:
        """Note, from any thread, that nobody here is at a frame any longer: it is done, or another member's to do."""
        self._put_down.put(((camera, frame_id), done))

    def step(self) -> None:
        """End what is done, keep what is in hand, and get more when there is somebody who wants it."""
        try:
            self._end_put_down()
            self._join()
            self._renew()
            if self._joined and self.mailbox.asked_for(_WAIT_S):
                self._end_put_down()
                self._take()
            elif not self._joined:
                self._stop_asked.wait(_WAIT_S)
        except BrokerUnavailableError:
            self._reply_lost = True
            raise
        except BrokerError as error:
            if not is_missing(error):
                raise
            self._reply_lost = True  # with what had come of other cameras
            self._forget(self._shared.gone(self._joined))

    def leave(self) -> None:
        """Give back what nobody has looked at, wait a little for what somebody is at, and leave the group."""
        dropped = {(entry.camera, entry.id) for entry in self.mailbox.dropped if isinstance(entry, PoseEntry)}
        waiting = dropped | self._unseen
        deadline_s = time.monotonic() + _PATIENCE_S
        self._end_put_down()
        while self._in_hand.keys() - waiting and time.monotonic() < deadline_s:
            time.sleep(0.02)
            self._end_put_down()
        self._shared.give_back(self._in_hand[mark] for mark in waiting & self._in_hand.keys())
        if not self._in_hand.keys() - waiting:
            self._shared.leave(self._joined)

    def _join(self) -> None:
        for camera in self.followed - self._joined:
            if self._shared.join(camera, self._begin.get(camera, NOTHING)):
                self._joined.add(camera)
                self._begin.pop(camera, None)

    def _end_put_down(self) -> None:
        with suppress(Empty):
            while True:
                mark, done = self._put_down.get_nowait()
                self._to_end[mark] = done
        for mark, done in list(self._to_end.items()):
            if mark in self._in_hand:
                (self._shared.end if done else self._shared.give_back)([self._in_hand[mark]])
            self._in_hand.pop(mark, None)  # not before the server has heard of it
            del self._to_end[mark]

    def _renew(self) -> None:
        if self._in_hand and time.monotonic() >= self._renew_at_s:
            self._shared.renew(self._in_hand.values())
            self._renew_at_s = time.monotonic() + self._claim_after_ms / 3000

    def _forget(self, cameras: set[str]) -> None:
        """Hold nothing of cameras that were removed; where they come back they are joined again."""
        self._joined -= cameras
        self._in_hand = {mark: entry for mark, entry in self._in_hand.items() if entry.camera not in cameras}

    def _take(self) -> None:
        entry = self._next()
        if entry is not None:
            self._in_hand[entry.camera, entry.id] = entry
            if not self.pass_on(entry):
                self._unseen.add((entry.camera, entry.id))

    def _next(self) -> PoseEntry | None:
        if self._reply_lost:
            taken = self._shared.in_hand(self._joined)
            found = self._shared.keep_one([entry for entry in taken if (entry.camera, entry.id) not in self._in_hand])
            self._reply_lost = False
            if found is not None:
                return found
        if time.monotonic() >= self._claim_at_s:
            claimed, lost = self._shared.claim(self._joined, self._claim_after_ms)
            for camera, count in lost.items():
                self.pass_on(Gap(camera, None, None, count))
            if claimed is not None:
                return claimed
            self._claim_at_s = time.monotonic() + min(_CLAIM_S, self._claim_after_ms / 2000)
        return self._shared.take(self._joined, BLOCK_MS)
