"""Durations, sizes and beginnings as people type them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from posestream.cli.units import duration_s, size_bytes, start_of
from posestream.errors import ConfigurationError
from posestream.keys import FrameId
from posestream.subscriber.start import read_start


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("10 min", 600), ("1.5h", 5400), ("2D", 172_800), ("500ms", 0.5), ("0", 0)],
)
def test_a_duration(text, seconds):
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [("500000", 500_000), ("20M", 20_000_000), ("1.5G", 1_500_000_000), ("64MiB", 2**26), ("20 MB", 20_000_000)],
)
def test_a_size(text, count):
    assert size_bytes(text) == count


@pytest.mark.parametrize("text", ["", "ten", "5 parsecs", "-1", "1e9", "10m5"])
def test_what_is_no_duration_or_size_is_refused_with_what_would_be_one(text):
    with pytest.raises(ValueError, match="such as 90s"):
        duration_s(text)
    with pytest.raises(ValueError, match="such as 20M"):
        size_bytes(text)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("now", "now"),
        ("beginning", "beginning"),
        ("1700000000000-3", FrameId(1_700_000_000_000, 3)),
        ("10m", timedelta(minutes=10)),
        ("2026-05-01T12:00:00+00:00", datetime.fromisoformat("2026-05-01T12:00:00+00:00")),
    ],
)
def test_a_beginning(text, start):
    assert start_of(text) == start


def test_what_is_more_than_can_be_counted_is_refused():
    with pytest.raises(ValueError, match="more than can be counted"):
        size_bytes("9" * 400)
    for text in ("99999999999999d", "9" * 400, "0001-01-01"):
        with pytest.raises(ConfigurationError, match="start"):
            read_start(start_of(text))


def test_what_is_no_beginning_is_refused_with_what_would_be_one():
    with pytest.raises(ConfigurationError, match="beginning, how long ago"):
        start_of("yesterday")
