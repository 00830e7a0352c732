"""The applications as real processes, as a user starts them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from posestream.broker import PoseLog, Shard, ShardOperations, connect
from posestream.keys import FrameId, ShardKeys
from posestream.messages import PoseFrame, decode_pose

ROOT = Path(__file__).parents[1]


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Poll until something holds; fails the test when it does not within the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Fleet:
    """Processes on one server and prefix; all of them are killed at the end, their logs kept in `folder`."""

    def __init__(self, redis_url: str, prefix: str, folder: Path) -> None:
        self.environment = {
            **os.environ,
            "POSESTREAM_REDIS_URL": redis_url,
            "POSESTREAM_PREFIX": prefix,
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "160",
        }
        self.folder = folder
        self.shard = Shard(connect(redis_url, name="fleet"), ShardKeys(prefix, 0))
        self.shard.prepare()
        self.operations = ShardOperations(self.shard)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `python -m ARGUMENTS`."""
        log = self.folder / f"{len(self._processes)}-{'-'.join(arguments[:2])}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments], env=self.environment, cwd=ROOT, stdout=output, stderr=output
            )
        self._processes.append(process)
        return process

    def run(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run `python -m ARGUMENTS` to its end."""
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
        )

    def start_workers(self, model: Path, count: int = 2, *flags: str) -> list[subprocess.Popen[bytes]]:
        """Start pose workers and a tracker, and wait until the workers ask for work."""
        workers = [self.start("workers", "pose", "--model", str(model), *flags) for _ in range(count)]
        self.start("workers", "track")
        wait_until(lambda: self.operations.status().workers >= count, seconds=60, what="workers ask for work")
        return workers

    def poses(self, camera: str) -> list[PoseFrame]:
        """Return every pose published for a camera, in stream order; ids are checked against the entries'."""
        poses = []
        for frame_id, packed in PoseLog(self.shard).read(camera, FrameId(0), count=100_000):
            pose = decode_pose(packed)
            assert (pose.id, pose.camera) == (frame_id, camera)
            poses.append(pose)
        return poses

    def logs(self) -> str:
        """Return everything the processes have said."""
        return "\n".join(f"== {log.name}\n{log.read_text()}" for log in sorted(self.folder.glob("*.log")))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait(timeout=20)
        self.shard.close()
        if error is not None:
            print(self.logs())
