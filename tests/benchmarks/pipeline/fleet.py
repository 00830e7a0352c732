"""The whole pipeline as real processes: server, feeder, one pose worker, tracker; and a subscriber in this one."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from posestream.broker import Shard, ShardOperations, connect
from posestream.keys import ShardKeys
from posestream.messages import Outcome
from tests.benchmarks.pipeline.children import DEADLINE_S, PREFIX, Child, Service
from tests.benchmarks.pipeline.pace import TooFewFramesError, frames_per_s
from tests.benchmarks.pipeline.subscriber import Arrivals, Subscriber
from tests.servers import EmbeddedValkey


@dataclass(frozen=True)
class Throughput:
    """Frames per second with everything busy, CPU per frame by process, and people per frame."""

    frames_per_s: float
    cpu_ms: dict[str, float]
    people: float


@dataclass(frozen=True)
class Delivered:
    """Poses that came of a paced feeding: their latencies, and how many frames were superseded on the way."""

    latency_ms: list[float]
    superseded: int


class Fleet:
    """`with` starts everything and ends it."""

    def __init__(
        self,
        folder: Path,
        model: Path,
        frames: Path,
        flags: Sequence[str] = (),
        worker: Sequence[str] = ("workers", "pose"),
    ) -> None:
        self._folder = folder
        self._frames = frames
        self._module, *arguments = worker
        self._arguments = (*arguments, "--model", str(model), *flags)
        self._unposed = 0
        self._server = EmbeddedValkey(unixsocket=str(folder / "server.sock"))
        self._url = f"unix://{folder / 'server.sock'}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._server)
            self._shard = Shard(connect(self._url, name="benchmark"), ShardKeys(PREFIX, 0))
            stack.callback(self._shard.close)
            self._shard.prepare()
            self._operations = ShardOperations(self._shard)
            self._worker = self._start_worker()
            stack.callback(self.stop_worker)
            tracker = Service(self._folder, self._url, "track")
            stack.callback(tracker.close)
            tracker.wait_for("leading")
            self._feeder = Child("tests.benchmarks.pipeline.feeder", self._url, PREFIX, str(self._frames))
            stack.callback(self._feeder.close)
            self._subscriber = Subscriber(self._url)
            self._subscriber.start()
            stack.callback(self._subscriber.close)
            self._others = {
                "tracker": psutil.Process(tracker.process.pid),
                "server": psutil.Process(self._server_pid()),
                "feeder": psutil.Process(self._feeder.process.pid),
                "subscriber": psutil.Process(),
            }
            self._started = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._started.close()

    def _start_worker(self) -> Service:
        worker = Service(self._folder, self._url, *self._arguments, module=self._module)
        try:
            self.ready_s = worker.wait_for("ready to work")
        except RuntimeError:
            worker.close()
            raise
        return worker

    def restart_worker(self) -> None:
        """Stop the pose worker and start it again; `ready_s` are the seconds it took to be ready."""
        self._worker.close()
        self._worker = self._start_worker()

    def stop_worker(self) -> None:
        """Let the pose worker finish and end."""
        self._worker.close()

    def worker_rss_mb(self) -> float:
        """The worker's resident memory now."""
        return float(psutil.Process(self._worker.process.pid).memory_info().rss) / 1e6

    def _server_pid(self) -> int:
        return int(self._shard.client.info("server")["process_id"])

    def full(self, seconds: float) -> Throughput:
        """Keep everything busy for a while."""
        before = self._cpu_s()
        began_s = time.monotonic()
        fed = self._feeder.ask(f"full {seconds}")
        arrivals = self._arrivals(fed["admitted"])
        frames = len(arrivals.at_s)
        return Throughput(
            frames_per_s(arrivals.at_s, began_s, fed["ended_s"]),
            {name: 1000 * (after - before[name]) / frames for name, after in self._cpu_s().items()},
            sum(arrivals.people) / frames,
        )

    def paced(self, seconds: float, rate: float) -> Delivered:
        """Feed so many frames a second for a while."""
        admitted = self._feeder.ask(f"paced {seconds} {rate}")["admitted"]
        arrivals = self._arrivals(admitted - self._not_posed())
        return Delivered(arrivals.latency_ms, admitted - len(arrivals.at_s))

    def _arrivals(self, expected: int) -> Arrivals:
        """Wait for so many poses since the last call."""
        deadline_s = time.monotonic() + DEADLINE_S
        while (waiting := expected - len(self._subscriber.arrivals.at_s)) > 0:
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{waiting} of {expected} poses did not arrive")
            time.sleep(0.02)
        return self._subscriber.taken()

    def _not_posed(self) -> int:
        """Wait until no frame is under way; returns how many were did not become poses since the last call."""
        deadline_s = time.monotonic() + DEADLINE_S
        while any(camera.in_flight for camera in self._operations.status().cameras.values()):
            if time.monotonic() > deadline_s:
                raise RuntimeError("the pipeline does not drain")
            time.sleep(0.1)
        cameras = self._operations.status().cameras.values()
        unposed = sum(sum(camera.outcomes.values()) - camera.outcomes[Outcome.POSED] for camera in cameras)
        new, self._unposed = unposed - self._unposed, unposed
        return new

    def _cpu_s(self) -> dict[str, float]:
        processes = {"worker": psutil.Process(self._worker.process.pid), **self._others}
        times = {name: process.cpu_times() for name, process in processes.items()}
        return {name: each.user + each.system for name, each in times.items()}


def profile(folder: Path, model: Path, frames: Path, seconds: float) -> dict[str, float]:
    """Return where a busy worker's CPU goes, in milliseconds per frame: `profiled_worker` says what is told apart."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        report = Path(own) / "report.json"
        worker = ("tests.benchmarks.pipeline.profiled_worker", str(report))
        with Fleet(Path(own), model, frames, worker=worker) as fleet:
            with suppress(TooFewFramesError):  # what each took of the CPU is told all the same
                fleet.full(seconds)
            fleet.stop_worker()
            told: dict[str, float] = json.loads(report.read_text())
    del told["frames"]
    return told
