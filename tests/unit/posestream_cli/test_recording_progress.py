"""How a recording shows how it goes."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from posestream.cli.recording_progress import Bar, Lines, progress_for, size_text
from posestream.keys import FrameId
from posestream.recording.limits import Limits
from posestream.recording.tally import Tally
from posestream.subscriber import Disconnected, Gap, Reconnected, Skipped, Unreadable
from tests.unit.posestream_subscriber.frames import frame

NO_LIMITS = Limits()


def shown(monkeypatch, *, terminal: bool, limits: Limits = NO_LIMITS) -> str:
    text, tally = io.StringIO(), Tally()
    console = Console(file=text, force_terminal=terminal, width=100, color_system=None)
    for kind in (Bar, Lines):
        monkeypatch.setattr(kind, "_every_s", 0.0)
    with progress_for(console, limits, tally, SimpleNamespace(bytes=1500)) as progress:
        tally.note(frame(1, None))
        tally.note(Gap("hall", None, None, 3))
        progress.update()
        tally.note(Disconnected(0, "gone"))
        progress.update()
    return text.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_frames_size_gaps_and_an_absent_server_are_shown(monkeypatch, terminal):
    text = shown(monkeypatch, terminal=terminal)
    assert "1 frame " in text
    assert "1 camera  1.5 kB" in text
    assert "server away" in text


def test_a_terminal_has_a_bar_where_there_is_a_limit(monkeypatch):
    assert "━" in shown(monkeypatch, terminal=True, limits=Limits(frames=2))
    assert "━" not in shown(monkeypatch, terminal=True)


def test_a_pipe_gets_a_line_at_a_time(monkeypatch):
    lines = shown(monkeypatch, terminal=False).splitlines()
    assert [line.split(":")[0] for line in lines] == ["recording", "recording"]
    assert lines[0].endswith("1 camera  1.5 kB  1 gap")
    assert lines[1].endswith("server away")


def test_what_was_missing_is_remarked_on_at_the_end():
    tally = Tally()
    gaps = [Gap("hall", None, None, None), Gap("hall", None, None, 3)]
    for event in (Skipped("hall", FrameId(1), 4), *gaps, Unreadable("hall", FrameId(1), "no")):
        tally.note(event)
    tally.note(Disconnected(0, "gone"))
    tally.note(Reconnected(0))
    assert not tally.away
    assert tally.remarks() == [
        "4 frames had no pose",
        "2 gaps: poses of up to 3 frames and of others that nobody counted were no longer kept",
        "1 pose could not be read",
    ]
    assert Tally().remarks() == []


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_340_000, "2.3 MB"), (7 * 10**9, "7.0 GB")]
)
def test_a_size(count, text):
    assert size_text(count) == text
