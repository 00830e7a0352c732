"""The workers as real processes, watched from outside; and a camera that feeds them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from posestream.broker import (
    AdmissionRequest,
    CameraStatus,
    FrameIntake,
    PoseLog,
    Shard,
    ShardOperations,
    Token,
    WorkQueue,
)
from posestream.keys import FrameId
from posestream.messages import FrameMeta, Policy, PoseFrame, decode_pose, encode_meta
from tests.networks import grey_level
from tests.unit.posestream_service import probes

ROOT = Path(__file__).parents[3]
HD = (1280, 720)
META = encode_meta(FrameMeta())


def eventually(condition: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Return what the condition gives as soon as that is true; fails the test after the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return value


class Service:
    """One process: what it logs, serves and ends with."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log
        self._ports: dict[str, int] | None = None

    @property
    def ports(self) -> dict[str, int]:
        if self._ports is None:
            self._ports = eventually(lambda: probes.ports(self.log), f"the ports are logged: {self.log.read_text()}")
        return self._ports

    def probe(self, path: str) -> tuple[int, dict[str, Any]]:
        return probes.probe(self.ports["health_port"], path)

    def metrics(self) -> dict[tuple[str, ...], float]:
        return probes.samples(self.ports["metrics_port"])

    def messages(self) -> list[str]:
        return [line["message"] for line in probes.log_lines(self.log)]

    def wait_for(self, message: str, seconds: float = 20) -> Self:
        eventually(lambda: message in self.messages(), f"{message!r} is logged: {self.log.read_text()}", seconds)
        return self

    def stop(self, seconds: float = 20) -> int:
        """Ask it to stop; returns its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=seconds)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)


class Services:
    """Starts services on one server and prefix; all are killed at the end, and their logs shown after a failure."""

    def __init__(self, url: str, prefix: str, folder: Path) -> None:
        self._environment = {**os.environ, "POSESTREAM_REDIS_URL": url, "POSESTREAM_PREFIX": prefix}
        self._folder = folder
        self._started: list[Service] = []

    def start(self, *arguments: str) -> Service:
        """Start `python -m workers ARGUMENTS`."""
        log = self._folder / f"{len(self._started)}-{arguments[0]}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "workers", *arguments],
                cwd=ROOT,
                env=self._environment,
                stdout=output,
                stderr=output,
            )
        self._started.append(Service(process, log))
        return self._started[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for service in self._started:
            service.kill()
            print(f"== {service.log.name}\n{service.log.read_text()}")


class Camera:
    """One camera's producer, and a look at what became of its frames."""

    def __init__(self, shard: Shard, name: str, policy: Policy = Policy.LOSSLESS, **request: int) -> None:
        self.name = name
        self._shard = shard
        self._intake = FrameIntake(shard)
        depth = 64 if policy is Policy.LIVE else 1000
        self._request = AdmissionRequest(name, "producer", "run", policy, **({"depth": depth} | request))
        self._position = 0
        self._last = FrameId(0)

    def admit(self, image: bytes = b"pixels", meta: bytes = META, *, age_ms: int = 0) -> FrameId:
        """Admit one frame, by its id older than it is if so wished."""
        frame_id = self._last.next(self._shard.server_ms() - age_ms)
        admission = self._intake.admit(self._request, self._position, frame_id, image, meta)
        assert getattr(admission, "id", None) == frame_id, admission
        self._last = frame_id
        self._position += 1
        return frame_id

    def status(self) -> CameraStatus:
        status = ShardOperations(self._shard).status(self.name).cameras[self.name]
        assert status.conserved, status
        return status

    def drained(self, seconds: float = 30) -> CameraStatus:
        """Wait until every admitted frame has been published; conservation is checked all along."""
        eventually(lambda: self.status().in_flight == 0, f"{self.name} is worked off: {self.status()}", seconds)
        return self.status()

    def poses(self) -> list[PoseFrame]:
        """Every pose published so far, in the order of publication."""
        entries = PoseLog(self._shard).read(self.name, FrameId(0), count=100_000)
        poses = [decode_pose(packed) for _, packed in entries]
        assert [pose.id for pose in poses] == [frame_id for frame_id, _ in entries]
        return poses

    def seqs(self) -> list[int]:
        return [pose.seq for pose in self.poses()]


def take_all(queue: WorkQueue) -> dict[int, Token]:
    """Take every frame that waits, by seq."""
    taken = {}
    while found := queue.take(50):
        token, _ = queue.load(found)
        taken[token.seq] = token
    return taken


def jpeg(case: int = 0, size_wh: tuple[int, int] = HD) -> bytes:
    """A grey frame for which a test network answers with this case."""
    encoded, data = cv2.imencode(".jpg", np.full((size_wh[1], size_wh[0], 3), grey_level(case), np.uint8))
    assert encoded
    return data.tobytes()
