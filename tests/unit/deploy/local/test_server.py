"""The embedded server."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from deploy.local.errors import DemoError
from deploy.local.server import embedded_server
from posestream.broker import connect


def test_it_runs_as_posestream_needs_it_and_leaves_nothing(tmp_path: Path):
    with embedded_server(tmp_path) as server:
        client = connect(server.url, name="test")
        settings = client.config_get("*")
        assert settings["maxmemory-policy"] == "noeviction"
        assert (settings["save"], settings["appendonly"], settings["port"]) == ("", "no", "0")
        folder = Path(server.url.removeprefix("unix://")).parent
        assert folder.stat().st_mode & 0o077 == 0  # nobody else's business
        assert server.process is not None
    assert server.process.exit_code == 0
    assert not folder.exists()


def test_a_server_that_can_not_start_is_quoted(tmp_path: Path, monkeypatch):
    long = tmp_path / ("x" * 100)  # a socket's path has 107 characters at most
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with (
        pytest.raises(DemoError, match=r"server ended with exit code 1; it said last:\n(.*\n)*.*socket"),
        embedded_server(tmp_path),
    ):
        pass
    assert list(long.iterdir()) == []
