"""Connections: no hidden repeats, errors in the project's own terms, secrets kept, replies in every shape."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis

from posestream.broker import Shard, ShardOperations, connect, read_topology, redact
from posestream.broker.connection import MAX_BLOCK_MS, SOCKET_TIMEOUT_S
from posestream.broker.work import stream_entries
from posestream.errors import (
    BrokerError,
    BrokerFullError,
    BrokerUnavailableError,
    ConfigurationError,
)
from posestream.keys import FrameId, ShardKeys, Topology
from posestream.messages import Outcome
from tests.contract.lossy_proxy import LossyProxy
from tests.contract.roles import LIVE, Roles, eventually
from tests.servers import Server, free_port

# No hidden repeats ----------------------------------------------------------------------------------------------------


def test_a_connection_that_is_cut_while_waiting_for_work_is_not_quietly_asked_again(
    server: Server, roles: Roles
) -> None:
    with LossyProxy(server.port) as proxy:
        waiting = Waiting(proxy.url, roles)
        roles.client.client_kill_filter(_id=eventually(waiting.blocked))
        waiting.join()

        assert [type(error) for error in waiting.errors] == [BrokerUnavailableError]
        assert proxy.requests("XREADGROUP") == 1
        admitted = roles.admit(0)
        assert waiting.worker.in_hand() == []
        token = waiting.worker.take(block_ms=1)  # on a connection made anew
        assert token is not None
        assert token.frame_id == admitted


def test_a_frame_whose_reply_is_lost_while_its_worker_waits_is_found_in_its_hand(server: Server, roles: Roles) -> None:
    with LossyProxy(server.port) as proxy:
        proxy.lose_reply_to("XREADGROUP")
        waiting = Waiting(proxy.url, roles)
        eventually(waiting.blocked)
        admitted = roles.admit(0)
        waiting.join()

        assert [type(error) for error in waiting.errors] == [BrokerUnavailableError]
        assert (proxy.lost, proxy.requests("XREADGROUP")) == (1, 1)
        (token,) = waiting.worker.in_hand()
        assert token.frame_id == admitted
        assert roles.deliveries() == {token.id: 1}


class Waiting:
    """A worker that waits for work in a thread of its own."""

    def __init__(self, url: str, roles: Roles) -> None:
        self.name = f"waiting-{roles.keys.prefix}"
        self.worker = Roles(Shard(connect(url, name=self.name), roles.keys)).worker(self.name)
        self.errors: list[BrokerError] = []
        self._client = roles.client
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def blocked(self) -> int | None:
        """The connection's number, once the server has it waiting."""
        listed: Any = self._client.client_list()
        own = [one for one in listed if one["name"] == self.name and one["cmd"] == "xreadgroup" and "b" in one["flags"]]
        return int(own[0]["id"]) if own else None

    def join(self) -> None:
        self._thread.join(timeout=20)

    def _take(self) -> None:
        try:
            self.worker.take(block_ms=2000)
        except BrokerError as error:
            self.errors.append(error)


@pytest.mark.parametrize("command", ["TIME", "posestream1_lead"])
def test_a_call_whose_reply_is_lost_is_sent_once(server: Server, roles: Roles, command: str) -> None:
    with LossyProxy(server.port) as proxy:
        behind = Roles(Shard(connect(proxy.url, name="behind"), roles.keys))
        proxy.lose_reply_to(command)
        with pytest.raises(BrokerUnavailableError):
            behind.shard.server_ms() if command == "TIME" else behind.lead()
        assert proxy.requests(command) == 1
        assert behind.shard.server_ms() > 0


def test_a_silent_server_is_told_from_an_idle_stream() -> None:
    assert SOCKET_TIMEOUT_S * 1000 > 2 * MAX_BLOCK_MS


def test_waiting_is_cut_to_what_the_socket_timeout_allows(server: Server, prefix: str) -> None:
    with LossyProxy(server.port) as proxy:
        shard = Shard(connect(proxy.url, name="patient"), ShardKeys(prefix, 0))
        shard.prepare()
        roles = Roles(shard)
        roles.admit(0)
        roles.worker().take(block_ms=3_600_000)
        assert proxy.requests(f"BLOCK\r\n${len(str(MAX_BLOCK_MS))}\r\n{MAX_BLOCK_MS}\r\n") == 1


