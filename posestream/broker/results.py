"""The tracker's side: the lease to publish, the records of frames that ended, and publishing them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from posestream.broker.connection import MAX_BLOCK_MS, translated
from posestream.broker.shard import Shard, text
from posestream.broker.work import stream_entries
from posestream.keys import FrameId
from posestream.messages import Outcome, Policy


@dataclass(frozen=True, slots=True)
class Record:
    """What became of one admitted frame.

    Attributes:
        id: the record's own id; its milliseconds are the server's clock when the frame ended.
        camera, frame_id, seq, policy: of the frame.
        outcome: posed, superseded, stale or dead.
        data: the pose message for posed, the reason for dead.
    """

    id: FrameId
    camera: str
    frame_id: FrameId
    seq: int
    policy: Policy
    outcome: Outcome
    data: bytes


@dataclass(frozen=True, slots=True)
class ReleasedRecord:
    """A record on its way out: the outcome that is counted, and the pose message when it is posed.

    When a record says posed and comes out as dead, `pose` is the error for its dead letter; else it is empty.
    """

    record: Record
    outcome: Outcome
    pose: bytes


@dataclass(frozen=True, slots=True)
class CameraRelease:
    """What is published of one camera in one call.

    Attributes:
        camera: its name.
        believed: the released seq that the server is thought to hold.
        released: the released seq from now on.
        tracker_state: the tracker's own state for the camera, kept with it.
        records: in seq order; `late` ones anywhere.
    """

    camera: str
    believed: int
    released: int
    tracker_state: bytes
    records: Sequence[ReleasedRecord]


@dataclass(frozen=True, slots=True)
class Leadership:
    """The answer to asking for the lease.

    Attributes:
        epoch: the leader's; None when another leads.
        holder, left_ms: who leads instead, and for how much longer.
        fruitless: how many leaders in a row, the asker included, have not published anything: more than a few, and
            there may be a record that ends trackers.
    """

    epoch: int | None
    holder: str = ""
    left_ms: int = 0
    fruitless: int = 0


@dataclass(frozen=True, slots=True)
class CameraProgress:
    """How far trackers have come with a camera.

    Attributes:
        released: the released seq.
        tracker_state: what the tracker kept with it.
        trying: the record that a tracker said it was looking at and has not published; None for none.
        tries: how often it was looked at.
        published_id: the camera's last published pose; 0-0 for none.
    """

    released: int
    tracker_state: bytes
    trying: FrameId | None = None
    tries: int = 0
    published_id: FrameId = FrameId(0)  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Nothing was published: the server holds another epoch, or another released seq for a camera."""

    what: str
    detail: str


class ResultLog:
    """Reads records and publishes poses, for the one tracker that leads the shard."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard

    def lead(self, holder: str, lease_ms: int) -> Leadership:
        """Take or renew the lease; 0 gives it up."""
        reply = self._shard.call("lead", holder, lease_ms)
        if reply[0] == b"leading":
            return Leadership(epoch=int(reply[1]), fruitless=int(reply[2]))
        return Leadership(epoch=None, holder=text(reply[1]), left_ms=int(reply[2]))

    def read(self, after: FrameId, *, count: int, block_ms: int = 0) -> list[Record]:
        """Return up to `count` records after an id, waiting up to `block_ms` for the first."""
        with translated("reading results"):
            reply = self._shard.client.xread(
                {self._shard.keys.results: str(after)},
                count=count,
                block=min(block_ms, MAX_BLOCK_MS) if block_ms > 0 else None,
            )
            records = []
            for record_id, fields in stream_entries(reply):
                try:
                    records.append(_record(record_id, fields))
                except (KeyError, ValueError):  # somebody's stray entry
                    self._shard.client.xdel(self._shard.keys.results, record_id)
                    self._shard.on_recovery("stray_entry")
        return records

    def progress(self, cameras: Iterable[str]) -> dict[str, CameraProgress]:
        """Return how far trackers have come with these cameras."""
        names = list(cameras)
        with translated("reading the cameras' state"), self._shard.client.pipeline(transaction=False) as pipeline:
            for camera in names:
                pipeline.hmget(self._shard.keys.state(camera), ["released", "tracker", "trying", "published_id"])
            replies = pipeline.execute()
        return {camera: _progress(*reply) for camera, reply in zip(names, replies, strict=True)}

    def announce(self, epoch: int, record: Record) -> Mismatch | None:
        """Say that this record is looked at now, so that the next leader knows if it ends this one."""
        reply = self._shard.call("try", epoch, record.camera, str(record.id))
        return None if reply[0] == b"trying" else _mismatch(reply)

    def publish(self, epoch: int, retain: int, releases: Sequence[CameraRelease]) -> int | Mismatch:
        """Publish these records, all or none; returns how many were counted."""
        arguments: list[Any] = [epoch, retain]
        for release in releases:
            arguments += [release.camera, release.believed, release.released, release.tracker_state]
            arguments.append(len(release.records))
            for released in release.records:
                record = released.record
                arguments += [str(record.id), str(record.frame_id), released.outcome.value, released.pose]
        reply = self._shard.call("publish", *arguments)
        if reply[0] == b"published":
            return int(reply[1])
        return _mismatch(reply)


def _progress(
    released: bytes | None, state: bytes | None, trying: bytes | None, published_id: bytes | None
) -> CameraProgress:
    record, _, tries = text(trying or b"").partition(" ")
    return CameraProgress(
        released=int(released or 0),
        tracker_state=state or b"",
        trying=FrameId.parse(record) if record else None,
        tries=int(tries or 0),
        published_id=FrameId.parse(published_id or "0-0"),
    )


def _mismatch(reply: list[Any]) -> Mismatch:
    return Mismatch(text(reply[1]), " ".join(text(part) for part in reply[2:]))


def _record(record_id: bytes, fields: dict[bytes, bytes]) -> Record:
    return Record(
        id=FrameId.parse(record_id),
        camera=text(fields[b"camera"]),
        frame_id=FrameId.parse(fields[b"id"]),
        seq=int(fields[b"seq"]),
        policy=Policy(text(fields[b"policy"])),
        outcome=Outcome(text(fields[b"outcome"])),
        data=fields[b"data"],
    )
