"""The processes of the benchmark, as its own one sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
PREFIX = "benchmark"
DEADLINE_S = 120.0


class Child:
    """A process that answers lines with lines of JSON."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.name = arguments[0]
        if self._line() != "ready":
            raise RuntimeError(f"{self.name} did not start")

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line and wait for the answer."""
        self.send(line)
        return self.answer()

    def send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._line())
        return answer

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with {self.process.wait()}")
        return line.rstrip()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


class Service:
    """One of the worker applications, started as a user starts it."""

    def __init__(self, folder: Path, url: str, *arguments: str, module: str = "workers") -> None:
        self._log = Path(tempfile.mkdtemp(dir=folder)) / "log"
        environment = {**os.environ, "POSESTREAM_REDIS_URL": url, "POSESTREAM_PREFIX": PREFIX}
        self._began_s = time.monotonic()
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments], cwd=ROOT, env=environment, stdout=output, stderr=output
            )

    def wait_for(self, message: str) -> float:
        """Wait until a message is logged; returns the seconds since the start."""
        while f'"{message}"' not in self._log.read_text():
            if self.process.poll() is not None or time.monotonic() > self._began_s + DEADLINE_S:
                raise RuntimeError(f"no {message!r} from {self.process.args}: {self._log.read_text()[-2000:]}")
            time.sleep(0.005)
        return time.monotonic() - self._began_s

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
