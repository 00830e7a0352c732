"""The producer as a real process, and what it did seen from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.unit.posestream_service import probes
from tests.unit.producer.fleet import eventually

ROOT = Path(__file__).parents[3]


class Producer:
    """One `python -m producer run …`: what it logs, prints, serves and ends with."""

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str], folder: Path, number: int) -> None:
        self.log = folder / f"{number}-producer.log"
        self._output = folder / f"{number}-producer.out"
        with self.log.open("wb") as log, self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "producer", "run", *arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def end(self, seconds: float = 30) -> int:
        """Wait until it ends by itself; returns its exit code."""
        return self.process.wait(timeout=seconds)

    def stop(self, seconds: float = 4) -> int:
        """Ask it to stop; returns its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=seconds)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)

    def messages(self) -> list[str]:
        return [line["message"] for line in probes.log_lines(self.log)]

    def wait_for(self, part: str, seconds: float = 15) -> str:
        """Wait until something is logged; returns the whole message."""
        eventually(f"{part!r} is logged", lambda: any(part in said for said in self.messages()), seconds)
        return next(said for said in self.messages() if part in said)

    def _port(self, name: str) -> int:
        eventually("the ports are logged", lambda: probes.ports(self.log))
        return (probes.ports(self.log) or {})[name]

    def metrics(self) -> dict[tuple[str, ...], float]:
        return probes.samples(self._port("metrics_port"))

    def probe(self, path: str) -> tuple[int, dict[str, Any]]:
        return probes.probe(self._port("health_port"), path)


class Producers:
    """Starts producers on one server and prefix; all are killed at the end, their logs shown after a failure."""

    def __init__(self, url: str, prefix: str, folder: Path) -> None:
        self._environment = {**os.environ, "POSESTREAM_REDIS_URL": url, "POSESTREAM_PREFIX": prefix}
        self._folder = folder
        self._started: list[Producer] = []

    def start(self, *arguments: object) -> Producer:
        """Start `python -m producer run ARGUMENTS`."""
        texts = tuple(str(argument) for argument in arguments)
        self._started.append(Producer(texts, self._environment, self._folder, len(self._started)))
        return self._started[-1]

    def run(self, *arguments: object, seconds: float = 30) -> Producer:
        """Run it to its end."""
        producer = self.start(*arguments)
        producer.end(seconds)
        return producer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for producer in self._started:
            producer.kill()
            print(f"== {producer.log.name}\n{producer.log.read_text()}{producer.output}")
