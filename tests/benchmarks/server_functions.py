"""What the server functions cost the server: microseconds of its CPU per call, from its own command statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
from rich.console import Console
from rich.table import Table

from posestream.broker import (
    Admission,
    AdmissionRequest,
    CameraRelease,
    FrameIntake,
    ReleasedRecord,
    ResultLog,
    Shard,
    WorkQueue,
    connect,
)
from posestream.keys import FrameId, ShardKeys
from posestream.messages import Outcome, Policy
from tests.servers import EmbeddedValkey

IMAGE = bytes(75_000)
POSE = bytes(2_000)
FRAMES = 2000


def main() -> None:
    """Print the table."""
    table = Table(title=f"server CPU, µs per call, {FRAMES} frames of {len(IMAGE) // 1000} KB (Valkey, embedded)")
    table.add_column("call")
    table.add_column("situation")
    table.add_column("µs", justify="right")
    with EmbeddedValkey() as server:
        client = connect(server.url, name="benchmark")
        client.config_set("save", "")
        for name, situation, measured in _measurements(client):
            table.add_row(name, situation, f"{measured:.1f}")
    Console().print(table)


def _measurements(client: redis.Redis) -> Any:
    lossless = _Pipeline(client, "lossless", Policy.LOSSLESS, depth=64)
    yield "XADD", "of the frame alone, for comparison", _cost(client, "xadd", lossless.only_add)
    yield "admit", "lossless, 0 unfinished", _cost(client, "fcall", lossless.admit_only, lossless.finish_and_publish)
    live = _Pipeline(client, "live", Policy.LIVE, depth=4)
    for _ in range(4):
        live.admit()
    yield "admit", "live, 4 waiting: one is superseded", _cost(client, "fcall", live.admit_only)
    busy = _Pipeline(client, "busy", Policy.LOSSLESS, depth=10_000)
    for _ in range(63):
        busy.admit()
    yield "finish", "posed, 2 KB", _cost(client, "fcall", busy.finish_only, busy.admit)
    yield "publish", "one record, one pose", _cost(client, "fcall", lossless.publish_only, lossless.admit_and_finish)


def _cost(
    client: redis.Redis, command: str, measured: Callable[[], None], around: Callable[[], None] = lambda: None
) -> float:
    """Return the server's microseconds per call of `command` within `measured`, with `around` run in between."""
    spent = calls = 0
    for _ in range(FRAMES // 20):
        around()
        client.config_resetstat()
        measured()
        statistics = client.info("commandstats")[f"cmdstat_{command}"]
        spent += statistics["usec"]
        calls += statistics["calls"]
    return spent / calls


class _Pipeline:
    """One camera on a shard of its own, driven by one thread through every role."""

    def __init__(self, client: redis.Redis, prefix: str, policy: Policy, depth: int) -> None:
        self._shard = Shard(client, ShardKeys(prefix, 0))
        self._shard.prepare()
        self._intake = FrameIntake(self._shard)
        self._queue = WorkQueue(self._shard, "benchmark-0")
        self._results = ResultLog(self._shard)
        epoch = self._results.lead("benchmark", 3_600_000).epoch
        assert epoch is not None
        self._epoch = epoch
        self._request = AdmissionRequest("camera", "benchmark", "run", policy, depth, lease_ms=3_600_000)
        self._position = 0
        self._last = FrameId(0)
        self._read_to = FrameId(0)
        self._released = 0

    def only_add(self) -> None:
        key = self._shard.keys.frames("other")
        for _ in range(20):
            self._shard.client.xadd(key, {"image": IMAGE, "meta": b""}, maxlen=4)

    def admit(self) -> None:
        self._last = self._last.next(self._shard.server_ms())
        assert isinstance(self._intake.admit(self._request, self._position, self._last, IMAGE, b""), Admission)
        self._position += 1

    def admit_only(self) -> None:
        self.admit()

    def finish_only(self) -> None:
        token = self._queue.take(1)
        assert token is not None
        assert self._queue.finish(token, Outcome.POSED, POSE)

    def publish_only(self) -> None:
        records = self._results.read(self._read_to, count=100)
        self._read_to = records[-1].id
        released = [ReleasedRecord(record, record.outcome, record.data) for record in records]
        release = CameraRelease("camera", self._released, records[-1].seq, b"", released)
        assert self._results.publish(self._epoch, 1000, [release]) == len(records)
        self._released = records[-1].seq

    def admit_and_finish(self) -> None:
        self.admit()
        self.finish_only()

    def finish_and_publish(self) -> None:
        if self._position:
            self.finish_only()
            self.publish_only()


if __name__ == "__main__":
    main()
