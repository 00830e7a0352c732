"""What a producer needs to be tested with: a worker and a tracker at their simplest, on the real server."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from posestream.broker import CameraRelease, PoseLog, ReleasedRecord, ResultLog, Shard, Token, WorkQueue, connect
from posestream.errors import ImageError
from posestream.image import ImageLimits, check_image
from posestream.keys import FrameId, ShardKeys
from posestream.messages import FrameMeta, Outcome, decode_meta


@dataclass(frozen=True, slots=True)
class Taken:
    """A frame as a worker got it."""

    token: Token
    image: bytes
    meta: FrameMeta


class Fleet:
    """One worker that looks at headers alone, and one tracker that publishes in order of seq."""

    def __init__(self, url: str, prefix: str, *, pause_s: float = 0.0) -> None:
        self.taken: list[Taken] = []
        self._url = url
        self._keys = ShardKeys(prefix, 0)
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=run) for run in (self._work, self._track)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def frames_of(self, camera: str) -> list[Taken]:
        return sorted(
            (taken for taken in self.taken if taken.token.camera == camera), key=lambda taken: taken.token.seq
        )

    def published(self, camera: str) -> list[FrameId]:
        """The ids of the frames that were posed and published, in the order of publication."""
        shard = self._shard("reader")
        try:
            return [frame_id for frame_id, _ in PoseLog(shard).read(camera, FrameId(0), count=100_000)]
        finally:
            shard.close()

    def _shard(self, name: str) -> Shard:
        shard = Shard(connect(self._url, name=name), self._keys)
        shard.prepare()
        return shard

    def _work(self) -> None:
        queue = WorkQueue(self._shard("worker"), f"worker-{uuid.uuid4().hex}")
        while not self._stop.is_set():
            queue.heartbeat([])
            token = queue.take(50)
            if token is None:
                continue
            token, frame = queue.load(token)
            if frame is None:  # the server has lost its data in between
                continue
            meta = decode_meta(frame.meta)
            self.taken.append(Taken(token, frame.image, meta))
            self._stop.wait(self._pause_s)
            queue.finish(token, *_judge(frame.image, meta))

    def _track(self) -> None:
        log = ResultLog(self._shard("tracker"))
        while not self._stop.is_set():
            leadership = log.lead("tracker-1", 3000)  # the same name after a restart, so that nothing is waited for
            assert leadership.epoch is not None
            records = log.read(FrameId(0), count=1000, block_ms=50)
            for camera in {record.camera for record in records}:
                released = log.progress([camera])[camera].released
                ready = []
                for record in sorted((r for r in records if r.camera == camera), key=lambda r: r.seq):
                    if record.seq == released + len(ready) + 1:
                        ready.append(ReleasedRecord(record, record.outcome, b"pose"))
                if ready:
                    log.publish(
                        leadership.epoch, 10_000, [CameraRelease(camera, released, released + len(ready), b"", ready)]
                    )
            if not records:
                self._stop.wait(0.02)


def _judge(image: bytes, meta: FrameMeta) -> tuple[Outcome, bytes, str]:
    if meta.error is not None:
        return Outcome.DEAD, b"unreadable", meta.error
    try:
        check_image(image, ImageLimits())
    except ImageError as error:
        return Outcome.DEAD, error.reason.encode(), str(error)
    return Outcome.POSED, b"pose", ""


def eventually(what: str, is_so: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait until something holds; fails with its name after the deadline."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)
