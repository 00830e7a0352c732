"""What several integration tests start: producers as processes, and a small fleet of threads that takes frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.command_line import CommandLine
from tests.unit.producer.fleet import Fleet
from tests.unit.producer.processes import Producers


@pytest.fixture
def producers(redis_url: str, prefix: str, tmp_path: Path) -> Iterator[Producers]:
    with Producers(redis_url, prefix, tmp_path) as started:
        yield started


@pytest.fixture
def fleet(redis_url: str, prefix: str) -> Iterator[Fleet]:
    with Fleet(redis_url, prefix) as started:
        yield started


@pytest.fixture
def posestream(redis_url, prefix, monkeypatch, capsys):
    started = CommandLine(redis_url, prefix, monkeypatch, capsys)
    yield started
    started.close()
