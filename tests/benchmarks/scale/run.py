"""One point of the simulation: so many cameras, slots and shards, and what came out and what it cost."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import psutil
import redis

from posestream.broker import Shard, ShardOperations, connect, read_topology
from posestream.keys import ShardKeys, Topology
from posestream.messages import Outcome
from tests.fleet import ROOT, Fleet, wait_until
from tests.overload.figures import percentile
from tests.overload.offer import Cameras
from tests.overload.watch import Watch
from tests.servers import EmbeddedValkey, Server, ValkeyCluster

PREFIX = "scale"
SLOTS_PER_WORKER = 8
IMAGE_BYTES = 75_000
RETAIN = 50
WATCHED = 5  # cameras that have a subscriber
SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Point:
    """What is simulated.

    Attributes:
        slots, cameras, shards: how many; several shards are on the three nodes of a Cluster.
        sleep_s: what a slot does in place of decoding and inference.
        load: frames offered, over what the slots would take if they did nothing but sleep.
    """

    slots: int
    cameras: int
    shards: int = 1
    sleep_s: float = 0.16
    load: float = 0.9

    @property
    def offered(self) -> float:
        """Frames a second."""
        return self.load * self.slots / self.sleep_s


@dataclass(frozen=True, slots=True)
class Spent:
    """What has been spent up to a moment: CPU seconds, and bytes over the servers' sockets."""

    server_s: float
    tracker_s: float
    workers_s: float
    feeder_s: float
    received: float
    sent: float

    def __sub__(self, other: Spent) -> Spent:
        return Spent(*(getattr(self, each.name) - getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True, slots=True)
class Measured:
    """What came out in so many seconds.

    Attributes:
        posed: frames.
        spent: on all frames.
        ages_s: of the watched cameras' poses when a subscriber had them.
        machine: share of the machine's CPUs that was busy, 0 to 1, with whatever.
    """

    point: Point
    seconds: float
    posed: int
    spent: Spent
    ages_s: Sequence[float]
    machine: float

    @property
    def rate(self) -> float:
        """Frames posed a second."""
        return self.posed / self.seconds

    @property
    def efficiency(self) -> float:
        """Frames posed, over those offered or those that the slots could take, whichever is less."""
        return self.rate / min(self.point.offered, self.point.offered / self.point.load)

    def each(self, total: float) -> float:
        """Return a total for each posed frame."""
        return total / max(1, self.posed)

    def age_s(self, share: float) -> float:
        """Return a percentile of the ages."""
        return percentile(self.ages_s, share)


def measure(point: Point, seconds: float) -> Measured:
    """Run a point for some seconds after it has settled, on servers of its own."""
    with ExitStack() as stack:
        nodes = stack.enter_context(_servers(point.shards))
        url = nodes[0].url
        topology = read_topology(connect(url, name="scale"), PREFIX)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="posestream-scale-")))
        fleet = stack.enter_context(Fleet(url, PREFIX, folder))
        tracker = fleet.start("workers", "track", "--retain", str(RETAIN))
        workers = [stack.enter_context(_worker(url, slots, point.sleep_s)) for slots in _spread(point.slots)]
        operations = [ShardOperations(Shard(connect(url, name="scale"), keys)) for keys in topology.all_keys()]
        _wait_for_slots(operations, point.slots)
        names = [f"camera-{number:03}" for number in range(point.cameras)]
        watches = [stack.enter_context(watch) for watch in _watches(url, topology, names[:WATCHED])]
        fps = dict.fromkeys(names, point.offered / point.cameras)
        stack.enter_context(Cameras(url, topology, fps, IMAGE_BYTES))
        time.sleep(SETTLE_S)
        psutil.cpu_percent()
        start_s, posed, before = time.monotonic(), _posed(operations), _spent(nodes, tracker, workers)
        time.sleep(seconds)
        spent = _spent(nodes, tracker, workers) - before
        took_s, posed = time.monotonic() - start_s, _posed(operations) - posed
        machine = psutil.cpu_percent() / 100
        ages_s = [pose.age_s for watch in watches for pose in watch.posed if pose.at_s >= start_s]
    return Measured(point, took_s, posed, spent, ages_s, machine)


@contextmanager
def _servers(shards: int) -> Iterator[list[EmbeddedValkey]]:
    """Start one server, or a Cluster for several shards, and say there how many shards there are."""
    with ExitStack() as stack:
        if shards == 1:
            nodes = [stack.enter_context(EmbeddedValkey())]
        else:
            nodes = stack.enter_context(ValkeyCluster(appendonly="no")).nodes
        connect(nodes[0].url, name="scale").hset(f"{PREFIX}:config", "shards", str(shards))
        yield nodes


def _spread(slots: int) -> list[int]:
    """Return how many slots each worker process has."""
    workers = math.ceil(slots / SLOTS_PER_WORKER)
    return [slots // workers + (number < slots % workers) for number in range(workers)]


@contextmanager
def _worker(url: str, slots: int, sleep_s: float) -> Iterator[subprocess.Popen[bytes]]:
    arguments = ["-m", "tests.benchmarks.scale.worker", url, PREFIX, str(slots), str(sleep_s)]
    with subprocess.Popen([sys.executable, *arguments], cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.terminate()


def _wait_for_slots(operations: Sequence[ShardOperations], slots: int) -> None:
    def there() -> int:
        return sum(each.status().workers for each in operations)

    wait_until(lambda: there() == slots, seconds=90, what="all slots ask for work")


def _watches(url: str, topology: Topology, names: Sequence[str]) -> list[Watch]:
    by_shard: dict[ShardKeys, list[str]] = {}
    for name in names:
        by_shard.setdefault(topology.keys_of(name), []).append(name)
    return [Watch(url, keys, cameras) for keys, cameras in by_shard.items()]


def _posed(operations: Sequence[ShardOperations]) -> int:
    cameras = [camera for each in operations for camera in each.status().cameras.values()]
    assert all(camera.conserved for camera in cameras)
    return sum(camera.outcomes[Outcome.POSED] for camera in cameras)


def _spent(
    nodes: Sequence[Server], tracker: subprocess.Popen[bytes], workers: Sequence[subprocess.Popen[bytes]]
) -> Spent:
    infos = [redis.Redis(port=node.port).info("everything") for node in nodes]
    return Spent(
        server_s=sum(info["used_cpu_user"] + info["used_cpu_sys"] for info in infos),
        tracker_s=_cpu_s(tracker.pid),
        workers_s=sum(_cpu_s(worker.pid) for worker in workers),
        feeder_s=_cpu_s(os.getpid()),
        received=sum(info["total_net_input_bytes"] for info in infos),
        sent=sum(info["total_net_output_bytes"] for info in infos),
    )


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