# URLs -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["", "localhost:6379", "http://host", "rediss//host", "REDIS"])
def test_a_url_of_another_kind_is_a_configuration_error_that_says_what_is_expected(url: str) -> None:
    with pytest.raises(ConfigurationError, match="redis://, rediss://, unix://"):
        connect(url, name="test")


@pytest.mark.parametrize(
    "url",
    ["redis://host:port", "redis://host:70000", "redis://host?socket_timeout=long", "redis://host?ssl_ca_certs=ca.pem"],
)
def test_a_url_that_makes_no_sense_is_a_configuration_error_with_the_url(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        connect(url, name="test")
    assert url in str(caught.value)


@pytest.mark.parametrize("url", ["redis://localhost", "rediss://user:pw@host:1/2", "unix:///run/redis.sock?db=1"])
def test_connecting_sends_nothing_yet(url: str) -> None:
    connect(url, name="any name with spaces\n").close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://:secret@host/0", "redis://***@host/0"),
        ("rediss://user:secret@host:6379/0", "rediss://***@host:6379/0"),
        ("redis://user@host", "redis://***@host"),
        ("redis://user:sec@ret@host", "redis://***@host"),
        ("redis://:sec/ret@host", "redis://***@host"),
        ("redis://:sec?r#et@host", "redis://***@host"),
        ("unix://user:secret@/run/redis.sock", "unix://***@/run/redis.sock"),
        (
            "unix:///run/redis.sock?username=me&password=secret&db=2",
            "unix:///run/redis.sock?username=***&password=***&db=2",
        ),
        ("redis://host?password=sec@ret", "redis://host?password=***"),
    ],
)
def test_a_url_is_shown_without_user_and_password(url: str, shown: str) -> None:
    assert redact(url) == shown


@pytest.mark.parametrize(
    "url", ["http://user:secret@host", "redis://:sec/ret@host", "redis://:sec#ret@host", "redis://:secret@host:port"]
)
def test_an_error_about_a_url_does_not_tell_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        connect(url, name="test")
    told = f"{caught.value} {caught.value.__cause__}"
    assert "sec" not in told
    assert "ret@" not in told


# Errors ---------------------------------------------------------------------------------------------------------------


def test_a_server_that_is_not_there_is_unavailable(prefix: str) -> None:
    shard = Shard(connect(f"redis://127.0.0.1:{free_port()}/0", name="test"), ShardKeys(prefix, 0))
    for attempt in (shard.prepare, shard.server_ms, ShardOperations(shard).status, Roles(shard).worker().in_hand):
        with pytest.raises(BrokerUnavailableError):
            attempt()


def test_a_server_that_stopped_is_unavailable_until_it_is_back(own_server: Server, own_roles: Roles) -> None:
    own_server.kill()
    with pytest.raises(BrokerUnavailableError):
        own_roles.shard.server_ms()
    own_server.start()
    assert own_roles.shard.server_ms() > 0


def test_a_replica_that_takes_no_writes_is_unavailable(own_server: Server, own_roles: Roles) -> None:
    own_roles.client.execute_command("REPLICAOF", "127.0.0.1", free_port())
    with pytest.raises(BrokerUnavailableError):
        own_roles.offer(0)
    with pytest.raises(BrokerUnavailableError):
        own_roles.lead()


@pytest.fixture
def reader(server: Server, client: redis.Redis) -> Iterator[str]:
    """URL of a user who may read and nothing else."""
    name = f"reader-{uuid.uuid4().hex[:8]}"
    client.execute_command("ACL", "SETUSER", name, "on", ">secret", "~*", "+@read", "+@connection")
    yield server.url.replace("//", f"//{name}:secret@")
    client.execute_command("ACL", "DELUSER", name)


def test_a_user_without_a_permission_is_told_that_it_is_the_acl(reader: str, prefix: str) -> None:
    shard = Shard(connect(reader, name="test"), ShardKeys(prefix, 0))
    with pytest.raises(BrokerError, match="ACL lacks a permission") as caught:
        Roles(shard).lead()
    assert not isinstance(caught.value, BrokerUnavailableError)  # waiting does not help
    assert Roles(shard).poses.read("cam", FrameId(0), count=1) == []


