"""How many frames a second one tracker handles on one core: `python -m tests.benchmarks.tracker`.

20 cameras with 3 people each, all frames posed already, so that nothing but the tracker and the server is at work. CPU
times are those of the tracker's process and of the server, each per frame.
"""

from __future__ import annotations

import resource
import time
from dataclasses import replace

import numpy as np
from rich.console import Console
from rich.table import Table

from posestream.broker import AdmissionRequest, FrameIntake, Shard, ShardOperations, WorkQueue, connect
from posestream.keys import FrameId, ShardKeys
from posestream.messages import (
    CaptureClock,
    Intrinsics,
    Outcome,
    Person,
    Policy,
    PoseFrame,
    encode_pose,
)
from posestream.service.health import Health
from posestream.service.metrics import TrackerMetrics
from posestream.service.process import StopSignal
from tests.servers import EmbeddedValkey
from workers.track import service
from workers.track.service import ShardTracker
from workers.track.settings import TrackSettings

CAMERAS = 20
PEOPLE = 3
FRAMES_EACH = 250
SIZE_WH = (1280, 720)


def walking(frame: int) -> tuple[Person, ...]:
    """Three people, 1 m apart, who move 2 cm a frame."""
    body_m = np.random.default_rng(1).normal(0, 0.3, (19, 3)).astype(np.float32)
    people = []
    for number in range(PEOPLE):
        joints_m = body_m + np.array((number - 1 + 0.02 * frame % 1, 0, 4), np.float32)
        joints_px = joints_m[:, :2] / joints_m[:, 2:] * 900 + np.array((640, 360), np.float32)
        people.append(Person(None, 100.0, joints_px, np.full(19, 0.8, np.float32), joints_m))
    return tuple(people)


def pose_frames(shard: Shard) -> None:
    """Admit every frame of every camera and end it as posed."""
    intake, queue = FrameIntake(shard), WorkQueue(shard, "worker")
    request = AdmissionRequest("", "producer", "run", Policy.LOSSLESS, depth=FRAMES_EACH + 1, lease_ms=600_000)
    for frame in range(FRAMES_EACH):
        people = walking(frame)
        for camera in range(CAMERAS):
            name = f"camera-{camera}"
            frame_id = FrameId(shard.server_ms()).next(shard.server_ms())
            answer = intake.admit(replace(request, camera=name), frame, frame_id, b"pixels", b"")
            token = queue.take(100)
            assert token is not None, answer
            pose = PoseFrame(
                name,
                token.frame_id,
                token.seq,
                66 * frame,
                CaptureClock.FILE,
                SIZE_WH,
                Intrinsics.assumed(*SIZE_WH),
                people,
            )
            assert queue.finish(token, Outcome.POSED, encode_pose(pose))


def server_cpu_s(shard: Shard) -> float:
    info = shard.client.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def main() -> None:
    service.BLOCK_MS = 1
    table = Table(
        "cameras x people", "frames", "tracker, µs", "frames/s on one core", "server, µs", title="one tracker"
    )
    with EmbeddedValkey() as server:
        shard = Shard(connect(server.url, name="benchmark"), ShardKeys("benchmark", 0))
        shard.prepare()
        pose_frames(shard)
        settings = TrackSettings(redis_url=server.url, prefix="benchmark", retain=100_000)
        tracker = ShardTracker("benchmark", shard.keys, settings, TrackerMetrics(), Health(), StopSignal())
        frames = CAMERAS * FRAMES_EACH
        server_before, before = server_cpu_s(shard), time.process_time()
        while shard.client.xlen(shard.keys.results):
            if tracker._lead():
                tracker.step()
        own_s, server_s = time.process_time() - before, server_cpu_s(shard) - server_before
        posed = sum(camera.outcomes[Outcome.POSED] for camera in ShardOperations(shard).status().cameras.values())
        assert posed == frames
    table.add_row(
        f"{CAMERAS} x {PEOPLE}",
        str(frames),
        f"{1e6 * own_s / frames:.0f}",
        f"{frames / own_s:.0f}",
        f"{1e6 * server_s / frames:.0f}",
    )
    Console().print(table)
    Console().print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB", highlight=False)


if __name__ == "__main__":
    main()
