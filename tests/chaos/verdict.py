"""Judging a run: from what was seen and what must come out to counts, and to what is wrong. No processes, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from posestream.keys import FrameId
from tests.chaos.reference import Expected, Pose
from tests.chaos.schedule import Kind

CRASHING_FRAME = "a frame that crashes its worker"
BEFORE = "(before the first)"


@dataclass(frozen=True, slots=True)
class Published:
    """An entry of the stream of poses."""

    frame_id: FrameId
    pose: Pose


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: which frame, and why."""

    number: int
    reason: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """The books at one moment (seconds on any clock): frames admitted, ended (published in any way), and in flight."""

    at_s: float
    admitted: int
    ended: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault as it happened: when, and how many frames had ended by then."""

    kind: Kind
    at_s: float
    ended: int


@dataclass(frozen=True, slots=True)
class Observations:
    """All that was seen of a run, in order of time.

    Attributes:
        depth: so many frames at most were in flight.
        gave_up: what processes said that ended, though nobody killed them and no frame crashed them.
    """

    looks: Sequence[Look]
    published: Sequence[Published]
    letters: Sequence[Letter]
    injections: Sequence[Injection]
    depth: int
    gave_up: Sequence[str] = ()


@dataclass(slots=True)
class Row:
    """What is told of one kind of fault: the frames between it and the next fault, and what went wrong with them."""

    fault: str
    times: int = 0
    frames: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    switches: int = 0
    recoveries_s: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A run judged.

    Attributes:
        rows: by kind of fault; `total` for all frames.
        changed: posed frames whose message differs from the expected one.
        misjudged: frames dead that should be posed, posed that should be dead, or dead for another reason, in words.
        unaccounted: looks at which the books did not add up.
        reverted: looks at which frames had gone that were there before.
        left: frames that were not admitted, or had not ended, at the end.
        gave_up: processes that ended though nobody killed them.
    """

    rows: Sequence[Row]
    total: Row
    changed: int
    misjudged: Sequence[str]
    unaccounted: int
    reverted: int
    left: int
    gave_up: int

    @property
    def wrong(self) -> dict[str, int]:
        """What must be zero and is not."""
        counts = {
            "frames lost": self.total.lost,
            "frames duplicated": self.total.duplicated,
            "frames reordered": self.total.reordered,
            "id switches caused": self.total.switches,
            "poses that differ from those of a run without faults": self.changed,
            "frames dead or alive that should not be": len(self.misjudged),
            "looks at which frames were unaccounted for": self.unaccounted,
            "looks at which the books had gone back": self.reverted,
            "frames that never ended": self.left,
            "processes that ended though nobody killed them": self.gave_up,
        }
        return {what: count for what, count in counts.items() if count}


def judge(expected: Expected, seen: Observations) -> Verdict:
    """Hold what was seen against what must come out."""
    ends = Counter(entry.pose.number for entry in seen.published) + Counter(letter.number for letter in seen.letters)
    lost = [number for number in range(expected.frames) if not ends[number]]
    doubled = [number for number, times in ends.items() for _ in range(times - 1)]
    faults = _Attribution(seen.injections)
    total = Row("all", len(seen.injections), expected.frames)
    rows = faults.rows(expected.frames)
    for name, numbers in (
        ("lost", lost),
        ("duplicated", doubled),
        ("reordered", _reordered(seen.published)),
        ("switches", _switched(expected.poses, seen.published)),
    ):
        setattr(total, name, len(numbers))
        for number in numbers:
            row = rows[faults.of(number)]
            setattr(row, name, getattr(row, name) + 1)
    _add_recoveries(rows, total, seen, expected)
    last = seen.looks[-1] if seen.looks else Look(0.0, 0, 0, 0)
    return Verdict(
        rows=list(rows.values()),
        total=total,
        changed=sum(expected.poses.get(entry.pose.number) not in (None, entry.pose) for entry in seen.published),
        misjudged=_misjudged(expected, seen),
        unaccounted=sum(look.admitted != look.ended + look.in_flight for look in seen.looks),
        reverted=sum(
            after.admitted < before.admitted or after.ended < before.ended for before, after in pairwise(seen.looks)
        ),
        left=abs(expected.frames - last.admitted) + abs(last.admitted - last.ended),
        gave_up=len(seen.gave_up),
    )


