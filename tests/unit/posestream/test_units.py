"""Durations and sizes as people type them."""

from __future__ import annotations

import pytest

from posestream.units import duration_s, size_bytes


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


def test_what_is_more_than_can_be_counted_is_refused():
    with pytest.raises(ValueError, match="more than can be counted"):
        size_bytes("9" * 400)
