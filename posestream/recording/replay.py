"""Publishing recorded poses again, through the contract: each is admitted, taken, finished and published as a frame.

So subscribers, `posestream tail` and `posestream status` see a camera like any other. Only where nobody else is at
work: a prefix with a live producer, worker or tracker, or with a camera that is no replay, is left alone.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from posestream.broker import (
    AdmissionRequest,
    CameraRelease,
    FrameIntake,
    Mismatch,
    Record,
    Refusal,
    ReleasedRecord,
    ResultLog,
    Shard,
    ShardOperations,
    WorkQueue,
)
from posestream.errors import BrokerError, ConfigurationError
from posestream.keys import FrameId
from posestream.messages import Outcome, Policy, PoseFrame, encode_pose

SOURCE: Final = "replay"
LEASE_MS: Final = 10_000
BATCH: Final = 50
_IMAGE: Final = b"replay"
_DEPTH: Final = 64


class ReplayStage:
    """One shard's producer, worker and tracker, for frames that have their poses already."""

    def __init__(self, shard: Shard, *, retain: int) -> None:
        name = f"{SOURCE}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._shard = shard
        self._holder = name
        self._retain = retain
        self._intake = FrameIntake(shard)
        self._queue = WorkQueue(shard, name)
        self._results = ResultLog(shard)
        self._cameras: dict[str, FrameId] = {}
        self._last = FrameId(0)
        self._epoch = 0
        self._renew_at_s = 0.0

    def open(self, cameras: Sequence[str]) -> None:
        """Make sure that nobody else is at work here, and take the shard.

        Raises:
            ConfigurationError: somebody is, or one of the cameras is there and no replay.
        """
        self._shard.prepare()
        operations = ShardOperations(self._shard)
        described = operations.descriptions()
        for name, counts in operations.status().cameras.items():
            if counts.in_flight and not counts.holder and described.get(name, {}).get("source") == SOURCE:
                operations.remove(name)  # of a replay that was killed
        status = operations.status()
        prefix = self._shard.keys.prefix
        there = (
            status.tracker
            or ("pose workers" if status.workers else "")
            or (f"{status.work} frames waiting" if status.work else "")
        )
        if there:
            raise ConfigurationError(f"prefix {prefix!r} is in use ({there}): replay into another one, --into NAME")
        for camera in cameras:
            source = described.get(camera, {}).get("source")
            if camera in status.cameras and source != SOURCE:
                raise ConfigurationError(
                    f"prefix {prefix!r} has a camera {camera!r} that is no replay: replay into another one, --into NAME"
                )
        self.renew()

    def renew(self) -> None:
        """Hold on to the shard and its cameras; to be called at least every few seconds."""
        if time.monotonic() < self._renew_at_s:
            return
        self._renew_at_s = time.monotonic() + LEASE_MS / 3000
        leadership = self._results.lead(self._holder, LEASE_MS)
        if leadership.epoch is None:
            raise BrokerError(f"another tracker publishes under {self._shard.keys.prefix!r} ({leadership.holder})")
        self._epoch = leadership.epoch
        for camera in self._cameras:
            self._register(camera, {})

    def publish(self, frames: Sequence[PoseFrame]) -> None:
        """Publish frames, at most `BATCH` of them, under new ids and numbers."""
        self.renew()
        for frame in frames:
            if frame.camera not in self._cameras:
                self._begin(frame)
        for frame in frames:
            self._finish(frame)
        records = self._results.read(FrameId(0), count=2 * BATCH)
        by_camera: dict[str, list[Record]] = {}
        for record in records:
            by_camera.setdefault(record.camera, []).append(record)
        answer = self._results.publish(self._epoch, self._retain, self._releases(by_camera))
        if isinstance(answer, Mismatch):
            raise BrokerError(f"somebody else publishes under {self._shard.keys.prefix!r} ({answer.what})")

    def close(self) -> None:
        """Give everything up."""
        for camera in self._cameras:
            self._intake.end(self._request(camera), complete=False)
        if self._epoch:
            self._results.lead(self._holder, 0)
        self._queue.retire()
        self._shard.close()

    def _begin(self, frame: PoseFrame) -> None:
        width, height = frame.size_wh
        self._register(
            frame.camera, {"source": SOURCE, "policy": Policy.LOSSLESS.value, "width": width, "height": height}
        )
        self._cameras[frame.camera] = self._results.progress([frame.camera])[frame.camera].published_id

    def _register(self, camera: str, description: dict[str, str | int | float]) -> None:
        answer = self._intake.register(camera, self._holder, LEASE_MS, description)
        if isinstance(answer, Refusal):
            raise BrokerError(f"camera {camera}: held by {answer.detail}")
        self._last = max(self._last, answer.last_id or FrameId(0))

    def _request(self, camera: str) -> AdmissionRequest:
        return AdmissionRequest(camera, self._holder, "", Policy.LOSSLESS, _DEPTH, lease_ms=LEASE_MS)

    def _finish(self, frame: PoseFrame) -> None:
        """Admit a frame and end it at once with its pose."""
        self._last = self._last.next(self._shard.server_ms())
        admitted = self._intake.admit(self._request(frame.camera), 0, self._last, _IMAGE, b"")
        if isinstance(admitted, Refusal):
            raise BrokerError(f"camera {frame.camera}: refused, {admitted.reason} ({admitted.detail})")
        token = self._queue.take(block_ms=1000)
        if token is None or (token.camera, token.frame_id) != (frame.camera, self._last):
            raise BrokerError(f"somebody else is at work under {self._shard.keys.prefix!r}")
        pose = replace(frame, id=self._last, seq=token.seq, previous=self._cameras[frame.camera], skipped={})
        if not self._queue.finish(token, Outcome.POSED, encode_pose(pose)):
            raise BrokerError(f"somebody else is at work under {self._shard.keys.prefix!r}")
        self._cameras[frame.camera] = self._last

    def _releases(self, by_camera: dict[str, list[Record]]) -> list[CameraRelease]:
        progress = self._results.progress(by_camera)
        return [
            CameraRelease(
                camera,
                progress[camera].released,
                records[-1].seq,
                progress[camera].tracker_state,
                [ReleasedRecord(record, record.outcome, record.data) for record in records],
            )
            for camera, records in by_camera.items()
        ]
