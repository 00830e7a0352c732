"""The library of server functions: loaded when missing, replaced only by a higher minor version, brought back."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
import redis

from posestream.broker import ShardOperations, connect, library
from posestream.errors import BrokerError
from posestream.keys import FrameId
from posestream.messages import Outcome
from tests.contract.roles import Roles
from tests.servers import Server


@pytest.fixture
def fresh(own_server: Server) -> Iterator[redis.Redis]:
    client = connect(own_server.url, name="test")
    yield client
    client.close()


def load_as(monkeypatch: pytest.MonkeyPatch, client: redis.Redis, minor: int) -> bool:
    lua = re.sub(r"^local VERSION = '1\.\d+'$", f"local VERSION = '1.{minor}'", library.source(), flags=re.MULTILINE)
    with monkeypatch.context() as patched:
        patched.setattr(library, "source", lambda: lua)
        return library.ensure_loaded(client)


def version(client: redis.Redis) -> bytes:
    answer: bytes = client.fcall("posestream1_version", 1, "p:{s0}:work")  # type: ignore[assignment]
    return answer


def test_the_library_declares_the_version_that_it_answers(client: redis.Redis, prefix: str) -> None:
    library.ensure_loaded(client)
    assert version(client) == f"1.{library.minor_version(library.source())}".encode()


def test_a_library_without_a_version_is_an_error() -> None:
    with pytest.raises(BrokerError, match="does not declare its version"):
        library.minor_version("#!lua name=posestream1")


def test_a_missing_library_is_loaded_once(fresh: redis.Redis) -> None:
    assert library.ensure_loaded(fresh) is True
    assert library.ensure_loaded(fresh) is False


def test_a_higher_minor_version_replaces_and_the_same_or_a_lower_one_does_not(
    monkeypatch: pytest.MonkeyPatch, fresh: redis.Redis
) -> None:
    assert load_as(monkeypatch, fresh, 3) is True
    assert load_as(monkeypatch, fresh, 3) is False
    assert load_as(monkeypatch, fresh, 2) is False
    assert version(fresh) == b"1.3"
    assert load_as(monkeypatch, fresh, 10) is True
    assert version(fresh) == b"1.10"
    assert load_as(monkeypatch, fresh, 9) is False


def test_other_libraries_on_the_server_are_left_alone(fresh: redis.Redis) -> None:
    fresh.function_load("#!lua name=theirs\nredis.register_function('theirs', function() return 1 end)")
    library.ensure_loaded(fresh)
    assert fresh.fcall("theirs", 0) == 1


def test_whoever_is_second_in_a_race_to_load_goes_on(monkeypatch: pytest.MonkeyPatch, fresh: redis.Redis) -> None:
    first = connect_like(fresh)
    listed = fresh.function_list

    def list_and_be_overtaken(**options: object) -> object:
        answer = listed(**options)  # type: ignore[arg-type]
        assert library.ensure_loaded(first) is True
        return answer

    monkeypatch.setattr(fresh, "function_list", list_and_be_overtaken)
    assert library.ensure_loaded(fresh) is False
    first.close()


def test_many_processes_may_load_at_once(fresh: redis.Redis) -> None:
    start = threading.Barrier(6)
    loaded: list[bool] = []

    def load() -> None:
        client = connect_like(fresh)
        start.wait(timeout=20)
        loaded.append(library.ensure_loaded(client))
        client.close()

    threads = [threading.Thread(target=load) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(loaded) == [False] * 5 + [True]


def test_every_role_goes_on_after_the_server_lost_everything(own_roles: Roles) -> None:
    told: list[str] = []
    own_roles.shard.on_recovery = told.append
    own_roles.admit(0)
    before = own_roles.take()
    epoch = own_roles.lead()

    def lose_everything() -> None:
        own_roles.client.flushall()
        own_roles.client.function_flush("SYNC")

    lose_everything()
    first = own_roles.admit(0)
    assert first > before.frame_id
    token = own_roles.take()
    assert told == ["functions", "group"]
    own_roles.client.function_flush("SYNC")
    assert own_roles.worker().heartbeat([token]) == {token.id}
    own_roles.client.function_flush("SYNC")
    assert own_roles.worker().finish(token, Outcome.POSED, b"pose")
    own_roles.client.function_flush("SYNC")
    assert own_roles.lead() > epoch
    own_roles.client.function_flush("SYNC")
    assert own_roles.publish_all() == 1
    assert own_roles.poses.newest({"cam": None})["cam"].id == first

    for last_step in (
        lambda: ShardOperations(own_roles.shard).status(),
        lambda: own_roles.worker().reclaim(0, 3),
        lambda: own_roles.intake.register("cam", "producer", 1000),
        lambda: own_roles.results.read(FrameId(0), count=1),
        lambda: own_roles.worker().in_hand(),
    ):
        lose_everything()
        last_step()


def test_every_role_goes_on_after_a_restart_without_persistence(own_server: Server, own_roles: Roles) -> None:
    own_roles.admit(0)
    own_server.kill()
    own_server.start()
    own_roles.shard.client.connection_pool.disconnect()
    admitted = own_roles.admit(0)
    assert own_roles.take().frame_id == admitted


def connect_like(client: redis.Redis) -> redis.Redis:
    port = client.connection_pool.connection_kwargs["port"]
    return connect(f"redis://127.0.0.1:{port}/0", name="another")
