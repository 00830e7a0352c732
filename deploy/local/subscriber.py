"""What the demo reads while it runs: the poses of every camera, and for the picture the frames they belong to."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Final, Self

from posestream.broker import FrameLog, PoseLog, Shard, connect
from posestream.errors import BrokerUnavailableError
from posestream.keys import FrameId, Topology
from posestream.messages import PoseFrame, decode_pose
from posestream.service.process import StopSignal, Tasks

_BLOCK_MS: Final = 500
_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class PoseSeen:
    """A pose message, and when it arrived: in Unix milliseconds of this host, and in seconds of its steady clock."""

    pose: PoseFrame
    arrived_ms: float
    arrived_s: float


@dataclass(frozen=True, slots=True)
class FrameSeen:
    """An encoded frame on its way to the workers."""

    camera: str
    id: FrameId
    image: bytes


class Subscriber:
    """Reads on threads of its own, each with a connection, until its context is left; `take` gives what was read."""

    def __init__(self, url: str, topology: Topology) -> None:
        self._url = url
        self._topology = topology
        self._done = StopSignal()
        self._tasks = Tasks(self._done)
        self._seen: SimpleQueue[PoseSeen | FrameSeen] = SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._tasks.join(2 * _BLOCK_MS / 1000)

    def start(self, cameras: Sequence[str], with_frames: Sequence[str]) -> None:
        """Read these cameras' poses from now on, and some cameras' frames."""
        for camera in cameras:
            self._tasks.start(f"poses of {camera}", partial(self._read_poses, camera))
        for camera in with_frames:
            self._tasks.start(f"frames of {camera}", partial(self._read_frames, camera))

    def check(self) -> None:
        """Raise what made a thread fail, if anything."""
        self._tasks.check()

    def take(self) -> list[PoseSeen | FrameSeen]:
        """Return what has arrived since the last call, in order of arrival."""
        seen = []
        while True:
            try:
                seen.append(self._seen.get_nowait())
            except Empty:
                return seen

    def _shard(self, camera: str) -> Shard:
        return Shard(connect(self._url, name=f"demo-{camera}"), self._topology.keys_of(camera))

    def _read_poses(self, camera: str) -> None:
        log, after = PoseLog(self._shard(camera)), FrameId(0)
        while not self._done.is_set():
            try:
                poses = log.read(camera, after, count=_BATCH, block_ms=_BLOCK_MS)
            except BrokerUnavailableError:  # whoever asks for the status says so
                self._done.wait(_BLOCK_MS / 1000)
                continue
            for frame_id, packed in poses:
                after = frame_id
                self._seen.put(PoseSeen(decode_pose(packed), time.time() * 1000, time.monotonic()))

    def _read_frames(self, camera: str) -> None:
        """Read a camera's frames while they wait; they are there until a worker has finished them."""
        log, after = FrameLog(self._shard(camera)), FrameId(0)
        while not self._done.is_set():
            try:
                frames = log.read(camera, after, count=_BATCH, block_ms=_BLOCK_MS)
            except BrokerUnavailableError:
                self._done.wait(_BLOCK_MS / 1000)
                continue
            for frame_id, image in frames:
                after = frame_id
                self._seen.put(FrameSeen(camera, after, image))
