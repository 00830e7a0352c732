"""What the demo can be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.settings import load_demo
from posestream.errors import ConfigurationError


def test_without_flags_it_runs_half_a_minute_on_a_server_of_its_own(monkeypatch):
    monkeypatch.delenv("POSESTREAM_REDIS_URL", raising=False)
    settings = load_demo([])
    assert (settings.seconds, settings.workers, settings.source) == (30, 2, ())
    assert settings.redis_url is None
    assert settings.output == Path("build/demo")


@pytest.mark.parametrize(
    "source",
    ["rtsp://host/path?a=1,2&b=[3]", "a b,c.mp4", "[x", "{}", "7", "C\\d", "söurce", "synthetic:?people=3&seed=7"],
)
def test_a_source_is_taken_as_it_is_written(source):
    assert load_demo(["--source", source, f"--source={source}"]).source == (source, source)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--seconds", "-1"], "--seconds"),
        (["--workers", "0"], "--workers"),
        (["--bogus", "1"], "--bogus"),
        (["--source"], "--source"),
    ],
)
def test_a_wrong_flag_is_named(arguments, named):
    with pytest.raises(ConfigurationError, match=named):
        load_demo(arguments)