def test_a_wrong_password_is_told_and_not_waited_for(server: Server, reader: str, prefix: str) -> None:
    shard = Shard(connect(reader.replace("secret", "wrong"), name="test"), ShardKeys(prefix, 0))
    with pytest.raises(BrokerError, match="refuses the user or password") as caught:
        shard.server_ms()
    assert not isinstance(caught.value, BrokerUnavailableError)


def test_a_key_of_the_wrong_type_is_an_error_and_not_an_outage(roles: Roles) -> None:
    roles.client.set(roles.keys.results, "text")
    with pytest.raises(BrokerError, match="WRONGTYPE") as caught:
        roles.results.read(FrameId(0), count=1)
    assert not isinstance(caught.value, BrokerUnavailableError)


def test_a_full_server_is_a_kind_of_unavailable_server() -> None:
    assert issubclass(BrokerFullError, BrokerUnavailableError)  # so that producers wait for it in one place


# Topology -------------------------------------------------------------------------------------------------------------


def test_without_a_configuration_there_is_one_shard(client: redis.Redis, prefix: str) -> None:
    assert read_topology(client, prefix) == Topology(prefix, 1, {})


def test_shards_and_pinned_cameras_are_read(client: redis.Redis, prefix: str) -> None:
    client.hset(f"{prefix}:config", mapping={"shards": 4, "camera:lobby": 3, "later": 1})
    topology = read_topology(client, prefix)
    assert topology == Topology(prefix, 4, {"lobby": 3})
    assert topology.keys_of("lobby").work == f"{prefix}:{{s3}}:work"


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"shards": "many"}, "whole numbers"),
        ({"shards": "0"}, "at least 1"),
        ({"camera:lobby": "1"}, "no shard 1"),
        ({"camera:lobby": "-1"}, "no shard -1"),
        ({b"camera:\xff": "0"}, "whole numbers"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_an_error_with_the_key(
    client: redis.Redis, prefix: str, stored: dict[str | bytes, str], said: str
) -> None:
    client.hset(f"{prefix}:config", mapping=stored)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=f"{prefix}:config.*{said}"):
        read_topology(client, prefix)


# Shapes of replies ----------------------------------------------------------------------------------------------------

ENTRY = (b"1-0", {b"field": b"value"})


@pytest.mark.parametrize(
    ("reply", "entries"),
    [
        (None, []),
        ([], []),
        ({}, []),
        ([[b"stream", [ENTRY]]], [ENTRY]),  # RESP2
        ([[b"stream", []]], []),
        ({b"stream": [ENTRY, ENTRY]}, [ENTRY, ENTRY]),
        ({b"stream": [[ENTRY, ENTRY]]}, [ENTRY, ENTRY]),  # RESP3, nested once more
        ({b"stream": [[]]}, []),
    ],
)
def test_entries_are_found_in_every_shape_that_redis_py_gives_them(reply: Any, entries: list[Any]) -> None:
    assert stream_entries(reply) == entries


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_frame_goes_all_the_way_by_either_protocol(server: Server, prefix: str, protocol: int) -> None:
    client = redis.Redis(port=server.port, protocol=protocol)
    shard = Shard(client, ShardKeys(prefix, 0))
    shard.prepare()
    roles = Roles(shard)
    frame_id = roles.admit(0, replace(LIVE, max_age_ms=5))
    token = roles.take()

    assert roles.worker().in_hand() == [replace(token)]
    assert roles.worker().load(token)[1] is not None
    assert roles.worker().heartbeat([token]) == {token.id}
    roles.worker().release(token, 3)
    assert roles.worker().stranded(60_000)
    assert roles.worker().reclaim(60_000, 3) == token
    assert roles.worker().take(block_ms=1) is None
    assert roles.worker().finish(token, Outcome.POSED, b"pose")
    assert [record.frame_id for record in roles.results.read(FrameId(0), count=5, block_ms=1)] == [frame_id]
    assert roles.publish_all() == 1
    assert roles.poses.read("cam", FrameId(0), count=5, block_ms=1) == [(frame_id, b"pose")]
    assert roles.poses.newest({"cam": None})["cam"].id == frame_id
    status = roles.operations.status().cameras["cam"]
    assert (status.admitted, status.outcomes[Outcome.POSED], status.conserved) == (1, 1, True)
    assert roles.operations.descriptions() == {"cam": {}}
    client.close()
