"""The command line, as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from posestream import cli
from tests.unit.posestream_service.services import ROOT


class CommandLine:
    """Runs `posestream`, with its output in a pipe; what still runs at the end is killed."""

    def __init__(self, url: str, prefix: str, monkeypatch, capsys) -> None:
        self._environment = {"POSESTREAM_REDIS_URL": url, "POSESTREAM_PREFIX": prefix, "COLUMNS": "80"}
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self._started: list[subprocess.Popen[str]] = []

    def call(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of a command that comes to its end by itself."""
        for name, value in self._environment.items():
            self._monkeypatch.setenv(name, value)
        self._monkeypatch.setattr(sys, "argv", ["posestream", *arguments])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        captured = self._capsys.readouterr()
        return int(exit_.value.code or 0), captured.out, captured.err

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "posestream.cli", *arguments],
            cwd=ROOT,
            env={**os.environ, **self._environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """The same of a process of its own."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=20)
        return process.returncode, out, err

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate(timeout=10)
