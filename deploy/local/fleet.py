"""The applications of a demo: how each is started, when they are ready, and whether enough of them are left."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from deploy.local.cameras import DemoCamera
from deploy.local.errors import DemoError
from deploy.local.processes import Child, Processes, stop_all
from deploy.local.server import Server
from posestream.service.process import StopSignal
from workers.pose.cpus import usable_cpus

ROOT: Final = Path(__file__).parents[2]
_READY_S: Final = 120.0
_TURN_S: Final = 0.1
_ADDRESS: Final = re.compile(r"http://\S+")
_CLAIM_AFTER_MS: Final = 5000  # a worker that is killed in a demo shall not be missed for long


class Fleet:
    """Pose workers, a tracker, a producer for each camera, and a page to watch if wished for, as processes."""

    def __init__(self, processes: Processes, server: Server, prefix: str) -> None:
        self._processes = processes
        self._server = server
        self._settings = _environment(server.url, prefix)
        self.workers: list[Child] = []
        self.producers: list[Child] = []
        self._trackers: list[Child] = []
        self._viewers: list[Child] = []

    def start_viewer(self, port: int) -> str:
        """Start the page to watch; returns its address.

        Raises:
            DemoError: it does not start, as when something else has the port.
        """
        viewer = self._start("view", "posestream.cli", "view", "--port", str(port))
        self._viewers = [viewer]
        deadline = time.monotonic() + _READY_S
        while (address := _ADDRESS.search(viewer.log.read_text(encoding="utf-8"))) is None:
            if viewer.exit_code is not None or time.monotonic() > deadline:
                raise DemoError(viewer.ending())
            time.sleep(_TURN_S)
        return address[0]

    def start_workers(self, count: int, model: Path) -> None:
        """Start pose workers, which share the CPUs, and a tracker."""
        threads = max(1, usable_cpus() // count)
        flags = ("--model", str(model), "--threads", str(threads), "--claim-after-ms", str(_CLAIM_AFTER_MS))
        self.workers = [self._start(f"pose-{number}", "workers", "pose", *flags) for number in range(1, count + 1)]
        self._trackers = [self._start("track", "workers", "track")]

    def wait_until_ready(self, stop: StopSignal, on_ready: Callable[[int], None]) -> None:
        """Wait until every pose worker takes frames; `on_ready` is told how many do.

        Raises:
            DemoError: one of them ended, they take too long, or the demo was asked to stop.
        """
        deadline = time.monotonic() + _READY_S
        ready = 0
        while ready < len(self.workers):
            if stop.wait(_TURN_S):
                raise DemoError("stopped before the pose workers were ready")
            for child in (*self.workers, *self._trackers):
                if child.exit_code is not None:
                    raise DemoError(child.ending())
            if time.monotonic() > deadline:
                raise DemoError(f"the pose workers are not ready after {_READY_S:.0f} s; see {self.workers[0].log}")
            ready = sum(worker.says("ready to work") for worker in self.workers)
            on_ready(ready)

    def start_producers(self, cameras: Sequence[DemoCamera]) -> None:
        """Start a producer for each camera; every source is played as a live camera, recordings too."""
        for camera in cameras:
            flags = (camera.source, "--camera", camera.name, "--policy", "live")
            self.producers.append(self._start(camera.name, "producer", "run", *flags))

    @property
    def cameras_over(self) -> bool:
        """Whether every source has come to its end."""
        return all(producer.exit_code is not None for producer in self.producers)

    def lost(self) -> list[Child]:
        """Return the pose workers, producers and viewers that have ended when they should not have."""
        others = [child for child in (*self.workers, *self._viewers) if child.exit_code is not None]
        return others + [producer for producer in self.producers if producer.exit_code not in (None, 0)]

    def check(self) -> None:
        """Do nothing while the server, the tracker, a worker and a producer are there.

        Raises:
            DemoError: one of these is missing; says how it ended and what it said last.
        """
        lost = self.lost()
        for group in (self.workers, self.producers):
            if group and all(child in lost for child in group):
                raise DemoError(group[-1].ending())
        for child in (self._server.process, *self._trackers):
            if child is not None and child.exit_code is not None:
                raise DemoError(child.ending())

    def stop_producers(self) -> None:
        """Let no more frames in."""
        stop_all(self.producers)

    def _start(self, name: str, *arguments: str) -> Child:
        return self._processes.start(name, [sys.executable, "-m", *arguments], **self._settings)


def _environment(redis_url: str, prefix: str) -> dict[str, str]:
    """Return what the applications need to know of their surroundings."""
    return {
        "POSESTREAM_REDIS_URL": redis_url,
        "POSESTREAM_PREFIX": prefix,
        "POSESTREAM_LOG_FORMAT": "text",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "200",  # of the logs
    }
