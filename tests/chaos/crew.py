"""The processes: started, killed, frozen, and started again when they have ended, as an orchestrator does it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.processes import Child
from tests.fleet import ROOT


class Crew:
    """Processes by name. Leaving the context kills them; should this process be killed, they die with it."""

    def __init__(self, commands: Mapping[str, Sequence[str]], settings: Mapping[str, str], folder: Path) -> None:
        """Take `python -m` commands by name, and settings as environment variables; logs go to `folder`."""
        self._commands = commands
        self._environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT), "COLUMNS": "160"}
        self._folder = folder
        self._children: dict[str, Child] = {}
        self._away: set[str] = set()
        self._started = 0
        self.gave_up: list[str] = []

    def start(self, name: str) -> None:
        """Start a process, unless it runs."""
        if self.runs(name):
            return
        command = [sys.executable, "-m", *self._commands[name]]
        log = self._folder / f"{self._started:04}-{name}.log"
        self._children[name] = Child(name, command, log, self._environment)
        self._started += 1
        self._away.discard(name)

    def runs(self, name: str) -> bool:
        """Tell whether it has not ended; frozen ones count."""
        return name in self._children and self._children[name].exit_code is None

    def kill(self, name: str) -> None:
        """End it on the spot; `revive` leaves it alone until it has been started again."""
        self._away.add(name)
        self._children[name].kill()

    def freeze(self, name: str) -> None:
        """Stop it in the middle of whatever it is doing."""
        if self.runs(name):
            os.kill(self._children[name].pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let it go on, not knowing that time has passed."""
        if self.runs(name):
            os.kill(self._children[name].pid, signal.SIGCONT)

    def named(self, pid: int) -> str | None:
        """Return which process has a process id."""
        return next((name for name, child in self._children.items() if child.pid == pid), None)

    def revive(self, *names: str) -> None:
        """Start again which of these have ended by themselves; notes those that did so without crashing."""
        for name in names:
            if name not in self._away and not self.runs(name):
                if self._children[name].exit_code != -signal.SIGSEGV:
                    self.gave_up.append(self._children[name].ending())
                self.start(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children.values():
            child.kill()
