"""Cameras whose people are known: synthetic pictures, and for worker and tracker the truth, really published."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from posestream.broker import (
    AdmissionRequest,
    CameraRelease,
    FrameIntake,
    Record,
    ReleasedRecord,
    ResultLog,
    Shard,
    WorkQueue,
    connect,
)
from posestream.keys import FrameId, ShardKeys
from posestream.messages import CaptureClock, Outcome, Person, Policy, PoseFrame, encode_pose
from posestream.skeleton import PELVIS
from producer.synthetic.options import parse_options
from producer.synthetic.truth import Truth
from producer.synthetic.view import SyntheticView
from producer.synthetic.visibility import Visibility

THOUGHT_S = 0.02
"""What the worker that is played takes to look at a picture."""
_LEASE_MS = 5000


@dataclass(frozen=True)
class Shot:
    """A picture, and who is on it."""

    image: bytes
    truth: Truth


class Script:
    """A few frames of a synthetic scene, drawn once; `source` as for a producer."""

    def __init__(self, source: str, frames: int, *, every: int = 1, in_world: bool = False) -> None:
        self._view = SyntheticView(parse_options(source))
        self.size_wh = self._view.options.size
        self.intrinsics = self._view.intrinsics
        self.extrinsics = self._view.extrinsics if in_world else None
        self.shots = [self._shot(index * every) for index in range(frames)]

    def _shot(self, index: int) -> Shot:
        encoded, data = cv2.imencode(".jpg", self._view.image(index), [cv2.IMWRITE_JPEG_QUALITY, 90])
        assert encoded
        return Shot(data.tobytes(), self._view.truth(index))

    def pose(self, camera: str, frame_id: FrameId, seq: int, truth: Truth) -> PoseFrame:
        """The message for a frame: everybody who is there, joints out of sight as not seen."""
        return PoseFrame(
            camera=camera,
            id=frame_id,
            seq=seq,
            captured_ms=time.time_ns() // 1_000_000,
            clock=CaptureClock.RECEIVE,
            size_wh=self.size_wh,
            intrinsics=self.intrinsics,
            people=tuple(_person(truth, index) for index in range(len(truth))),
            extrinsics=self.extrinsics,
        )


def _person(truth: Truth, index: int) -> Person:
    seen = truth.visibility[index] >= Visibility.SELF_OCCLUDED
    seen[PELVIS] = False
    return Person(
        id=int(truth.ids[index]),
        score=10.0,
        joints_px=np.where(seen[:, None], truth.joints_px[index], np.nan).astype(np.float32),
        confidence=seen.astype(np.float32),
        joints_m=truth.joints_m[index],
    )


class Company:
    """Cameras that act their scripts together: producer, worker and tracker in one."""

    def __init__(self, url: str, prefix: str, scripts: Mapping[str, Script]) -> None:
        self.scripts = dict(scripts)
        self.shard = Shard(connect(url, name="actors"), ShardKeys(prefix, 0))
        self.shard.prepare()
        self._intake = FrameIntake(self.shard)
        self._queue = WorkQueue(self.shard, "actors")
        self._results = ResultLog(self.shard)
        self._run = uuid.uuid4().hex
        self._positions = dict.fromkeys(scripts, 0)
        self._last = FrameId(0)
        for camera, script in scripts.items():
            width, height = script.size_wh
            facts = {"width": width, "height": height, "fps": 15, "source": "acted"}
            self._intake.register(camera, "actors", _LEASE_MS, facts)

    def admit(self, camera: str, image: bytes) -> FrameId:
        """Send a picture in."""
        request = AdmissionRequest(camera, "actors", self._run, Policy.LIVE, depth=64, lease_ms=_LEASE_MS)
        self._last = self._last.next(self.shard.server_ms())
        admission = self._intake.admit(request, self._positions[camera], self._last, image, b"")
        assert getattr(admission, "id", None) == self._last, admission
        self._positions[camera] += 1
        return self._last

    def sent(self, camera: str) -> int:
        """How many pictures of a camera have been sent in."""
        return self._positions[camera]

    def act(self, number: int | None = None) -> dict[str, PoseFrame]:
        """Send in each camera's next picture, or this one, and publish who is on them."""
        truths = {}
        for camera, script in self.scripts.items():
            shot = script.shots[(self._positions[camera] if number is None else number) % len(script.shots)]
            truths[self.admit(camera, shot.image)] = shot.truth
        time.sleep(THOUGHT_S)
        return self.publish(truths)

    def publish(self, truths: Mapping[FrameId, Truth]) -> dict[str, PoseFrame]:
        """Take and publish these frames, which are all that wait."""
        self._queue.heartbeat([])
        poses = {}
        for _ in truths:
            token = self._queue.take(block_ms=1000)
            assert token is not None
            pose = self.scripts[token.camera].pose(token.camera, token.frame_id, token.seq, truths[token.frame_id])
            assert self._queue.finish(token, Outcome.POSED, encode_pose(pose))
            poses[token.camera] = pose
        records = self._results.read(FrameId(0), count=1000)
        epoch = self._results.lead("actors", 60_000).epoch
        assert epoch is not None
        assert self._results.publish(epoch, 1000, self._releases(records)) == len(records)
        return poses

    def _releases(self, records: Sequence[Record]) -> list[CameraRelease]:
        releases = []
        progress = self._results.progress(sorted({record.camera for record in records}))
        for camera, known in progress.items():
            own = [ReleasedRecord(one, one.outcome, one.data) for one in records if one.camera == camera]
            last = max(record.seq for record in records if record.camera == camera)
            releases.append(CameraRelease(camera, known.released, last, b"", own))
        return releases

    @contextlib.contextmanager
    def acting(self, fps: float = 15.0) -> Iterator[None]:
        """Act in a thread for as long as the context lasts; what goes wrong there is raised at its end."""
        stop, failures = threading.Event(), list[BaseException]()

        def play() -> None:
            due_s = time.monotonic()
            try:
                while not stop.wait(max(0.0, due_s - time.monotonic())):
                    due_s = max(due_s + 1 / fps, time.monotonic() - 1)
                    self.act()
            except BaseException as error:  # noqa: BLE001 - raised at the end
                failures.append(error)

        thread = threading.Thread(target=play, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(20)
        if failures:
            raise failures[0]

    def close(self) -> None:
        self.shard.close()
