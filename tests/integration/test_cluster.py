"""A Cluster of three nodes with shards on each: every role finds its node, and goes on when one has restarted."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from posestream import subscribe
from posestream.broker import PoseLog, Shard, ShardOperations, connect, read_topology
from posestream.errors import BrokerUnavailableError
from posestream.keys import FrameId, Topology
from tests.contract.roles import LOSSLESS, Roles
from tests.fleet import wait_until
from tests.integration.command_line import CommandLine
from tests.publishing import Stage
from tests.servers import EmbeddedValkey, ValkeyCluster
from tests.slots import Workers
from tests.unit.posestream_service.services import Services
from tests.unit.producer.media import write_video
from tests.unit.producer.processes import Producers

SHARDS = 4  # the first that are spread over all nodes
FRAMES = 40


@pytest.fixture
def cluster() -> Iterator[ValkeyCluster]:
    with ValkeyCluster() as started:
        yield started


@pytest.fixture
def topology(cluster: ValkeyCluster, prefix: str) -> Topology:
    """Several shards on three nodes, and a camera on each shard."""
    client = connect(cluster.nodes[0].url, name="test")
    client.hset(f"{prefix}:config", mapping={"shards": SHARDS} | {f"camera:cam-{n}": n for n in range(SHARDS)})
    topology = read_topology(client, prefix)
    assert {cluster.node_of(keys.work) for keys in topology.all_keys()} == set(cluster.nodes)
    client.close()
    return topology


def shards(node: EmbeddedValkey, topology: Topology) -> list[Shard]:
    client = connect(node.url, name="test")
    return [Shard(client, keys) for keys in topology.all_keys()]


def test_a_shard_is_reached_from_every_node_with_its_functions_and_its_frames(
    cluster: ValkeyCluster, topology: Topology
) -> None:
    for node in cluster.nodes:
        for number, shard in enumerate(shards(node, topology)):
            shard.prepare()
            assert ShardOperations(shard).status().cameras.keys() <= {f"cam-{number}"}
            home = cluster.node_of(shard.keys.work)
            assert shard.client.connection_pool.connection_kwargs["port"] == home.port
    assert read_topology(connect(cluster.nodes[2].url, name="test"), topology.prefix) == topology


def test_a_frame_that_comes_to_the_wrong_node_first_is_admitted_at_the_next_attempt(
    cluster: ValkeyCluster, topology: Topology
) -> None:
    for shard in shards(cluster.nodes[0], topology):
        shard.prepare()
    keys = topology.keys(0)
    wrong = next(node for node in cluster.nodes if node is not cluster.node_of(keys.work))
    roles = Roles(Shard(connect(wrong.url, name="producer"), keys))
    frame_id = FrameId(int(time.time() * 1000))
    with pytest.raises(BrokerUnavailableError, match="the shard has moved to"):
        roles.offer(0, LOSSLESS, frame_id=frame_id)
    assert roles.admit(0, LOSSLESS, frame_id=frame_id) == frame_id


@pytest.mark.parametrize("group", [None, "work"])
def test_a_subscriber_gets_the_cameras_of_all_nodes(
    cluster: ValkeyCluster, topology: Topology, prefix: str, group: str | None
) -> None:
    names = {f"cam-{number}" for number in range(SHARDS)}
    for node in cluster.nodes:
        with contextlib.ExitStack() as stack:
            stages = [stack.enter_context(Stage(node.url, prefix, number)) for number in range(SHARDS)]
            subscription = stack.enter_context(subscribe(node.url, prefix=prefix, cameras=names, group=group))
            for number, stage in enumerate(stages):
                stage.publish(f"cam-{number}", 2)
            frames = list(islice(subscription, 2 * SHARDS))
        assert {frame.camera for frame in frames} == names
        for name in names:
            first, second = (frame.seq for frame in frames if frame.camera == name)
            assert second == first + 1


@pytest.mark.timeout(500)
def test_all_go_on_when_a_node_has_restarted(
    cluster: ValkeyCluster, topology: Topology, prefix: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    url = cluster.nodes[0].url
    looking = shards(cluster.nodes[0], topology)
    video = write_video(tmp_path / "video.mp4", FRAMES)
    cameras = tmp_path / "cameras.toml"
    cameras.write_text("".join(f'[[camera]]\nname = "cam-{n}"\nsource = "{video}"\n' for n in range(SHARDS)))

    def posed(number: int) -> int:
        try:
            return len(PoseLog(looking[number]).read(f"cam-{number}", FrameId(0), count=1000))
        except BrokerUnavailableError:
            return 0

    for shard in looking:
        shard.prepare()
    with (
        Services(url, prefix, tmp_path) as services,
        Workers(url, topology, slots=SHARDS, pause_s=0.05),
        Producers(url, prefix, tmp_path) as producers,
    ):
        services.start("track", "--lease-ms", "1000")
        producer = producers.start("--cameras", cameras)
        wait_until(lambda: all(posed(n) >= 5 for n in range(SHARDS)), seconds=200, what="poses come from all shards")
        restarted = cluster.node_of(looking[SHARDS - 1].keys.work)
        restarted.kill()
        restarted.start()
        assert producer.end(seconds=200) == 0
        assert producer.output.count(f"{FRAMES} posed") == SHARDS, producer.output
    assert [posed(number) for number in range(SHARDS)] == [FRAMES] * SHARDS
    code, out, _ = CommandLine(cluster.nodes[2].url, prefix, monkeypatch, capsys).call("status", "--json")
    assert (code, len(out.splitlines())) == (0, SHARDS)