class _Attribution:
    """Which fault a frame is put down to: the last one before it, by the count of frames that had ended."""

    def __init__(self, injections: Sequence[Injection]) -> None:
        self._injections = injections

    def of(self, number: int) -> str:
        before = [injection.kind for injection in self._injections if injection.ended <= number]
        return before[-1].value if before else BEFORE

    def rows(self, frames: int) -> dict[str, Row]:
        rows = {BEFORE: Row(BEFORE)} | {kind.value: Row(kind.value) for kind in Kind}
        starts = [0, *(injection.ended for injection in self._injections), frames]
        names = [BEFORE, *(injection.kind.value for injection in self._injections)]
        for name, (start, end) in zip(names, pairwise(starts), strict=True):
            rows[name].frames += max(0, end - start)
        for injection in self._injections:
            rows[injection.kind.value].times += 1
        return rows


def _reordered(published: Sequence[Published]) -> list[int]:
    """Return the frames that came behind a later one, by the entry's id or by the frame's number."""
    return [
        after.pose.number
        for before, after in pairwise(published)
        if after.frame_id <= before.frame_id or after.pose.number < before.pose.number
    ]


def _switched(expected: Mapping[int, Pose], published: Iterable[Published]) -> list[int]:
    """Return the frames in which somebody's track id is another than before, for each one so concerned."""
    known: dict[int, int] = {}
    switched = []
    for entry in published:
        pose = expected.get(entry.pose.number)
        for right, given in zip(pose.tracks if pose else (), entry.pose.tracks, strict=False):
            if known.get(right, right) != given:
                switched.append(entry.pose.number)
            known[right] = given
    return switched


def _misjudged(expected: Expected, seen: Observations) -> list[str]:
    dead = [
        f"frame {letter.number} is dead: {letter.reason} ({letter.error})"
        for letter in seen.letters
        if letter.reason not in expected.dead.get(letter.number, ())
    ]
    numbers = [entry.pose.number for entry in seen.published]
    return dead + [f"frame {number} is posed" for number in numbers if number not in expected.poses]


# Recovery -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pause:
    """A time without a frame that ended, and which frame was waited for."""

    start_s: float
    end_s: float
    awaited: int


def _pauses(looks: Sequence[Look]) -> list[_Pause]:
    pauses = []
    grown = looks[0]
    for look in looks[1:]:
        if look.ended > grown.ended:
            pauses.append(_Pause(grown.at_s, look.at_s, grown.ended))
            grown = look
    return pauses


def _add_recoveries(rows: dict[str, Row], total: Row, seen: Observations, expected: Expected) -> None:
    """Note for each fault the longest time without a published frame between it and the next one.

    Pauses in which a frame that crashes workers was waited for, or could be, are put down to that frame; those for a
    frame that is lengthy by itself to nobody.
    """
    crashing = [number for number, reasons in expected.dead.items() if reasons == {"crashed"}]
    pauses = _pauses(seen.looks) if seen.looks else []
    of_frame: dict[int, list[_Pause]] = {number: [] for number in (*crashing, *expected.lengthy)}
    others = []
    for pause in pauses:
        near = [number for number in of_frame if 0 <= number - pause.awaited < seen.depth]
        (of_frame[min(near)] if near else others).append(pause)
    until = [injection.at_s for injection in seen.injections[1:]] + [float("inf")]
    for injection, next_s in zip(seen.injections, until, strict=False):
        lengths = [
            pause.end_s - max(pause.start_s, injection.at_s)
            for pause in others
            if pause.end_s > injection.at_s and pause.start_s < next_s
        ]
        if lengths:
            for row in (rows[injection.kind.value], total):
                row.recoveries_s.append(max(lengths))
    if crashing:
        waits = [of_frame[number] for number in crashing if of_frame[number]]
        lengths = [max(pause.end_s - pause.start_s for pause in wait) for wait in waits]
        rows[CRASHING_FRAME] = Row(CRASHING_FRAME, len(crashing), len(crashing), recoveries_s=lengths)
