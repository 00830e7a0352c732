"""Sentinel: a server dies, a replica is made the server, and everybody finds it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from posestream.broker import Shard, ShardOperations, connect
from posestream.errors import BrokerUnavailableError, ConfigurationError
from posestream.keys import ShardKeys, Topology
from posestream.messages import Outcome
from tests.fleet import wait_until
from tests.servers import EmbeddedValkey, Server, free_port
from tests.slots import Workers
from tests.unit.posestream_service.services import Services
from tests.unit.producer.media import write_video
from tests.unit.producer.processes import Producers

SERVICE = "poses"
FRAMES = 300


class Watcher(Server):
    """One Sentinel, who decides alone."""

    def __init__(self, primary: Server) -> None:
        super().__init__(EmbeddedValkey()._binary)
        (self.folder / "sentinel.conf").write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 1500\nsentinel failover-timeout {SERVICE} 10000\n"
        )

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{self.port}/{SERVICE}/0"  # the first is not there

    def start(self) -> None:
        command = [self._binary, str(self.folder / "sentinel.conf"), "--sentinel"]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait_until_ready()


@pytest.fixture
def watched() -> Iterator[tuple[EmbeddedValkey, EmbeddedValkey, Watcher]]:
    with EmbeddedValkey() as primary, EmbeddedValkey(replicaof=f"127.0.0.1 {primary.port}") as replica:
        follower = redis.Redis(port=replica.port)
        wait_until(lambda: follower.info("replication")["master_link_status"] == "up", seconds=60, what="link")
        with Watcher(primary) as watcher:
            sentinel = redis.Redis(port=watcher.port, decode_responses=True)
            wait_until(lambda: bool(sentinel.sentinel_slaves(SERVICE)), seconds=60, what="the Sentinel knows of it")
            yield primary, replica, watcher


@pytest.mark.timeout(300)
def test_a_file_goes_on_on_the_replica_when_its_server_dies(
    watched: tuple[EmbeddedValkey, EmbeddedValkey, Watcher], prefix: str, tmp_path: Path
) -> None:
    primary, replica, watcher = watched
    shard = Shard(connect(watcher.url, name="test"), ShardKeys(prefix, 0))
    shard.prepare()

    def posed() -> int:
        try:
            camera = ShardOperations(shard).status().cameras.get("hall")
        except BrokerUnavailableError:
            return 0
        assert camera is None or camera.conserved
        return camera.outcomes[Outcome.POSED] if camera else 0

    with (
        Services(watcher.url, prefix, tmp_path) as services,
        Workers(watcher.url, Topology(prefix), pause_s=0.02),
        Producers(watcher.url, prefix, tmp_path) as producers,
    ):
        services.start("track", "--lease-ms", "1000")
        producer = producers.start(write_video(tmp_path / "video.mp4", FRAMES), "--camera", "hall")
        wait_until(lambda: posed() >= 40, seconds=100, what="poses come")
        primary.kill()

        assert producer.end(seconds=150) == 0
    assert posed() == FRAMES
    assert connected_port(shard) == replica.port
    status = ShardOperations(shard).status().cameras["hall"]
    assert (status.admitted, status.in_flight) == (FRAMES, 0)


def connected_port(shard: Shard) -> int:
    shard.server_ms()
    return int(shard.client.info("server")["tcp_port"])


@pytest.mark.parametrize(
    "url", ["redis+sentinel://127.0.0.1:26379", "redis+sentinel:///poses", "redis+sentinel://a:x/s"]
)
def test_a_url_that_says_too_little_is_named(url: str) -> None:
    with pytest.raises(ConfigurationError, match="Redis URL 'redis\\+sentinel"):
        connect(url, name="test")


def test_passwords_of_watchers_and_server_stay_out_of_messages() -> None:
    url = "redis+sentinel://me:secret@h:1/poses?sentinel_password=hidden&nonsense=1"
    with pytest.raises(ConfigurationError) as raised:
        connect(url, name="test")
    assert "nonsense" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert "hidden" not in str(raised.value)


def test_watchers_that_are_away_make_the_server_unavailable() -> None:
    client = connect(f"redis+sentinel://127.0.0.1:{free_port()}/{SERVICE}", name="test")
    began_s = time.monotonic()
    with pytest.raises(BrokerUnavailableError, match="poses"):
        Shard(client, ShardKeys("x", 0)).server_ms()
    assert time.monotonic() - began_s < 30  # and says so rather than trying on and on
