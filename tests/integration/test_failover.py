"""A replica takes the place of a server that dies, and has not got everything: work goes on, the loss is counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from posestream.broker import CameraStatus, PoseLog, Shard, ShardOperations, connect
from posestream.keys import FrameId, ShardKeys, Topology
from posestream.messages import Outcome, PoseFrame, decode_pose
from tests.fleet import wait_until
from tests.gateway import Gateway
from tests.servers import EmbeddedValkey
from tests.slots import Workers
from tests.unit.posestream_service.services import Services
from tests.unit.producer.media import write_video
from tests.unit.producer.processes import Producers

LOST = 30  # at least so many frames the replica has never heard of
FRAMES = 400


class Pair:
    """A primary with its replica, and the address at which everybody looks for whichever is in charge."""

    def __init__(self, primary: EmbeddedValkey, replica: EmbeddedValkey, gateway: Gateway, prefix: str) -> None:
        self.url = gateway.url
        self._primary, self._replica, self._gateway = primary, replica, gateway
        keys = ShardKeys(prefix, 0)
        self.before, self.after = (Shard(connect(one.url, name="test"), keys) for one in (primary, replica))
        self.after.client.replicaof("127.0.0.1", primary.port)
        wait_until(lambda: self.after.client.info("replication")["master_link_status"] == "up", seconds=60, what="link")

    def fail_over(self) -> set[FrameId]:
        """Let the primary die with what the replica has not got; returns the poses that the replica had by then."""
        self.after.client.replicaof("NO", "ONE")  # by hand, and early: what comes now does not reach it
        kept = set(ids(self.after))
        goal = admitted(self.before) + LOST
        wait_until(lambda: admitted(self.before) >= goal, seconds=60, what="more frames are admitted")
        self._gateway.move(None)
        self._primary.kill()
        self._gateway.move(self._replica.port)
        return kept


def status(shard: Shard) -> CameraStatus | None:
    found = ShardOperations(shard).status().cameras.get("hall")
    assert found is None or found.conserved, found
    return found


def admitted(shard: Shard) -> int:
    return 0 if (found := status(shard)) is None else found.admitted


def ids(shard: Shard) -> list[FrameId]:
    return [frame_id for frame_id, _ in PoseLog(shard).read("hall", FrameId(0), count=100_000)]


def poses(shard: Shard) -> list[PoseFrame]:
    return [decode_pose(packed) for _, packed in PoseLog(shard).read("hall", FrameId(0), count=100_000)]


@pytest.fixture
def pair(prefix: str) -> Iterator[Pair]:
    with EmbeddedValkey() as primary, EmbeddedValkey() as replica, Gateway(primary.port) as gateway:
        pair = Pair(primary, replica, gateway, prefix)
        yield pair
        pair.after.close()
        pair.before.close()


@pytest.fixture
def producers(pair: Pair, prefix: str, tmp_path: Path) -> Iterator[Producers]:
    """On the pair, with a tracker and a worker."""
    with (
        Services(pair.url, prefix, tmp_path) as services,
        Workers(pair.url, Topology(prefix), pause_s=0.03),
        Producers(pair.url, prefix, tmp_path) as producers,
    ):
        services.start("track", "--lease-ms", "1000")
        yield producers


@pytest.mark.timeout(300)
def test_a_file_loses_nothing_as_its_producer_goes_back(pair: Pair, producers: Producers, tmp_path: Path) -> None:
    producer = producers.start(write_video(tmp_path / "video.mp4", FRAMES), "--camera", "hall")
    wait_until(lambda: len(ids(pair.before)) >= 60, seconds=100, what="poses come")
    kept = pair.fail_over()

    assert producer.end(seconds=150) == 0
    assert f"{FRAMES} posed" in producer.output
    assert any("the shard asks for frame" in said for said in producer.messages())
    found = poses(pair.after)
    assert [pose.seq for pose in found] == list(range(1, FRAMES + 1))
    assert len({pose.captured_ms for pose in found}) == FRAMES  # each frame of the file once
    assert [pose.id for pose in found] == sorted({pose.id for pose in found})
    assert kept <= {pose.id for pose in found}


@pytest.mark.timeout(300)
def test_a_cameras_lost_frames_are_counted(pair: Pair, producers: Producers) -> None:
    producer = producers.start("synthetic:?people=0&fps=20&size=160x120", "--camera", "hall")
    wait_until(lambda: len(ids(pair.before)) >= 20, seconds=100, what="poses come")
    kept = pair.fail_over()
    now = FrameId(pair.after.server_ms())
    wait_until(lambda: len([one for one in ids(pair.after) if one > now]) >= 20, seconds=100, what="poses come again")
    found = ids(pair.after)
    assert found == sorted(set(found))
    assert kept <= set(found)

    assert producer.stop(seconds=20) == 0
    said = re.search(r"(\d+) frames admitted: .*?(\d+) lost with the server's memory", producer.output)
    assert said is not None, producer.output
    assert int(said[2]) >= LOST
    counts = status(pair.after)
    assert counts is not None
    assert counts.outcomes[Outcome.POSED] >= 20
