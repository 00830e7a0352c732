"""Reading one shard in a thread of its own: which cameras there are, and what they publish."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from operator import attrgetter
from typing import Final, TypeAlias

from redis.backoff import EqualJitterBackoff

from posestream.broker import PoseEntry, PoseLog, Shard
from posestream.errors import BrokerUnavailableError
from posestream.keys import FrameId
from posestream.subscriber.events import Disconnected, Event, Reconnected
from posestream.subscriber.mailbox import Mailbox
from posestream.subscriber.roster import Roster
from posestream.subscriber.start import NOTHING

LOOK_S: Final = 1.0
BLOCK_MS: Final = 200
BATCH: Final = 256
_BACKOFF: Final = EqualJitterBackoff(cap=5, base=0.1)

Arrival: TypeAlias = PoseEntry | Event


class ShardReader(threading.Thread):
    """Puts what a shard's cameras publish into the mailbox, in order, until stopped; waits while the server is away.

    `roster` has the cameras, and `positions` says after which frame to read each; a camera that is not in it is new and
    read from its first pose on.
    """

    def __init__(
        self,
        shard: Shard,
        roster: Roster,
        positions: Mapping[str, FrameId],
        mailbox: Mailbox[Arrival],
        *,
        latest: bool = False,
    ) -> None:
        super().__init__(name=f"posestream-s{shard.keys.shard}", daemon=True)
        self.shard = shard
        self.log = PoseLog(shard)
        self.mailbox = mailbox
        self._roster = roster
        self._positions = dict(positions)
        self._latest = latest
        self._stop_asked = threading.Event()
        self._look_at_s = 0.0
        self._failures = 0

    def stop(self) -> None:
        """Ask the thread to end; it does within a moment."""
        self._stop_asked.set()

    @property
    def stopping(self) -> bool:
        """Whether it has been asked to end."""
        return self._stop_asked.is_set()

    @property
    def followed(self) -> frozenset[str]:
        """The cameras to read."""
        return self._roster.followed

    def run(self) -> None:
        """Read until asked to end; what waiting can not mend is for whoever takes from the mailbox."""
        try:
            while not self.stopping:
                try:
                    self._look()
                    self.step()
                except BrokerUnavailableError as error:
                    self._away(error)
                else:
                    self._there()
            self.leave()
        except Exception as error:  # noqa: BLE001 - raised where the subscription is used
            self.mailbox.fail(error)
        finally:
            self.shard.close()

    def step(self) -> None:
        """Wait for what comes next, for a moment at most, and pass it on."""
        cameras = self.followed
        if not cameras:
            self._stop_asked.wait(LOOK_S)
            return
        after = {camera: self._positions.get(camera, NOTHING) for camera in cameras}
        count = max(1, BATCH // len(after))
        entries = self.log.read_all(after, count=count, block_ms=BLOCK_MS)
        for entry in sorted(entries, key=attrgetter("id")):  # by time among the cameras, as far as has been read
            if not self.pass_on(entry, key=entry.camera if self._latest else None):
                return
            self._positions[entry.camera] = entry.id

    def pass_on(self, arrival: Arrival, key: str | None = None) -> bool:
        """Put what the server has said into the mailbox, after the word that it is there; False when that is closed."""
        self._there()
        return self.mailbox.put(arrival, key=key)

    def leave(self) -> None:
        """Do what has to be done before the connection is closed; nothing here."""

    def _look(self) -> None:
        if time.monotonic() >= self._look_at_s:
            for event in self._roster.update(self.log.heard_ms(), self.shard.server_ms()):
                self.pass_on(event)
            self._look_at_s = time.monotonic() + LOOK_S

    def _away(self, error: BrokerUnavailableError) -> None:
        if not self._failures:
            self.mailbox.put(Disconnected(self.shard.keys.shard, str(error)))
        self._failures += 1
        self._look_at_s = 0.0
        self._stop_asked.wait(_BACKOFF.compute(self._failures))

    def _there(self) -> None:
        if self._failures:
            self._failures = 0
            self.mailbox.put(Reconnected(self.shard.keys.shard))
