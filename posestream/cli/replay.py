"""`posestream replay`: publish a recording again, under a prefix of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import CliPositionalArg
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from posestream.broker import Shard, connect, read_topology
from posestream.errors import ConfigurationError
from posestream.keys import Topology, validate_prefix
from posestream.messages import PoseFrame
from posestream.recording.file import Recording, read_recording
from posestream.recording.pace import scheduled
from posestream.recording.replay import BATCH, ReplayStage
from posestream.recording.survey import survey
from posestream.service.process import StopSignal
from posestream.service.settings import Settings, load

_LOOK_S = 0.5


class ReplaySettings(Settings):
    """Publish a recording again, so that subscribers and `posestream tail --prefix replay` see it like live cameras."""

    recording: CliPositionalArg[Path]
    """Recording of `posestream record`, .poses."""
    redis_url: str = Field("redis://127.0.0.1:6379/0", repr=False)
    """URL of the Redis (7.0 or later) or Valkey (8 or later) server: redis://, rediss://, unix:// or
    redis+sentinel://. Its user must be allowed everything under the prefix."""
    into: str = "replay"
    """First part of every key; not that of a running fleet."""
    speed: float = Field(1.0, ge=0, le=1000)
    """How many times as fast as it was; 0 for as fast as possible. Pauses of more than ten seconds that all cameras
    share are cut to that."""
    camera: list[str] = Field(default_factory=list)
    """Only this camera; give it again for more."""
    loop: bool = False
    """Begin again at the end, until Ctrl-C."""
    retain: int = Field(3000, ge=1)
    """Poses kept of each camera, at least."""

    @field_validator("into")
    @classmethod
    def _check_into(cls, into: str) -> str:
        try:
            return validate_prefix(into)
        except ConfigurationError as error:
            raise ValueError(str(error)) from error


def main(argv: list[str]) -> int:
    """Replay."""
    settings = load(ReplaySettings, argv, program="posestream replay", table="replay")
    stop = StopSignal()
    stop.listen()
    cameras = _cameras(settings)
    client = connect(settings.redis_url, name="replay")
    topology = read_topology(client, settings.into)
    client.close()
    replayer = _Replayer(settings, topology, cameras, stop)
    try:
        replayer.open()
        frames, seconds = replayer.run()
    finally:
        replayer.close()
    print(f"{frames} frames in {seconds:.1f} s under the prefix {settings.into!r}")  # noqa: T201
    return 0


def _cameras(settings: ReplaySettings) -> dict[str, int]:
    """Return how many frames of each camera are to be replayed; a damaged recording is found out before it begins."""
    found = survey(settings.recording, settings.camera).frames
    if not found:
        raise ConfigurationError(f"{settings.recording}: the recording holds no frames")
    return dict(found)


class _Replayer:
    """Takes a recording's frames to the stages of their shards, each when it is due."""

    def __init__(self, settings: ReplaySettings, topology: Topology, cameras: dict[str, int], stop: StopSignal) -> None:
        self._settings = settings
        self._cameras = cameras
        self._topology = topology
        self._stop = stop
        self._stages: dict[int, ReplayStage] = {}

    def open(self) -> None:
        """Take the shards; raises ConfigurationError where somebody else is at work."""
        for number in sorted({self._topology.shard_of(camera) for camera in self._cameras}):
            keys = self._topology.keys(number)
            shard = Shard(connect(self._settings.redis_url, name=f"replay-s{number}"), keys)
            stage = ReplayStage(shard, retain=self._settings.retain)
            stage.open([camera for camera in self._cameras if self._topology.shard_of(camera) == number])
            self._stages[number] = stage

    def run(self) -> tuple[int, float]:
        """Replay, once or until asked to stop; returns frames and seconds."""
        began_s, count = time.monotonic(), 0
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
        console = Console(stderr=True)
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("replaying", total=sum(self._cameras.values()))
            while not self._stop.is_set():
                with read_recording(self._settings.recording) as recording:
                    count += self._play(recording, progress, task)
                if not self._settings.loop:
                    break
        return count, time.monotonic() - began_s

    def close(self) -> None:
        """Give the shards up."""
        for stage in self._stages.values():
            stage.close()

    def _play(self, recording: Recording, progress: Progress, task: TaskID) -> int:
        count = 0
        for batch in self._due(recording):
            by_shard: dict[int, list[PoseFrame]] = {}
            for frame in batch:
                by_shard.setdefault(self._topology.shard_of(frame.camera), []).append(frame)
            for shard, frames in by_shard.items():
                self._stages[shard].publish(frames)
            count += len(batch)
            progress.update(task, completed=count, description=f"replayed {count} frames")
        return count

    def _due(self, recording: Recording) -> Iterator[list[PoseFrame]]:
        """Yield frames that are due together, when they are."""
        chosen = (frame for frame in recording if frame.camera in self._cameras)
        began_s, batch = time.monotonic(), list[PoseFrame]()
        for after_s, frame in scheduled(chosen, self._settings.speed):
            due_s = began_s + after_s
            if batch and (due_s > time.monotonic() or len(batch) == BATCH):
                yield batch
                batch = []
            if not self._wait_until(due_s):
                return
            batch.append(frame)
        if batch:
            yield batch

    def _wait_until(self, due_s: float) -> bool:
        """Wait until it is time, holding on to the shards meanwhile; False when asked to stop."""
        while (left_s := due_s - time.monotonic()) > 0:
            if self._stop.wait(min(left_s, _LOOK_S)):
                return False
            for stage in self._stages.values():
                stage.renew()
        return not self._stop.is_set()
