"""Putting one camera's records back in order: which may be released now, and as what."""

from __future__ import annotations

from dataclasses import dataclass

from posestream.broker import Record, ReleasedRecord
from posestream.messages import Outcome, Policy


@dataclass(frozen=True, slots=True)
class Release:
    """What may be published now.

    Attributes:
        records: in seq order; late ones anywhere.
        believed: the released seq before.
        released: the released seq after.
        skipped: frames given up on in between.
    """

    records: list[ReleasedRecord]
    believed: int
    released: int
    skipped: int


class CameraOrder:
    """Holds one camera's records until their turn. Time and the state of reading come in as arguments.

    Lossless frames wait for their predecessors as long as it takes. Live frames wait until everything there is has been
    read and the oldest record held has been there for `reorder_wait_ms`; then the missing ones are given up on, and if
    one comes after all it is late.
    """

    def __init__(self, released: int, reorder_wait_ms: int) -> None:
        self._released = released
        self._reorder_wait_ms = reorder_wait_ms
        self._held: dict[int, Record] = {}
        self._late: list[Record] = []

    def __len__(self) -> int:
        """Records held, for whatever reason."""
        return len(self._held) + len(self._late)

    def add(self, record: Record) -> None:
        """Take in a record as read."""
        if record.seq > self._released:
            self._held[record.seq] = record
        else:
            self._late.append(record)

    def release(self, now_ms: int, *, read_to_end: bool, at_most: int | None = None) -> Release:
        """Return what may go out at `now_ms` on the server's clock, and hold it no longer.

        Late records always go; of the others `at_most` so many.
        """
        believed = self._released
        records = [ReleasedRecord(record, _late_outcome(record), b"") for record in self._late]
        self._late.clear()
        skipped = released = 0
        while released != at_most and (record := self.next_record(now_ms, read_to_end=read_to_end)) is not None:
            skipped += record.seq - self._released - 1
            del self._held[record.seq]
            self._released = record.seq
            records.append(_in_turn(record))
            released += 1
        return Release(records, believed, self._released, skipped)

    def next_record(self, now_ms: int, *, read_to_end: bool) -> Record | None:
        """Return the record whose turn it is at `now_ms`, if any; it stays held."""
        following = self._held.get(self._released + 1)
        if following is not None or not self._held:
            return following
        return self._held[min(self._held)] if read_to_end and self._waited_enough(now_ms) else None

    def _waited_enough(self, now_ms: int) -> bool:
        if any(record.policy is Policy.LOSSLESS for record in self._held.values()):
            return False
        oldest_ms = min(record.id.ms for record in self._held.values())
        return now_ms - oldest_ms >= self._reorder_wait_ms


def _in_turn(record: Record) -> ReleasedRecord:
    return ReleasedRecord(record, record.outcome, record.data if record.outcome is Outcome.POSED else b"")


def _late_outcome(record: Record) -> Outcome:
    return Outcome.LATE if record.outcome is Outcome.POSED else record.outcome
