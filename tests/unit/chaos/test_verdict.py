"""The judge of chaos: a run as it should be passes; each way of going wrong is seen and put down to a fault."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posestream.keys import FrameId
from tests.chaos.reference import Expected, Pose
from tests.chaos.schedule import Kind
from tests.chaos.verdict import (
    BEFORE,
    CRASHING_FRAME,
    Injection,
    Letter,
    Look,
    Observations,
    Published,
    Row,
    Verdict,
    judge,
)

FRAMES = 10
DEAD = {2: frozenset({"crashed"}), 7: frozenset({"failed", "crashed"})}
DEPTH = 3


def pose(number: int, tracks: tuple[int, ...] = (1, 2)) -> Pose:
    return Pose(number, tracks, b"%d" % number)


EXPECTED = Expected(FRAMES, {number: pose(number) for number in range(FRAMES) if number not in DEAD}, DEAD)
PUBLISHED = [Published(FrameId(1000 + number), pose(number)) for number in EXPECTED.poses]
LETTERS = [Letter(2, "crashed"), Letter(7, "failed")]
LOOKS = [Look(number / 10, min(FRAMES, number + 2), number, min(2, FRAMES - number)) for number in range(FRAMES + 1)]
INJECTIONS = [Injection(Kind.WORKER_KILLED, 0.05, 1), Injection(Kind.TRACKER_FROZEN, 0.45, 5)]
RUN = Observations(LOOKS, PUBLISHED, LETTERS, INJECTIONS, DEPTH)


def row(verdict: Verdict, fault: str) -> Row:
    return next(row for row in verdict.rows if row.fault == fault)


def without(number: int) -> list[Published]:
    return [entry for entry in PUBLISHED if entry.pose.number != number]


def test_a_run_as_it_should_be_has_nothing_wrong() -> None:
    assert judge(EXPECTED, RUN).wrong == {}


def test_frames_are_put_down_to_the_last_fault_before_them() -> None:
    verdict = judge(EXPECTED, RUN)
    assert row(verdict, BEFORE).frames == 1
    assert (row(verdict, Kind.WORKER_KILLED).times, row(verdict, Kind.WORKER_KILLED).frames) == (1, 4)
    assert (row(verdict, Kind.TRACKER_FROZEN).times, row(verdict, Kind.TRACKER_FROZEN).frames) == (1, 5)
    assert (verdict.total.times, verdict.total.frames) == (2, FRAMES)


def test_a_lost_frame_is_seen() -> None:
    verdict = judge(EXPECTED, replace(RUN, published=without(4)))
    assert verdict.wrong == {"frames lost": 1}
    assert row(verdict, Kind.WORKER_KILLED).lost == 1


def test_a_frame_that_should_be_dead_and_has_no_letter_is_lost() -> None:
    assert judge(EXPECTED, replace(RUN, letters=LETTERS[:1])).wrong == {"frames lost": 1}


def test_a_frame_published_twice_is_seen() -> None:
    again = Published(FrameId(2000), pose(9))
    verdict = judge(EXPECTED, replace(RUN, published=[*PUBLISHED, again]))
    assert verdict.wrong == {"frames duplicated": 1}
    assert row(verdict, Kind.TRACKER_FROZEN).duplicated == 1


def test_a_frame_both_posed_and_dead_is_a_duplicate_and_wrongly_dead() -> None:
    verdict = judge(EXPECTED, replace(RUN, letters=[*LETTERS, Letter(4, "crashed")]))
    assert verdict.wrong == {"frames duplicated": 1, "frames dead or alive that should not be": 1}


@pytest.mark.parametrize("ids_too", [False, True], ids=["by number", "by id"])
def test_a_reordered_frame_is_seen(ids_too: bool) -> None:
    swapped = [*PUBLISHED[:3], PUBLISHED[4], PUBLISHED[3], *PUBLISHED[5:]]
    if not ids_too:  # the stream's ids rise, as the server sees to; the frames under them are exchanged
        swapped = [Published(right.frame_id, wrong.pose) for right, wrong in zip(PUBLISHED, swapped, strict=True)]
    assert judge(EXPECTED, replace(RUN, published=swapped)).wrong == {"frames reordered": 1}


def test_an_innocent_frame_that_is_dead_is_seen() -> None:
    verdict = judge(EXPECTED, replace(RUN, published=without(4), letters=[*LETTERS, Letter(4, "crashed")]))
    assert verdict.wrong == {"frames dead or alive that should not be": 1}


def test_a_frame_dead_for_another_reason_is_seen() -> None:
    letters = [Letter(2, "failed"), LETTERS[1]]
    assert judge(EXPECTED, replace(RUN, letters=letters)).wrong == {"frames dead or alive that should not be": 1}


def test_a_failing_frame_may_have_been_in_hand_when_a_worker_was_killed() -> None:
    assert judge(EXPECTED, replace(RUN, letters=[LETTERS[0], Letter(7, "crashed")])).wrong == {}


def test_a_frame_posed_that_should_be_dead_is_seen() -> None:
    published = sorted([*PUBLISHED, Published(FrameId(1007), pose(7))], key=lambda entry: entry.frame_id)
    verdict = judge(EXPECTED, replace(RUN, published=published, letters=LETTERS[:1]))
    assert verdict.wrong == {"frames dead or alive that should not be": 1}


def test_a_pose_that_differs_is_seen() -> None:
    published = [*PUBLISHED[:-1], Published(FrameId(1009), replace(pose(9), digest=b"other"))]
    assert judge(EXPECTED, replace(RUN, published=published)).wrong == {
        "poses that differ from those of a run without faults": 1
    }


def test_an_id_that_changes_hands_is_counted_where_it_does_and_not_again() -> None:
    published = [
        replace(entry, pose=replace(entry.pose, tracks=(3, 2))) if entry.pose.number >= 5 else entry
        for entry in PUBLISHED
    ]
    verdict = judge(EXPECTED, replace(RUN, published=published))
    assert verdict.wrong["id switches caused"] == 1
    assert row(verdict, Kind.TRACKER_FROZEN).switches == 1


def test_books_that_do_not_add_up_or_go_back_are_seen() -> None:
    unaccounted = [*LOOKS[:4], replace(LOOKS[4], in_flight=1), *LOOKS[5:]]
    assert judge(EXPECTED, replace(RUN, looks=unaccounted)).wrong == {"looks at which frames were unaccounted for": 1}
    reverted = [*LOOKS[:4], replace(LOOKS[2], at_s=0.35), *LOOKS[4:]]
    assert judge(EXPECTED, replace(RUN, looks=reverted)).wrong == {"looks at which the books had gone back": 1}


def test_a_run_that_was_not_finished_and_one_that_never_began_are_seen() -> None:
    assert judge(EXPECTED, replace(RUN, looks=LOOKS[:-1])).wrong == {"frames that never ended": 1}
    nothing = Observations([], [], [], [], DEPTH)
    assert judge(EXPECTED, nothing).wrong == {"frames lost": FRAMES, "frames that never ended": FRAMES}


def test_a_process_that_gave_up_is_seen() -> None:
    assert judge(EXPECTED, replace(RUN, gave_up=["tracker-1 ended with exit code 1"])).wrong == {
        "processes that ended though nobody killed them": 1
    }


# Recovery -------------------------------------------------------------------------------------------------------------


def looks(*ended_at: tuple[float, int]) -> list[Look]:
    return [Look(at_s, FRAMES, ended, FRAMES - ended) for at_s, ended in ended_at]


def test_recovery_is_the_longest_time_without_a_published_frame_up_to_the_next_fault() -> None:
    seen = looks((0, 0), (1, 3), (1.1, 4), (1.2, 4), (3.0, 4), (3.1, 5), (3.2, 6), (5.0, 9), (5.1, 10))
    injections = [Injection(Kind.WORKER_KILLED, 1.3, 4), Injection(Kind.TRACKER_KILLED, 4.0, 6)]
    verdict = judge(EXPECTED, replace(RUN, looks=seen, injections=injections))
    assert row(verdict, Kind.WORKER_KILLED).recoveries_s == [pytest.approx(1.8)]
    assert row(verdict, Kind.TRACKER_KILLED).recoveries_s == [pytest.approx(1.0)]
    assert verdict.total.recoveries_s == [pytest.approx(1.8), pytest.approx(1.0)]


def test_the_wait_for_a_frame_that_crashes_workers_is_put_down_to_that_frame() -> None:
    seen = looks((0, 0), (0.1, 2), (6, 3), (6.1, 4), (6.5, 8), (6.6, 10))
    verdict = judge(EXPECTED, replace(RUN, looks=seen, injections=[Injection(Kind.WORKER_KILLED, 0.2, 2)]))
    assert row(verdict, CRASHING_FRAME).recoveries_s == [pytest.approx(5.9)]
    assert row(verdict, Kind.WORKER_KILLED).recoveries_s == [pytest.approx(0.4)]


def test_the_wait_for_a_frame_that_is_lengthy_by_itself_is_nobodys() -> None:
    seen = looks((0, 0), (0.1, 4), (6, 5), (6.3, 10))
    expected = replace(EXPECTED, lengthy=frozenset({4}))
    verdict = judge(expected, replace(RUN, looks=seen, injections=[Injection(Kind.WORKER_KILLED, 0.2, 4)]))
    assert row(verdict, Kind.WORKER_KILLED).recoveries_s == [pytest.approx(0.3)]
