"""From what a frame costs to what a fleet takes. No processes, no clock; the assumptions are the fields' comments."""

from __future__ import annotations

import math
from dataclasses import dataclass

MIB = 1024 * 1024
DEPTH = 4
RETAIN = 3000


@dataclass(frozen=True, slots=True)
class Costs:
    """What one frame costs.

    Attributes:
        worker_fps: frames a second of one worker core: the network's rate with what is around it (`make bench`).
        server_us, tracker_us: CPU of the server and of the tracker, each of which is one thread for a shard.
        pose_bytes: a published pose of three people: 922 bytes for each, with id and smoothed joints, and 174 beside.
        overhead_bytes: what else goes to the server for a frame, as measured by `python -m tests.benchmarks scale`: its
            result, the tracker's state, the calls around them.
    """

    worker_fps: float
    server_us: float
    tracker_us: float
    pose_bytes: float = 3 * 922.0 + 174.0
    overhead_bytes: float = 6144.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """Cameras to be served: how many, how fast, and how large their JPEGs are."""

    cameras: int
    fps: float
    image_bytes: int

    @property
    def frames_s(self) -> float:
        """Frames a second of all cameras."""
        return self.cameras * self.fps


@dataclass(frozen=True, slots=True)
class Size:
    """What a fleet takes.

    Attributes:
        worker_cores: CPU cores for pose workers.
        shards: of a Cluster, each on a core of its own, with a tracker of its own at work.
        memory_mib: Redis, all shards together.
        mbit_s: network into Redis, and about the same out to the workers; subscribers come on top.
    """

    worker_cores: int
    shards: int
    memory_mib: float
    mbit_s: float


BUSY = 0.75
"""How busy workers are to be, so that a burst or a lost worker is no backlog."""
BUSY_SHARD = 0.5
"""How busy a shard's one thread is to be."""


def size(fleet: Fleet, costs: Costs) -> Size:
    """Return what a live fleet takes."""
    slowest_us = max(costs.server_us, costs.tracker_us)
    frames = fleet.cameras * (DEPTH + 1) * (fleet.image_bytes + 1024)
    poses = fleet.cameras * RETAIN * (costs.pose_bytes + 256)
    books = fleet.cameras * 16 * 1024
    return Size(
        worker_cores=math.ceil(fleet.frames_s / (BUSY * costs.worker_fps)),
        shards=math.ceil(fleet.frames_s * slowest_us / (BUSY_SHARD * 1e6)),
        memory_mib=(frames + poses + books) / MIB,
        mbit_s=fleet.frames_s * (fleet.image_bytes + costs.pose_bytes + costs.overhead_bytes) * 8 / 1e6,
    )
