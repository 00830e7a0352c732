"""Live cameras that go on whatever becomes of their frames: real admissions, of bytes that stand in for JPEGs."""

from __future__ import annotations

import heapq
import threading
import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from posestream.broker import AdmissionRequest, FrameIntake, Refusal, Shard, connect
from posestream.broker.clock import ServerClock
from posestream.keys import FrameId, Topology
from posestream.messages import FrameMeta, Policy, encode_meta

DEPTH = 4


class Cameras:
    """Offers frames of `image_bytes` bytes at each camera's own rate, from one thread, while the context is open.

    `offered` and `refused` count frames by camera; `failure` is what ended the thread too early.
    """

    def __init__(self, url: str, topology: Topology, fps: Mapping[str, float], image_bytes: int) -> None:
        self.offered: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self._fps = fps
        client = connect(url, name="offer")
        shards = [Shard(client.twin(), keys) for keys in topology.all_keys()]
        for shard in shards:
            shard.prepare()  # which finds the shard's node where there are several
        self._clock = ServerClock()
        shards[0].observe(self._clock)
        self._intakes = {camera: FrameIntake(shards[topology.shard_of(camera)]) for camera in fps}
        self._image = bytes(image_bytes)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._offer()
        except BaseException as error:  # noqa: BLE001 - for the test to see
            self.failure = error

    def _offer(self) -> None:
        start_s = time.monotonic()
        shares = [
            number / len(self._fps) for number in range(len(self._fps))
        ]  # of a period, so that not all come at once
        due = [(start_s + share / fps, camera) for share, (camera, fps) in zip(shares, self._fps.items(), strict=True)]
        heapq.heapify(due)
        while not self._stop.is_set():
            at_s, camera = heapq.heappop(due)
            time.sleep(max(0.0, at_s - time.monotonic()))
            heapq.heappush(due, (at_s + 1 / self._fps[camera], camera))
            self._admit(camera)

    def _admit(self, camera: str) -> None:
        position = self.offered[camera]
        self.offered[camera] += 1
        request = AdmissionRequest(camera, "offer", "run", Policy.LIVE, depth=DEPTH)
        now_ms = self._clock.now_ms()
        meta = encode_meta(FrameMeta(captured_ms=now_ms))
        answer = self._intakes[camera].admit(request, position, FrameId(now_ms, position), self._image, meta)
        if isinstance(answer, Refusal):
            self.refused[camera] += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=30)
        if self.failure is not None and error is None:
            raise self.failure
