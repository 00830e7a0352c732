"""One camera as the tracker sees it: records put in order, the people in them identified, ready to be published."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import msgpack

from posestream.broker import CameraProgress, CameraRelease, Record, ReleasedRecord
from posestream.errors import MessageError
from posestream.keys import FrameId
from posestream.messages import Extrinsics, Outcome, Person, decode_pose, encode_pose
from workers.track.ordering import CameraOrder
from workers.track.succession import Succession
from workers.track.tracks import CameraTracks, TrackOptions

logger = logging.getLogger(__name__)

MAX_TRIES = 2
"""A record that has ended so many trackers that said they would look at it is not looked at again."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one camera may publish now: the release, the frames given up on in it, and the people in it."""

    release: CameraRelease
    skipped: int
    people: int


class CameraTracker:
    """Turns one camera's records into releases; goes on from where the last tracker left it.

    Raises `ValueError` for a state that no tracker can have written.
    """

    def __init__(self, camera: str, progress: CameraProgress, reorder_wait_ms: int, options: TrackOptions) -> None:
        self._camera = camera
        self._order = CameraOrder(progress.released, reorder_wait_ms)
        tracks, skipped = _unpack(progress.tracker_state)
        self._tracks = CameraTracks.unpack(options, tracks)
        self._succession = Succession(progress.published_id, progress.released, skipped)
        self._condemned: FrameId | None = progress.trying if progress.tries >= MAX_TRIES else None

    def __len__(self) -> int:
        """Records held."""
        return len(self._order)

    def add(self, record: Record) -> None:
        """Take in a record as read."""
        self._order.add(record)

    def next_record(self, now_ms: int, *, read_to_end: bool) -> Record | None:
        """Return the record that `release` would begin with, without releasing it."""
        return self._order.next_record(now_ms, read_to_end=read_to_end)

    def release(self, now_ms: int, *, read_to_end: bool, at_most: int | None = None) -> Batch | None:
        """Return what may go out at `now_ms` on the server's clock, at most so many records; None for nothing."""
        released = self._order.release(now_ms, read_to_end=read_to_end, at_most=at_most)
        if not released.records:
            return None
        records, people = zip(*map(self._in_turn, released.records), strict=True)
        state = msgpack.packb([self._tracks.pack(), self._succession.skipped])
        release = CameraRelease(self._camera, released.believed, released.released, state, records)
        return Batch(release, released.skipped, sum(people))

    def _in_turn(self, released: ReleasedRecord) -> tuple[ReleasedRecord, int]:
        tracked, people = self._tracked(released)
        self._succession.take_in(tracked)
        return tracked, people

    def _tracked(self, released: ReleasedRecord) -> tuple[ReleasedRecord, int]:
        """Identify the people of a posed record and count them; what makes no sense becomes a dead letter."""
        if released.outcome is not Outcome.POSED:
            return released, 0
        record = released.record
        if record.id == self._condemned:
            return _dead(record, f"it has ended {MAX_TRIES} trackers that looked at it"), 0
        try:
            pose = decode_pose(record.data)
            people = _in_world(self._tracks.update(pose.captured_ms, pose.people), pose.extrinsics)
            stamped = self._succession.stamped(replace(pose, people=people))
            return replace(released, pose=encode_pose(stamped)), len(people)
        except MessageError as error:
            return _dead(record, str(error)), 0
        except Exception as error:  # one record must not hold up its camera for ever: it is counted
            logger.exception("record failed", extra={"camera": record.camera, "frame": str(record.frame_id)})
            return _dead(record, f"{type(error).__name__}: {error}"), 0


def _unpack(state: bytes) -> tuple[bytes, dict[str, int]]:
    """Return the tracks' own state and what has been skipped since the last pose, of what a tracker left."""
    if not state:
        return b"", {}
    try:
        tracks, skipped = msgpack.unpackb(state)
    except (TypeError, ValueError, msgpack.exceptions.UnpackException):
        return state, {}  # the first trackers kept tracks alone
    if isinstance(tracks, bytes) and isinstance(skipped, dict):
        return tracks, skipped
    raise ValueError("the tracker's state is not a tracker's")


def _in_world(people: tuple[Person, ...], extrinsics: Extrinsics | None) -> tuple[Person, ...]:
    """Return people with their smoothed joints in the world, too, where the camera's place is known."""
    if extrinsics is None:
        return people
    return tuple(
        person if person.smooth_m is None else replace(person, smooth_world_m=extrinsics.to_world(person.smooth_m))
        for person in people
    )


def _dead(record: Record, error: str) -> ReleasedRecord:
    logger.warning(
        "dead letter: untrackable (%s)", error, extra={"camera": record.camera, "frame": str(record.frame_id)}
    )
    return ReleasedRecord(record, Outcome.DEAD, error[:1000].encode())
