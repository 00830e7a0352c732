"""A server that loses what was on it, or its memory, under a producer, a worker and a tracker at work: all go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from posestream.broker import CameraStatus, PoseLog, Shard, ShardOperations, connect
from posestream.keys import WORK_GROUP, FrameId, ShardKeys, Topology
from posestream.messages import Outcome
from tests.fleet import wait_until
from tests.servers import EmbeddedValkey
from tests.slots import Workers
from tests.unit.posestream_service.services import Service, Services
from tests.unit.producer.processes import Producer, Producers

SOURCE = "synthetic:?people=0&fps=20&size=160x120"
ENOUGH = 5


class AtWork:
    """A live camera's frames on their way through processes and slots, seen from the server."""

    def __init__(
        self, server: EmbeddedValkey, prefix: str, workers: Workers, producer: Producer, tracker: Service
    ) -> None:
        self.workers = workers
        self.producer = producer
        self.tracker = tracker
        self.recovered_here: list[str] = []
        self.shard = Shard(connect(server.url, name="test"), ShardKeys(prefix, 0), self.recovered_here.append)
        self.operations = ShardOperations(self.shard)

    def status(self) -> CameraStatus | None:
        found = self.operations.status().cameras.get("yard")
        assert found is None or found.conserved, found
        return found

    def flows(self) -> None:
        """Wait until frames that are admitted from now on come out."""
        now = FrameId(self.shard.server_ms())
        log = PoseLog(self.shard)
        wait_until(lambda: self.status() is not None, seconds=60, what="frames are admitted")
        wait_until(lambda: len(log.read("yard", now, count=ENOUGH)) == ENOUGH, seconds=60, what="poses come")
        ids = [frame_id for frame_id, _ in log.read("yard", FrameId(0), count=100_000)]
        assert ids == sorted(set(ids))

    def recoveries(self, what: str) -> float:
        """How often that has been made again, by whoever came first."""
        name = "posestream_broker_recoveries_total"
        processes = sum(process.metrics().get((name, what), 0) for process in (self.producer, self.tracker))
        return processes + self.workers.count(name, what=what) + self.recovered_here.count(what)

    def offered(self, result: str) -> float:
        return self.producer.metrics().get(("posestream_offered_frames_total", "yard", result), 0)


@pytest.fixture
def at_work(prefix: str, tmp_path: Path) -> Iterator[AtWork]:
    with (
        EmbeddedValkey() as server,
        Services(server.url, prefix, tmp_path) as services,
        Producers(server.url, prefix, tmp_path) as producers,
    ):
        tracker = services.start("track", "--lease-ms", "1000")
        producer = producers.start(SOURCE, "--camera", "yard")
        shard = Shard(connect(server.url, name="test"), ShardKeys(prefix, 0))
        shard.prepare()
        with Workers(server.url, Topology(prefix)) as workers:
            started = AtWork(server, prefix, workers, producer, tracker)
            started.flows()
            yield started
            started.shard.close()
        shard.close()


@pytest.mark.timeout(300)
def test_whatever_is_flushed_or_destroyed_is_made_again_and_counted(at_work: AtWork) -> None:
    client = at_work.shard.client

    client.script_flush()  # there are no scripts
    before = at_work.recoveries("functions")
    client.function_flush("SYNC")
    at_work.flows()
    assert at_work.recoveries("functions") > before

    before = at_work.recoveries("group")
    client.xgroup_destroy(at_work.shard.keys.work, WORK_GROUP)
    at_work.flows()
    assert at_work.recoveries("group") > before

    before = at_work.recoveries("functions")
    pipeline = client.pipeline(transaction=True)  # so that nobody comes in between
    pipeline.flushall()
    pipeline.execute_command("FUNCTION", "FLUSH", "SYNC")
    pipeline.execute()
    at_work.flows()
    assert at_work.recoveries("functions") > before


@pytest.mark.timeout(300)
def test_a_server_without_memory_drains_and_takes_frames_again_when_it_has_some(at_work: AtWork) -> None:
    at_work.shard.client.config_set("maxmemory", 1)
    wait_until(lambda: at_work.offered("out_of_memory") > 0, seconds=60, what="frames are refused")
    wait_until(lambda: (status := at_work.status()) and status.in_flight == 0, seconds=60, what="all has drained")
    status = at_work.status()
    assert status is not None
    assert status.admitted == sum(status.outcomes.values())
    assert status.outcomes[Outcome.DEAD] == 0
    at_work.shard.client.config_set("maxmemory", 0)
    at_work.flows()
