"""What is laid around a source: fewer frames, reconnection, and the newest frame for a slow reader."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from posestream.errors import SourceError
from posestream.messages import CaptureClock
from posestream.service.process import StopSignal
from producer.sources import layers
from producer.sources.base import Picture, SourceFacts, SourceKind, Stamp
from producer.sources.layers import Ending, NewestOnly, Persistent, Thinned
from tests.unit.producer.fleet import eventually


class Scripted:
    """A source that plays a script: frames by their media time, None for a frame now, errors to be raised."""

    name = "scripted"
    identity = "scripted:1"

    def __init__(self, script: list[float | Exception | None], kind: SourceKind = SourceKind.CAMERA) -> None:
        self.kind = kind
        self.facts = SourceFacts(frames=len(script), fps=25.0)
        self.opened = 0
        self.closed = 0
        self.given = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self._script: Iterator[float | Exception | None] = iter(script)

    def open(self) -> None:
        self.opened += 1

    def grab(self) -> Stamp | None:
        assert self.go_on.wait(10)
        step = next(self._script, "end")
        if step == "end":
            return None
        if isinstance(step, Exception):
            raise step
        self.given += 1
        return Stamp(self.given, CaptureClock.RECEIVE, step)  # type: ignore[arg-type]

    def retrieve(self) -> Picture:
        return b"%d" % self.given

    def close(self) -> None:
        self.closed += 1


def newest(source: Scripted, stop: StopSignal, ended: list[str] | None = None) -> NewestOnly:
    return NewestOnly(
        source, Ending(stop), beat=lambda: None, on_end=lambda: (ended if ended is not None else []).append("end")
    )


def test_thinning_makes_another_source_with_fewer_frames_to_expect():
    source = Scripted([number * 40.0 for number in range(50)], SourceKind.RECORDING)
    thinned = Thinned(source, 5.0)
    thinned.open()

    media_ms = []
    while (stamp := thinned.grab()) is not None:
        media_ms.append(stamp.media_ms)

    assert media_ms == [number * 200.0 for number in range(10)]
    assert thinned.facts == SourceFacts(frames=10, fps=5.0)
    assert thinned.identity == "scripted:1@5"
    assert Thinned(source, 60.0).facts == source.facts


def test_a_lost_camera_is_opened_again_until_it_delivers():
    source = Scripted([None, SourceError("gone"), SourceError("still"), None])
    up, reconnects = [], []
    persistent = Persistent(
        source, Ending(StopSignal()), on_up=up.append, on_reconnect=lambda: reconnects.append(1), beat=lambda: None
    )
    assert persistent.grab() is not None
    assert persistent.grab() is not None
    assert up == [True, False, False, True]
    assert (source.opened, source.closed, len(reconnects)) == (3, 2, 2)


def test_a_camera_that_stays_away_holds_up_no_stop():
    stop = StopSignal()
    source = Scripted([SourceError("gone")] * 1000)
    persistent = Persistent(source, Ending(stop), on_up=lambda up: None, on_reconnect=stop.set, beat=lambda: None)
    assert persistent.grab() is None


def test_a_slow_reader_gets_the_newest_frame_and_never_an_old_one():
    source = Scripted([None] * 100)
    reader = newest(source, StopSignal())
    reader.open()
    eventually("all has been read", lambda: source.closed)

    stamp = reader.grab()

    assert stamp is not None
    assert (stamp.captured_ms, reader.retrieve()) == (100, b"100")
    assert reader.grab() is None


def test_a_recording_behind_a_url_is_not_overrun():
    source = Scripted([number * 40.0 for number in range(20)])
    reader = newest(source, StopSignal())
    reader.open()
    pictures = []
    while reader.grab() is not None:
        pictures.append(reader.retrieve())
    assert pictures == [b"%d" % number for number in range(1, 21)]


def test_a_bug_in_the_readers_thread_comes_out_where_frames_are_asked_for():
    reader = newest(Scripted([ZeroDivisionError()]), StopSignal())
    reader.open()
    with pytest.raises(ZeroDivisionError):
        reader.grab()


def test_a_closed_camera_is_left_by_its_reader_which_says_so():
    source, ended = Scripted([None] * 1000), []
    source.go_on.clear()
    reader = newest(source, StopSignal(), ended)
    reader.open()
    reader.close()
    source.go_on.set()
    eventually("the reader has ended", lambda: ended)
    assert source.closed == 1
    assert source.given <= 1


def test_a_camera_that_is_closed_while_it_is_away_is_tried_no_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(layers, "jittered_wait_s", lambda *_, **__: 60.0)
    source, reconnects, ended = Scripted([SourceError("gone")] * 1000), [], []
    ending = Ending(StopSignal())
    persistent = Persistent(
        source, ending, on_up=lambda up: None, on_reconnect=lambda: reconnects.append(1), beat=lambda: None
    )
    reader = NewestOnly(persistent, ending, beat=lambda: None, on_end=lambda: ended.append("end"))
    reader.open()
    eventually("the camera is lost", lambda: source.closed)

    reader.close()

    eventually("the reader has ended", lambda: ended, seconds=1.5)
    assert (source.opened, reconnects) == (1, [])


def test_a_stop_ends_the_wait_for_a_frame():
    stop, source = StopSignal(), Scripted([None])
    source.go_on.clear()
    reader = newest(source, stop)
    reader.open()
    stop.set()
    assert reader.grab() is None
    source.go_on.set()
