"""From what readers put into the mailbox to what the caller gets: frames, and events in their places between them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TypeAlias

from posestream.broker import PoseEntry
from posestream.errors import MessageError, UnsupportedSchemaError
from posestream.messages import PoseFrame, decode_pose
from posestream.subscriber.cursor import Cursor
from posestream.subscriber.events import (
    CameraOffline,
    CameraOnline,
    CameraRemoved,
    Disconnected,
    Event,
    Gap,
    Reconnected,
    Skipped,
    Unreadable,
)
from posestream.subscriber.reader import Arrival
from posestream.subscriber.start import NOTHING, Position

logger = logging.getLogger("posestream")

Item: TypeAlias = PoseFrame | Event

_WORTH_A_WARNING = (Gap, Unreadable, Disconnected)
_WORTH_A_LINE = (CameraOffline, CameraOnline, CameraRemoved, Reconnected)


class Share(Enum):
    """Which of the frames come by."""

    ALL = "all"
    LATEST = "latest"
    """Each camera's newest of those that wait."""
    GROUP = "group"
    """Those that no other member of the group has got."""


class Desk:
    """Decodes, compares each frame with the one before, and keeps the positions of what has been handed out.

    `cursors` are those of the cameras known at the start. Without `events` they go to the log instead.
    """

    def __init__(self, cursors: Mapping[str, Cursor], share: Share, *, events: bool) -> None:
        self.positions = {camera: Position(cursor.after, cursor.seq) for camera, cursor in cursors.items()}
        self._cursors = dict(cursors)
        self._share = share
        self._events = events

    def open(self, arrival: Arrival) -> list[Item]:
        """Return what has arrived as the caller is to have it, in order.

        Raises:
            UnsupportedSchemaError: the poses are of a newer major version than this program reads.
        """
        if not isinstance(arrival, PoseEntry):
            return self._told([arrival])
        frame = _decoded(arrival)
        if isinstance(frame, Unreadable):
            return self._told([frame])
        return [*self._told(self._missing_before(frame)), frame]

    def handed_out(self, item: Item) -> None:
        """Note that the caller has got an item."""
        if isinstance(item, PoseFrame):
            self.positions[item.camera] = Position(item.id, item.seq)

    def _missing_before(self, frame: PoseFrame) -> Sequence[Event]:
        if self._share is Share.ALL:
            return self._cursors.setdefault(frame.camera, Cursor(NOTHING, 0)).advance(frame)
        if self._share is Share.GROUP and frame.skipped:
            return [Skipped(frame.camera, frame.id, sum(frame.skipped.values()), frame.skipped)]
        return []

    def _told(self, events: Sequence[Event]) -> list[Item]:
        if self._events:
            return list(events)
        for event in events:
            if isinstance(event, _WORTH_A_WARNING):
                logger.warning("%s", event)
            elif isinstance(event, _WORTH_A_LINE):
                logger.info("%s", event)
        return []


def _decoded(entry: PoseEntry) -> PoseFrame | Unreadable:
    if entry.packed is None:
        return Unreadable(entry.camera, entry.id, "the entry has no field `pose`")
    try:
        frame = decode_pose(entry.packed)
    except UnsupportedSchemaError:
        raise
    except MessageError as error:
        return Unreadable(entry.camera, entry.id, str(error))
    if (frame.camera, frame.id) != (entry.camera, entry.id):
        return Unreadable(entry.camera, entry.id, f"it says that it is frame {frame.id} of {frame.camera!r}")
    return frame
