"""Feeds a fleet with frames, as a producer does: `python -m tests.benchmarks.pipeline.feeder URL PREFIX FRAMES_FOLDER`.

A line `full SECONDS` keeps every worker busy, a line `paced SECONDS RATE` sends so many frames a second at the cameras'
own times. The answer is one line of JSON when it is over: frames admitted, and when the feeding ended.
"""

from __future__ import annotations

import heapq
import itertools
import json
import sys
import time
from pathlib import Path
from uuid import uuid4

import numpy as np

from posestream.broker import Admission, AdmissionRequest, FrameIntake, Refusal, Shard, connect
from posestream.keys import FrameId, ShardKeys
from posestream.messages import CaptureClock, FrameMeta, Policy, encode_meta
from tests.benchmarks.pipeline.frames import read_frames

CAMERAS = 4
FULL_DEPTH = 16
LOOK_S = 0.1
LEASE_MS = 600_000


def cameras(policy: Policy) -> list[str]:
    """The names of the cameras that are fed."""
    return [f"{policy.value}-{number}" for number in range(CAMERAS)]


class Camera:
    """One camera's run."""

    def __init__(self, name: str, policy: Policy, depth: int, intake: FrameIntake, images: list[bytes]) -> None:
        self.name = name
        self._intake = intake
        self._request = AdmissionRequest(name, "feeder", uuid4().hex, policy, depth=depth, lease_ms=LEASE_MS)
        self._images = itertools.cycle(images)
        self._position = 0
        self._last = FrameId(0)

    def admit(self) -> Admission | Refusal:
        """Admit the next frame, captured at this moment."""
        now_ms = int(time.time() * 1000)
        self._last = self._last.next(now_ms)
        meta = encode_meta(FrameMeta(captured_ms=now_ms, clock=CaptureClock.SENSOR))
        answer = self._intake.admit(self._request, self._position, self._last, next(self._images), meta)
        if isinstance(answer, Admission):
            self._position += 1
        return answer


class Feeder:
    """The cameras, on one connection."""

    def __init__(self, url: str, prefix: str, images: list[bytes]) -> None:
        intake = FrameIntake(Shard(connect(url, name="feeder"), ShardKeys(prefix, 0)))
        self._intake = intake
        self._full = [Camera(name, Policy.LOSSLESS, FULL_DEPTH, intake, images) for name in cameras(Policy.LOSSLESS)]
        self._paced = [Camera(name, Policy.LIVE, 4, intake, images) for name in cameras(Policy.LIVE)]

    def full(self, seconds: float) -> int:
        """Keep `FULL_DEPTH` frames of every camera unfinished; returns how many frames were admitted."""
        admitted = 0
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            for camera in self._full:
                for _ in range(FULL_DEPTH - self._intake.unfinished(camera.name)):
                    admitted += isinstance(camera.admit(), Admission)
            time.sleep(LOOK_S)
        return admitted

    def paced(self, seconds: float, rate: float) -> int:
        """Send `rate` frames a second, all cameras together, each regularly and from a moment of its own."""
        period_s = CAMERAS / rate
        began_s = time.monotonic()
        first = began_s + np.random.default_rng(1).uniform(0, period_s, CAMERAS)
        due = [(float(at_s), number) for number, at_s in enumerate(first)]
        heapq.heapify(due)
        admitted = 0
        while due[0][0] < began_s + seconds:
            at_s, number = due[0]
            time.sleep(max(0.0, at_s - time.monotonic()))
            admitted += isinstance(self._paced[number].admit(), Admission)
            heapq.heapreplace(due, (at_s + period_s, number))
        return admitted


def main() -> None:
    """Obey the lines of standard input."""
    url, prefix, folder = sys.argv[1:]
    feeder = Feeder(url, prefix, read_frames(Path(folder)))
    print("ready", flush=True)
    for line in sys.stdin:
        how, *numbers = line.split()
        admitted = getattr(feeder, how)(*map(float, numbers))
        print(json.dumps({"admitted": admitted, "ended_s": time.monotonic()}), flush=True)


if __name__ == "__main__":
    main()
