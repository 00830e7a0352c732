"""What a pose says of what came before it."""

from __future__ import annotations

from posestream.broker import Record, ReleasedRecord
from posestream.keys import FrameId
from posestream.messages import Outcome, Policy
from tests.unit.posestream.golden import POSE
from workers.track.succession import Succession


def ended(seq: int, outcome: Outcome) -> ReleasedRecord:
    record = Record(FrameId(seq), "lobby", FrameId(100 + seq), seq, Policy.LIVE, outcome, b"")
    return ReleasedRecord(record, outcome, b"")


def after(succession: Succession, *records: ReleasedRecord) -> tuple[FrameId | None, dict[Outcome, int]]:
    for record in records:
        succession.take_in(record)
    stamped = succession.stamped(POSE)
    return stamped.previous, dict(stamped.skipped)


def test_the_first_pose_comes_after_none():
    assert after(Succession(FrameId(0), 0, {})) == (FrameId(0), {})


def test_a_pose_names_the_one_before_it():
    succession = Succession(FrameId(0), 0, {})
    assert after(succession, ended(1, Outcome.POSED)) == (FrameId(101), {})
    assert after(succession, ended(2, Outcome.POSED)) == (FrameId(102), {})


def test_what_ended_without_a_pose_in_between_is_counted_by_outcome_and_once():
    succession = Succession(FrameId(0), 0, {})
    between = [ended(2, Outcome.DEAD), ended(3, Outcome.STALE), ended(4, Outcome.STALE)]
    assert after(succession, ended(1, Outcome.POSED), *between) == (
        FrameId(101),
        {Outcome.DEAD: 1, Outcome.STALE: 2},
    )
    assert after(succession, ended(5, Outcome.POSED)) == (FrameId(105), {})


def test_what_comes_late_is_between_older_poses():
    succession = Succession(FrameId(0), 0, {})
    assert after(succession, ended(7, Outcome.POSED), ended(3, Outcome.LATE), ended(8, Outcome.SUPERSEDED)) == (
        FrameId(107),
        {Outcome.SUPERSEDED: 1},
    )


def test_a_new_tracker_goes_on_from_what_was_published_last():
    left = Succession(FrameId(77), 9, {})
    left.take_in(ended(10, Outcome.DEAD))
    succession = Succession(FrameId(77), 10, left.skipped)
    assert after(succession, ended(9, Outcome.LATE), ended(11, Outcome.DEAD)) == (FrameId(77), {Outcome.DEAD: 2})
