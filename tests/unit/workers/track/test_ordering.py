"""The order of a camera's records: what goes out, when, and as what."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posestream.broker import Record
from posestream.keys import FrameId
from posestream.messages import Outcome, Policy
from workers.track.ordering import CameraOrder, Release

WAIT_MS = 500


def record(
    seq: int, outcome: Outcome = Outcome.POSED, *, ended_ms: int = 0, policy: Policy = Policy.LIVE, data: bytes = b""
) -> Record:
    return Record(FrameId(ended_ms, seq), "lobby", FrameId(1000 + seq), seq, policy, outcome, data or b"pose %d" % seq)


def lossless(seq: int, **how) -> Record:
    return record(seq, policy=Policy.LOSSLESS, **how)


def order_of(*records: Record, released: int = 0) -> CameraOrder:
    order = CameraOrder(released, WAIT_MS)
    for each in records:
        order.add(each)
    return order


def seqs(release: Release) -> list[int]:
    return [released.record.seq for released in release.records]


# In turn --------------------------------------------------------------------------------------------------------------


def test_records_come_out_in_the_order_of_frames_whatever_order_they_come_in():
    release = order_of(record(3), record(1), record(2)).release(0, read_to_end=False)

    assert seqs(release) == [1, 2, 3]
    assert (release.believed, release.released, release.skipped) == (0, 3, 0)


def test_a_camera_goes_on_where_an_earlier_tracker_left_off():
    release = order_of(record(42), record(41), released=40).release(0, read_to_end=False)

    assert (seqs(release), release.believed, release.released) == ([41, 42], 40, 42)


def test_nothing_comes_out_twice():
    order = order_of(record(1))
    order.release(0, read_to_end=True)

    assert order.release(10**9, read_to_end=True) == Release([], believed=1, released=1, skipped=0)
    assert len(order) == 0


def test_the_same_record_read_twice_while_it_waits_comes_out_once():
    order = order_of(record(2), record(2))
    assert len(order) == 1

    order.add(record(1))
    assert seqs(order.release(0, read_to_end=True)) == [1, 2]


def test_a_posed_frame_carries_its_pose():
    (released,) = order_of(record(1, data=b"p")).release(0, read_to_end=True).records

    assert (released.outcome, released.pose) == (Outcome.POSED, b"p")


@pytest.mark.parametrize("outcome", [Outcome.SUPERSEDED, Outcome.STALE, Outcome.DEAD])
def test_a_frame_that_ended_otherwise_keeps_its_place_and_carries_no_pose(outcome):
    release = order_of(record(3), record(2, outcome, data=b"reason"), record(1)).release(0, read_to_end=False)

    assert seqs(release) == [1, 2, 3]
    assert (release.records[1].outcome, release.records[1].pose) == (outcome, b"")


# Gaps -----------------------------------------------------------------------------------------------------------------


def test_a_lossless_gap_is_waited_for_as_long_as_it_takes():
    order = order_of(lossless(1), lossless(3))

    assert seqs(order.release(0, read_to_end=True)) == [1]
    assert seqs(order.release(10**12, read_to_end=True)) == []
    assert len(order) == 1

    order.add(lossless(2))
    assert seqs(order.release(10**12, read_to_end=False)) == [2, 3]


def test_a_live_gap_is_given_up_on_after_reading_to_the_end_and_the_reorder_wait():
    order = order_of(record(3, ended_ms=1000))

    assert seqs(order.release(1000 + WAIT_MS - 1, read_to_end=True)) == []
    assert seqs(order.release(1000 + WAIT_MS, read_to_end=False)) == []
    release = order.release(1000 + WAIT_MS, read_to_end=True)
    assert (seqs(release), release.released, release.skipped) == ([3], 3, 2)


def test_the_wait_counts_from_the_oldest_record_held():
    order = order_of(record(5, ended_ms=1000), record(3, ended_ms=1400))

    release = order.release(1000 + WAIT_MS, read_to_end=True)
    assert (seqs(release), release.skipped) == ([3, 5], 3)


def test_a_second_gap_has_a_wait_of_its_own():
    order = order_of(record(2, ended_ms=1000), record(4, ended_ms=1400))

    assert seqs(order.release(1000 + WAIT_MS, read_to_end=True)) == [2]
    assert seqs(order.release(1400 + WAIT_MS, read_to_end=True)) == [4]


def test_one_lossless_record_behind_a_gap_makes_it_worth_waiting_for():
    """As when a camera is first played live and then lossless."""
    order = order_of(record(2), lossless(3))

    assert seqs(order.release(10**9, read_to_end=True)) == []


# Too late -------------------------------------------------------------------------------------------------------------


def test_a_posed_frame_that_was_given_up_on_is_late_and_carries_no_pose():
    order = order_of(record(2))
    order.release(WAIT_MS, read_to_end=True)
    order.add(record(1, data=b"p"))
    release = order.release(WAIT_MS, read_to_end=True)

    assert [(each.record.seq, each.outcome, each.pose) for each in release.records] == [(1, Outcome.LATE, b"")]
    assert (release.believed, release.released) == (2, 2)


@pytest.mark.parametrize("outcome", [Outcome.SUPERSEDED, Outcome.STALE, Outcome.DEAD])
def test_a_frame_that_ended_otherwise_after_it_was_given_up_on_is_counted_as_what_it_is(outcome):
    release = order_of(record(1, outcome), released=2).release(0, read_to_end=False)

    assert [each.outcome for each in release.records] == [outcome]


def test_a_late_frame_goes_out_even_while_others_wait():
    order = order_of(record(9), record(1), released=5)

    assert len(order) == 2
    assert seqs(order.release(0, read_to_end=True)) == [1]
    assert len(order) == 1


# Anything that may come -----------------------------------------------------------------------------------------------


@dataclass
class Oracle:
    """The rules, written down with one list and no cleverness."""

    released: int
    waiting: list[Record] = field(default_factory=list)

    def add(self, new: Record) -> None:
        if new.seq <= self.released or new not in self.waiting:
            self.waiting.append(new)

    def release(self, now_ms: int, read_to_end: bool) -> list[tuple[int, Outcome]]:
        late = [each for each in self.waiting if each.seq <= self.released]
        self.waiting = sorted((each for each in self.waiting if each.seq > self.released), key=lambda each: each.seq)
        out = [(each.seq, Outcome.LATE if each.outcome is Outcome.POSED else each.outcome) for each in late]
        while self.waiting:
            is_next = self.waiting[0].seq == self.released + 1
            is_live = all(each.policy is Policy.LIVE for each in self.waiting)
            has_waited = any(now_ms >= each.id.ms + WAIT_MS for each in self.waiting)
            if not is_next and not (is_live and read_to_end and has_waited):
                break
            first = self.waiting.pop(0)
            self.released = first.seq
            out.append((first.seq, first.outcome))
        return out


@dataclass(frozen=True)
class Step:
    """Records that are read, and a release."""

    records: list[Record]
    now_ms: int
    read_to_end: bool


@st.composite
def runs(draw, policy: Policy) -> list[Step]:
    """Up to 20 frames in any order, in batches, some of them read again, while time passes."""
    count = draw(st.integers(1, 20))
    outcomes = [Outcome.POSED, Outcome.DEAD]
    if policy is Policy.LIVE:
        outcomes += [Outcome.SUPERSEDED, Outcome.STALE]
    frames = [
        record(seq, draw(st.sampled_from(outcomes)), ended_ms=draw(st.integers(0, 2000)), policy=policy)
        for seq in draw(st.permutations(range(1, count + 1)))
    ]
    steps = []
    now_ms = 0
    while frames:
        size = draw(st.integers(1, 5))
        batch, frames = frames[:size], frames[size:]
        again = draw(st.lists(st.sampled_from(batch), max_size=2)) if batch else []
        now_ms += draw(st.integers(0, 700))
        steps.append(Step(batch + again, now_ms, draw(st.booleans())))
    return [*steps, Step([], now_ms + 10_000, read_to_end=True)]


def play(order: CameraOrder, steps: list[Step]) -> list[tuple[int, Outcome]]:
    out = []
    for step in steps:
        for each in step.records:
            order.add(each)
        release = order.release(step.now_ms, read_to_end=step.read_to_end)
        out += [(each.record.seq, each.outcome) for each in release.records]
    return out


@given(st.sampled_from(Policy).flatmap(runs))
def test_every_run_comes_out_as_the_obvious_oracle_says(steps):
    oracle, order = Oracle(0), CameraOrder(0, WAIT_MS)
    for step in steps:
        for each in step.records:
            oracle.add(each)
            order.add(each)
        release = order.release(step.now_ms, read_to_end=step.read_to_end)

        assert [(each.record.seq, each.outcome) for each in release.records] == oracle.release(
            step.now_ms, step.read_to_end
        )
        assert release.released == oracle.released
        assert len(order) == len(oracle.waiting)


@given(runs(Policy.LOSSLESS))
def test_lossless_frames_come_out_in_order_and_once_each(steps):
    everything = {each.seq for step in steps for each in step.records}
    out = play(CameraOrder(0, WAIT_MS), steps)
    in_turn = [seq for seq, outcome in out if outcome is not Outcome.LATE]

    assert sorted(set(in_turn)) == sorted(everything)
    first_time = list(dict.fromkeys(in_turn))
    assert first_time == sorted(everything)


@given(runs(Policy.LIVE))
def test_live_poses_only_ever_go_forward_and_every_frame_ends(steps):
    everything = {each.seq for step in steps for each in step.records}
    out = play(CameraOrder(0, WAIT_MS), steps)
    posed = [seq for seq, outcome in out if outcome is Outcome.POSED]

    assert all(earlier < later for earlier, later in pairwise(posed))
    assert {seq for seq, _ in out} == everything


@given(runs(Policy.LIVE))
def test_what_is_skipped_is_what_later_turns_out_late_or_never_comes(steps):
    order = CameraOrder(0, WAIT_MS)
    skipped, in_turn = 0, 0
    for step in steps:
        for each in step.records:
            order.add(each)
        release = order.release(step.now_ms, read_to_end=step.read_to_end)
        skipped += release.skipped
        in_turn += sum(each.record.seq > release.believed for each in release.records)

    assert in_turn + skipped == max(each.seq for step in steps for each in step.records)
