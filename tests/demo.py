"""The demo as a real process, and what it leaves behind on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from tests.fleet import ROOT, wait_until
from tests.networks import Case, grey_level, write_network
from tests.unit.workers.pose.decoding.golden import golden_cases


def write_three_people_network(path: Path) -> Path:
    """Write a network that sees the same three people in every frame."""
    three = next(case.maps for case in golden_cases() if case.name == "three")
    return write_network(path, [Case(three.features, three.heatmaps, three.pafs)])


def write_grey_video(path: Path, seconds: float, fps: int = 10) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (640, 360))
    assert writer.isOpened()
    for _ in range(round(seconds * fps)):
        writer.write(np.full((360, 640, 3), grey_level(0), np.uint8))
    writer.release()
    return path


class DemoProcess:
    """`python -m deploy.local ARGUMENTS`; killed at the end, with everything it has started."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.output = folder / "demo"
        self.json = folder / "demo.json"
        self._mark = f"DEMO_TEST={uuid.uuid4().hex}"  # inherited by every process it starts
        self._temporary = tempfile.TemporaryDirectory(prefix="ps-")  # short: the server's socket is in it
        name, value = self._mark.split("=")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), name: value, "TMPDIR": self._temporary.name}
        command = [sys.executable, "-m", "deploy.local", "--output", str(self.output), "--json", str(self.json)]
        self._said, self._complained = folder / "demo.out", folder / "demo.err"
        with self._said.open("wb") as said, self._complained.open("wb") as complained:
            self.process = subprocess.Popen(
                [*command, *arguments], cwd=ROOT, env=environment, stdout=said, stderr=complained
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def complained(self) -> str:
        return self._complained.read_text()

    def end(self, seconds: float = 90) -> int:
        return self.process.wait(timeout=seconds)

    def summary(self) -> dict[str, Any]:
        return json.loads(self.json.read_text())

    def left_behind(self) -> list[str]:
        """Return the processes and files that are still there because of this demo."""
        return [line for _, line in self.children()] + os.listdir(self._temporary.name)

    def children(self) -> list[tuple[int, str]]:
        """Return process id and command line of everything that it has started and that still runs."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal() and int(folder.name) != self.process.pid:
                try:
                    environment = (folder / "environ").read_bytes()
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                except OSError:  # it has ended meanwhile
                    continue
                # The server writes its title over its environment, but its socket is in the title.
                if self._mark.encode() in environment.split(b"\0") or self._temporary.name in command:
                    found.append((int(folder.name), command))
        return found

    def wait_for_poses(self, seconds: float = 60) -> None:
        """Wait until the cameras have run for a few seconds."""
        wait_until(lambda: "posed" in self.said, seconds=seconds, what=f"poses come: {self.said} {self.complained}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait(timeout=20)
        for pid, _ in self.children():
            os.kill(pid, signal.SIGKILL)
        self._temporary.cleanup()
        if error is not None:
            print(self.said, self.complained)
            for log in sorted(self.output.glob("*.log")):
                print(f"== {log.name}\n{log.read_text()}")
