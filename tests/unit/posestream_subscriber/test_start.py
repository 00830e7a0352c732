"""Every way to say where to begin, and what is no such way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from posestream.errors import ConfigurationError
from posestream.keys import FrameId
from posestream.subscriber.start import Position, read_start

NEWEST = FrameId(5_000, 3)
LAST_OF_ITS_MS = 2**64 - 1


@pytest.mark.parametrize(
    ("start", "after"),
    [
        ("now", NEWEST),
        ("beginning", FrameId(0)),
        ("1234-5", FrameId(1234, 5)),
        (FrameId(1234, 5), FrameId(1234, 5)),
        (datetime.fromtimestamp(4.5, UTC), FrameId(4499, LAST_OF_ITS_MS)),
        (timedelta(seconds=2), FrameId(5999, LAST_OF_ITS_MS)),
        (timedelta(0), FrameId(7999, LAST_OF_ITS_MS)),
        ("2s", FrameId(5999, LAST_OF_ITS_MS)),
        ("10m", FrameId(0)),
        ("1234-5#17", FrameId(1234, 5)),
        ("1970-01-01T00:00:04.5+00:00", FrameId(4499, LAST_OF_ITS_MS)),
        (timedelta(days=1), FrameId(0)),
        ({"hall": "42-1"}, FrameId(42, 1)),
        ({"hall": FrameId(42, 1)}, FrameId(42, 1)),
        ({"hall": "42-1#7"}, FrameId(42, 1)),
        ({"yard": "42-1"}, FrameId(0)),
        ({}, FrameId(0)),
    ],
)
def test_a_start_says_after_which_frame_to_read(start, after):
    assert read_start(start).of("hall", newest=NEWEST, now_ms=8000) == after


@pytest.mark.parametrize(
    "start",
    [
        *("yesterday", "12", "", "-5s", f"{2**64}-0", "99999999999999d", "9" * 400 + "s", "8" * 10_000),
        *(timedelta(seconds=-1), 17, None, {"hall": "x"}, {"hall": "1-2#"}),
    ],
)
def test_what_is_no_start_is_refused_with_what_would_be_one(start):
    with pytest.raises(ConfigurationError, match=r"start.*<ms>-<n>") as refused:
        read_start(start)
    assert len(str(refused.value)) < 300


def test_a_time_at_the_edge_of_what_a_datetime_can_be_is_refused_or_before_everything():
    assert read_start(datetime.min.replace(tzinfo=UTC)).of("hall", newest=NEWEST, now_ms=8000) == FrameId(0)
    with pytest.raises(ConfigurationError, match="start"):
        read_start(datetime.min)


@pytest.mark.parametrize("position", [Position(FrameId(42, 1), 7), Position(FrameId(42, 1))])
def test_a_position_is_read_as_it_is_written(position):
    assert Position.parse(str(position)) == position


def test_nothing_can_be_missing_before_the_beginning_of_what_is_kept():
    assert not read_start("beginning").may_miss
    assert read_start("now").may_miss
    assert read_start(timedelta(hours=1)).may_miss
