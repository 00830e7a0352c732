"""What the tables look like on a terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console

from posestream.broker import CameraStatus, ShardStatus
from posestream.cli import cameras, status
from posestream.messages import Outcome


@pytest.fixture
def terminal():
    """An 80 column terminal; shows a shard, and gives its lines."""
    text = io.StringIO()
    console = Console(file=text, width=80, force_terminal=True, color_system=None)

    def show(*shards, before=None):
        console.print(status._shown(dict(enumerate(shards)), before), highlight=False)

    def lines():
        return text.getvalue().splitlines()

    return SimpleNamespace(show=show, lines=lines)


def camera(name: str, **refused: int) -> CameraStatus:
    return CameraStatus(
        camera=name,
        policy="live",
        admitted=12_345_678,
        outcomes=dict.fromkeys(Outcome, 0) | {Outcome.POSED: 12_345_670},
        waiting=1,
        tokens=5,
        records=3,
        bytes=0,
        refused=refused,
        heard_ms=0,
        holder="",
    )


def shard(*cameras_: CameraStatus) -> ShardStatus:
    facts = {"work": 0, "results": 0, "bytes": 2**20, "max_bytes": 2**30, "max_records": 1, "max_dead_bytes": 1}
    return ShardStatus(
        now_ms=0, dead=2, tracker="t", epoch=1, workers=3, cameras={each.camera: each for each in cameras_}, **facts
    )


def test_no_number_of_a_status_is_cut_short_on_a_terminal_of_80_columns(terminal):
    terminal.show(shard(camera("lobby"), camera("a-rather-long-name-of-a-camera-in-the-yard")))
    text = "\n".join(terminal.lines())

    assert all(len(line) <= 80 for line in terminal.lines())
    assert "…" not in text
    assert "12345678" in text
    assert text.count("yes") == 2


def test_a_name_that_looks_like_markup_is_shown_as_it_is(terminal):
    terminal.show(shard(camera("door[bold]"), camera("a:car:b")))
    text = "\n".join(terminal.lines())

    assert "door[bold]" in text
    assert "a:car:b" in text


def test_refusals_take_room_only_when_there_are_some(terminal):
    terminal.show(shard(camera("a", held=0)))
    assert "refused" not in "\n".join(terminal.lines())

    terminal.show(shard(camera("b", held=3, full=0)))
    assert "refused" in "\n".join(terminal.lines())
    assert "held 3" in "\n".join(terminal.lines())


def test_a_second_look_has_the_rate_since_the_first(terminal):
    first = shard(camera("lobby"))
    posed = first.cameras["lobby"].outcomes[Outcome.POSED] + 30
    later = replace(first.cameras["lobby"], outcomes=first.cameras["lobby"].outcomes | {Outcome.POSED: posed})
    terminal.show(replace(shard(later, camera("new")), now_ms=2000), before={0: first})
    text = "\n".join(terminal.lines())

    assert "15.0" in text
    assert all(len(line) <= 80 for line in terminal.lines())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s ago"),
        (119.9, "119.9 s ago"),
        (120, "2 min ago"),
        (7199, "120 min ago"),
        (7200, "2 h ago"),
        (3 * 86_400, "3 d ago"),
    ],
)
def test_a_silence_is_told_in_a_unit_that_reads_well(seconds, text):
    assert cameras._ago(seconds) == text


def test_a_description_that_is_no_number_is_kept_as_it_is():
    assert cameras._typed({"width": "wide", "fps": "25", "height": "720", "source": "7"}) == {
        "width": "wide",
        "fps": 25.0,
        "height": 720,
        "source": "7",
    }
