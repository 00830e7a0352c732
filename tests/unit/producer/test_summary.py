"""What is said of a camera's frames at the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posestream.broker import CameraStatus
from posestream.messages import Outcome
from producer.progress import state_of
from producer.summary import account
from producer.tally import Phase, Tally


def status(admitted: int, tokens: int = 0, **outcomes: int) -> CameraStatus:
    counts = {outcome: outcomes.get(outcome.value, 0) for outcome in Outcome}
    return CameraStatus("hall", "lossless", admitted, counts, tokens, tokens, 0, 0, {}, 0, "")


def tally(admitted: int, seq: int, resumed_at: int = 0, **refused: int) -> Tally:
    made = Tally("hall", admitted=admitted, seq=seq, resumed_at=resumed_at)
    made.refused.update(refused)
    return made


def letter(seq: int, reason: str) -> dict[str, str]:
    return {"camera": "hall", "seq": str(seq), "reason": reason}


@pytest.mark.parametrize(
    ("before", "after", "letters", "of", "text", "settled"),
    [
        (status(0), status(1, posed=1), [], tally(1, 1), "hall: 1 frame admitted: 1 posed", True),
        (status(5, posed=5), status(8, posed=7, stale=1), [], tally(3, 8), "3 frames admitted: 2 posed, 1 stale", True),
        (status(0), status(3, posed=1, tokens=2), [], tally(3, 3), "1 posed, 2 still in flight", False),
        (
            status(2, dead=2),
            status(6, dead=5, posed=1),
            [letter(1, "empty"), letter(3, "empty"), letter(4, "empty"), letter(5, "truncated")],
            tally(4, 6),
            "4 frames admitted: 1 posed, 3 dead (2 empty, 1 truncated)",
            True,
        ),
        (
            status(0),
            status(2, dead=2),
            [letter(1, "empty")],
            tally(2, 2),
            "2 dead (1 empty, 1 of unknown reason)",
            True,
        ),
        (
            status(10, posed=10),
            status(2, posed=2),
            [],
            tally(5, 15),
            "2 posed, 13 lost with the server's memory (it restarted or was replaced without all of its data)",
            False,
        ),
        (
            replace(status(30, posed=30), policy="live"),  # it went on with fewer, as after a failover
            replace(status(70, posed=70), policy="live"),
            [],
            tally(45, 70),
            "40 posed, 5 lost with the server's memory (it restarted or was replaced without all of its data)",
            False,
        ),
        (
            status(4, tokens=2, posed=2),
            status(6, posed=6),
            [],
            tally(2, 6, resumed_at=4),
            "2 frames admitted after 4 by an earlier start: 4 posed (of these 2 had been admitted before)",
            True,
        ),
        (
            status(0),
            status(1, posed=1),
            [],
            tally(1, 1, backlog=3, held=1),
            "1 posed; 4 not admitted (3 backlog, 1 held)",
            True,
        ),
        (status(0), status(0), [], tally(0, 0), "hall: 0 frames admitted", True),
    ],
)
def test_every_frame_is_accounted_for(before, after, letters, of, text: str, settled: bool):
    found = account(before, after, letters, of)
    assert found.text.endswith(text)
    assert found.settled is settled


@pytest.mark.parametrize(
    ("phase", "text"),
    [
        (Phase.STARTING, "starting"),
        (Phase.FEEDING, "backlog 7, 2 not admitted"),
        (Phase.DRAINING, "waiting for the last frames: 7"),
        (Phase.ENDED, "ended"),
    ],
)
def test_a_feeds_state_is_a_few_words(phase: Phase, text: str):
    made = tally(9, 9, backlog=2)
    made.unfinished, made.phase = 7, phase
    assert state_of(made) == text


def test_a_camera_that_is_away_is_shown_as_such():
    assert state_of(Tally("hall", phase=Phase.FEEDING, away=True)) == "source away"
