"""Poses as a fleet publishes them: admitted, finished and released by the real tracker's logic, one call at a time."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import numpy as np

from posestream.broker import (
    Admission,
    AdmissionRequest,
    FrameIntake,
    ResultLog,
    Shard,
    ShardOperations,
    WorkQueue,
    connect,
)
from posestream.keys import FrameId, ShardKeys
from posestream.messages import CaptureClock, Intrinsics, Outcome, Person, Policy, PoseFrame, encode_pose
from posestream.skeleton import JOINT_COUNT, PELVIS
from workers.track.camera import CameraTracker
from workers.track.tracks import TrackOptions

SIZE = (640, 480)
_BATCH = 50


def person_at(x: float, y: float, z: float) -> Person:
    """Somebody who stands at a place (metres): the pelvis is there, and the right ear is not seen."""
    joints_m = np.array([x, y, z], np.float32) + np.linspace(-0.8, 0.8, JOINT_COUNT, dtype=np.float32)[:, None]
    joints_m[PELVIS] = (x, y, z)
    joints_px = 100 + np.arange(JOINT_COUNT * 2, dtype=np.float32).reshape(JOINT_COUNT, 2)
    confidence = np.full(JOINT_COUNT, 0.75, np.float32)
    joints_px[[PELVIS, -1]], confidence[[PELVIS, -1]] = np.nan, 0
    return Person(None, 12.5, joints_px, confidence, joints_m)


class Stage:
    """One shard's producer, worker and tracker in one: `publish` returns when the poses are there."""

    def __init__(self, url: str, prefix: str, shard: int = 0, *, retain: int = 1000, step_ms: int = 40) -> None:
        self.shard = Shard(connect(url, name="stage"), ShardKeys(prefix, shard))
        self.shard.prepare()
        self.operations = ShardOperations(self.shard)
        self._intake = FrameIntake(self.shard)
        self._queue = WorkQueue(self.shard, "stage-worker")
        self._results = ResultLog(self.shard)
        self._retain = retain
        self._step_ms = step_ms
        self._last = FrameId(0)
        self._captured_ms = 1_700_000_000_000

    def publish(self, camera: str, count: int = 1, **person: Any) -> list[FrameId]:
        """Publish so many poses; returns their ids."""
        return self.end(camera, [Outcome.POSED] * count)

    def end(self, camera: str, outcomes: Iterable[Outcome]) -> list[FrameId]:
        """Let frames end in these ways, in this order; returns the ids of all."""
        wanted, ids = list(outcomes), []
        for start in range(0, len(wanted), _BATCH):
            ids += [self._finish(camera, outcome) for outcome in wanted[start : start + _BATCH]]
            self._track(camera)
        return ids

    def register(self, camera: str, **facts: Any) -> None:
        """Say that the camera's producer is there."""
        self._intake.register(camera, "stage", 60_000, facts)

    def trim(self, camera: str, keep: int) -> None:
        """Let only the newest poses be kept."""
        self.shard.client.xtrim(self.shard.keys.poses(camera), maxlen=keep, approximate=False)

    def _finish(self, camera: str, outcome: Outcome) -> FrameId:
        request = AdmissionRequest(camera=camera, holder="stage", run="", policy=Policy.LOSSLESS, depth=64)
        self._last = self._last.next(self.shard.server_ms())
        admitted = self._intake.admit(request, 0, self._last, b"pixels", b"")
        assert isinstance(admitted, Admission), admitted
        token = self._queue.take(block_ms=1)
        assert token is not None
        assert token.frame_id == self._last
        self._captured_ms += self._step_ms
        if outcome is Outcome.POSED:
            people = (person_at(0.25, 0.5, 4.0), person_at(token.seq / 100, 0.5, 3.0))
            pose = PoseFrame(
                camera,
                token.frame_id,
                token.seq,
                self._captured_ms,
                CaptureClock.RECEIVE,
                SIZE,
                Intrinsics.assumed(*SIZE),
                people,
            )
            assert self._queue.finish(token, outcome, encode_pose(pose))
        else:
            assert self._queue.finish(token, outcome, "because the test says so")
        return token.frame_id

    def _track(self, camera: str) -> None:
        epoch = self._results.lead("stage", 60_000).epoch
        assert epoch is not None
        tracker = CameraTracker(camera, self._results.progress([camera])[camera], 0, TrackOptions())
        for record in self._results.read(FrameId(0), count=10_000):
            assert record.camera == camera
            tracker.add(record)
        batch = tracker.release(self.shard.server_ms(), read_to_end=True)
        assert batch is not None
        published = self._results.publish(epoch, self._retain, [batch.release])
        assert isinstance(published, int), published

    def close(self) -> None:
        self.shard.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
