"""Child processes: each with its log in a file, watched, and ended whatever becomes of their parent."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from deploy.local.errors import DemoError

_LAST_LINES: Final = 4
_LINE_CHARACTERS: Final = 300
_GRACE_S: Final = 10.0
_PR_SET_PDEATHSIG: Final = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child:
    """A process in a session of its own, so that Ctrl-C reaches its parent alone."""

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        """Start it; its standard output and error go to `log`.

        Raises:
            DemoError: the command can not be run.
        """
        self.name = name
        self.log = log
        try:
            with log.open("wb") as output:
                self._process = subprocess.Popen(  # noqa: S603
                    command,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    preexec_fn=_end_with_parent,  # noqa: PLW1509 - one system call
                )
        except OSError as error:
            raise DemoError(f"{name} can not be started: {error}") from error

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.poll()

    @property
    def end(self) -> str:
        """How it has ended, in words."""
        code = self.exit_code
        if code is None:
            return "still runs"
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def says(self, text: str) -> bool:
        """Tell whether its log holds a text by now."""
        return text in self.log.read_text(encoding="utf-8", errors="replace")

    def ending(self) -> str:
        """Return its end and what it said last, for an error message."""
        lines = [_readable(line) for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines()]
        last = [line for line in lines if line][-_LAST_LINES:]
        said = "".join(f"\n    {line}" for line in last) or " nothing"
        return f"{self.name} {self.end}; it said last:{said}\n  all of it: {self.log}"

    def ask_to_stop(self) -> None:
        """Send SIGTERM, if it still runs."""
        if self.exit_code is None:
            self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended, for so long at most; tells whether it has."""
        try:
            self._process.wait(timeout=max(0.0, seconds))
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it on the spot."""
        if self.exit_code is None:
            self._process.kill()
            self._process.wait()


class Processes:
    """The children of a demo; leaving the context ends those that are left."""

    def __init__(self, folder: Path) -> None:
        """Keep logs in `folder`; children inherit the environment, less every setting of posestream."""
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("POSESTREAM_")}
        self._folder = folder
        self.children: list[Child] = []

    def start(self, name: str, command: Sequence[str], **settings: str) -> Child:
        """Start a child; `settings` are environment variables of its own.

        Raises:
            DemoError: it can not be run.
        """
        child = Child(name, command, self._folder / f"{name}.log", self._environment | settings)
        self.children.append(child)
        return child

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop_all(self.children[::-1], _GRACE_S if error is None else 1.0)


def stop_all(children: Sequence[Child], grace_s: float = _GRACE_S) -> None:
    """Ask children to stop, all at once, and kill those that have not ended after the grace period."""
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + grace_s
    for child in children:
        if not child.wait(deadline - time.monotonic()):
            child.kill()


def _end_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, even by SIGKILL; runs between fork and exec."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _readable(line: str) -> str:
    """Return a line of a log for people: the message of one in JSON."""
    if line.startswith("{"):
        try:
            record = json.loads(line)
        except ValueError:
            record = {}
        line = str(record.get("message", line))
    return line.strip()[:_LINE_CHARACTERS]
