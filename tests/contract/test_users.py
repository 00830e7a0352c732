"""The users that are shipped: what each role may not do, who brings the functions, and how a missing right is told.

That their rights suffice is shown by the other tests here, which run as these users, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from posestream.broker import Shard, connect, library, read_topology
from posestream.errors import BrokerError, BrokerUnavailableError
from posestream.keys import WORK_GROUP, FrameId, ShardKeys
from posestream.messages import Outcome
from tests.contract.conftest import UserShards
from tests.contract.roles import Roles
from tests.servers import Server
from tests.users import SHIPPED, url_as, write_users

# What each role does not need, of what would hurt most.
DENIED = {
    "producer": [
        ("XREADGROUP", "GROUP", WORK_GROUP, "thief", "STREAMS", "{work}", ">"),
        ("XADD", "{poses}", "1-0", "pose", "forged"),
        ("XRANGE", "{results}", "-", "+"),
        ("HSET", "{tracker}", "epoch", "1"),
        ("HSET", "{config}", "shards", "9"),
        ("XTRIM", "{dead}", "MAXLEN", "0"),
    ],
    "worker": [
        ("XADD", "{poses}", "1-0", "pose", "forged"),
        ("XRANGE", "{results}", "-", "+"),
        ("XRANGE", "{dead}", "-", "+"),
        ("ZADD", "{cameras}", "1", "cam"),
        ("HSET", "{camera}", "source", "forged"),
        ("HSET", "{tracker}", "epoch", "1"),
        ("XGROUP", "DESTROY", "{work}", WORK_GROUP),
    ],
    "tracker": [
        ("XRANGE", "{frames}", "-", "+"),
        ("XRANGE", "{dead}", "-", "+"),
        ("XREADGROUP", "GROUP", WORK_GROUP, "thief", "STREAMS", "{work}", ">"),
        ("ZADD", "{cameras}", "1", "cam"),
        ("UNLINK", "{poses}"),
    ],
    "subscriber": [
        ("XRANGE", "{frames}", "-", "+"),
        ("XRANGE", "{results}", "-", "+"),
        ("HGETALL", "{state}"),
        ("XADD", "{poses}", "*", "pose", "forged"),
        ("XDEL", "{poses}", "1-0"),
        ("FCALL", "posestream1_status", "1", "{work}"),
    ],
    "member": [
        ("XRANGE", "{frames}", "-", "+"),
        ("XRANGE", "{results}", "-", "+"),
        ("HGETALL", "{state}"),
        ("XADD", "{poses}", "*", "pose", "forged"),
        ("XDEL", "{poses}", "1-0"),
        ("XTRIM", "{poses}", "MAXLEN", "0"),
        ("UNLINK", "{poses}"),
        ("XGROUP", "DESTROY", "{poses}", "others"),
        ("XGROUP", "SETID", "{poses}", "others", "0"),
        ("FCALL", "posestream1_status", "1", "{work}"),
    ],
    "viewer": [
        ("XRANGE", "{results}", "-", "+"),
        ("XRANGE", "{work}", "-", "+"),
        ("XRANGE", "{dead}", "-", "+"),
        ("XADD", "{poses}", "*", "pose", "forged"),
        ("XDEL", "{frames}", "1-0"),
        ("HSET", "{state}", "posed", "1"),
        ("HSET", "{camera}", "source", "forged"),
        ("FCALL", "posestream1_status", "1", "{work}"),
    ],
    "operator": [
        ("XREADGROUP", "GROUP", WORK_GROUP, "thief", "STREAMS", "{work}", ">"),
        ("FCALL", "posestream1_publish", "1", "{work}", "1", "1"),
    ],
}
EVERYBODY = [
    ("FLUSHALL",),
    ("CONFIG", "GET", "*"),
    ("ACL", "LIST"),
    ("KEYS", "*"),
    ("EVAL", "return 1", "0"),
    ("FUNCTION", "FLUSH"),
    ("HGETALL", "theirs:config"),
    ("XREAD", "STREAMS", "theirs:{{s0}}:poses:cam", "0"),
    ("FCALL", "theirs", "0"),
]
CALLS = {
    "producer": {"admit", "register", "end", "unfinished", "status", "version"},
    "worker": {"finish", "heartbeat", "release", "reclaim", "retire", "version"},
    "tracker": {"lead", "publish", "try", "status", "version"},
    "subscriber": set(),
    "member": set(),
    "viewer": set(),
    "operator": {"status", "remove", "requeue", "purge", "version"},
}


@pytest.mark.parametrize(
    ("role", "command"), [(role, command) for role, own in DENIED.items() for command in (*own, *EVERYBODY)]
)
def test_a_role_may_not_do_what_it_does_not_need(users: UserShards, role: str, command: tuple[str, ...]) -> None:
    keys = users[role].keys
    names = {kind: getattr(keys, kind)("cam") for kind in ("frames", "poses", "state", "camera")}
    names |= {kind: getattr(keys, kind) for kind in ("work", "results", "dead", "tracker", "cameras")}
    filled = [part.format(config=f"{keys.prefix}:config", **names) for part in command]
    with pytest.raises(redis.exceptions.NoPermissionError):
        users[role].client.execute_command(*filled)


@pytest.mark.parametrize("role", CALLS)
def test_a_role_may_call_its_own_functions_and_no_others(users: UserShards, role: str) -> None:
    allowed = set()
    every = [name.removeprefix("posestream1_") for name in function_names(users)]
    assert set().union(*CALLS.values()) == set(every)
    for name in every:
        try:
            users[role].client.fcall(f"posestream1_{name}", 1, users[role].keys.work)
        except redis.exceptions.NoPermissionError:
            continue
        except redis.exceptions.ResponseError as error:  # it has begun, and misses its arguments
            assert "ACL" not in str(error)  # noqa: PT017
        allowed.add(name)
    assert allowed == CALLS[role]


def function_names(users: UserShards) -> list[str]:
    ((_, _, _, _, _, functions),) = users["operator"].client.function_list(library=library.NAME)
    return [function[1].decode() for function in functions]


def test_everybody_may_ask_where_cameras_are_but_of_this_prefix_alone(users: UserShards) -> None:
    for role in CALLS:
        assert read_topology(users[role].client, users[role].keys.prefix).shards == 1
        with pytest.raises(BrokerError, match=r"theirs:config: this user's ACL lacks a permission.*config/users\.conf"):
            read_topology(users[role].client, "theirs")


# A right that is missing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["XPENDING", "XACK", "MEMORY USAGE", "XADD"])
def test_a_command_that_is_missing_inside_a_function_is_named(shard: Shard, users: UserShards, command: str) -> None:
    roles = Roles(shard, users.__getitem__)
    roles.admit(0)
    token = roles.take()
    users.change("worker", f"-{command.lower().replace(' ', '|')}")
    with pytest.raises(
        BrokerError, match=rf"posestream1_finish: .*lacks a permission, {command} .*users\.conf"
    ) as told:
        roles.worker().finish(token, Outcome.POSED, b"pose")
    assert not isinstance(told.value, BrokerUnavailableError)  # waiting does not help


def test_a_key_that_is_missing_is_told_with_the_command_that_wants_it(shard: Shard, users: UserShards) -> None:
    roles = Roles(shard, users.__getitem__)
    frame_id = roles.admit(0)
    users.change("worker", "resetkeys", f"~{shard.keys.work}")
    with pytest.raises(BrokerError, match="lacks a permission, ZADD or the keys for it"):
        roles.worker().heartbeat([])
    with pytest.raises(BrokerError, match=f"loading frame {frame_id} .*lacks a permission"):
        roles.worker().load(roles.take())


def test_a_tracker_that_may_not_write_poses_loses_none(shard: Shard, users: UserShards) -> None:
    roles = Roles(shard, users.__getitem__)
    roles.admit(0)
    roles.finish_next()
    epoch, release = roles.lead(), roles.release_all()
    users.change("tracker", "-xadd")
    before = roles.snapshot()
    with pytest.raises(BrokerError, match="lacks a permission, XADD"):
        roles.results.publish(epoch, 1000, [release])
    assert roles.snapshot() == before
    users.change("tracker", "+xadd")
    assert roles.results.publish(epoch, 1000, [release]) == 1


# Who brings the functions ---------------------------------------------------------------------------------------------


@pytest.fixture
def own_users(own_server: Server, prefix: str) -> Iterator[UserShards]:
    admin = connect(own_server.url, name="admin")
    created = UserShards(admin, own_server.url, Shard(admin, ShardKeys(prefix, 0)))
    yield created
    created.close()
    admin.close()


@pytest.mark.parametrize("role", ["producer", "worker"])
def test_who_decodes_pictures_waits_for_the_functions_until_the_tracker_has_brought_them(
    own_users: UserShards, role: str
) -> None:
    with pytest.raises(BrokerUnavailableError, match=r"not there.*FUNCTION LOAD.*start a tracker"):
        own_users[role].prepare()
    with pytest.raises(BrokerUnavailableError, match="start a tracker"):
        own_users[role].call("version")
    own_users["tracker"].prepare()
    own_users[role].prepare()
    assert own_users[role].call("version")


def test_the_operator_brings_the_functions_by_looking(own_users: UserShards) -> None:
    Roles(own_users["operator"]).operations.status()
    own_users["worker"].prepare()


def test_who_may_not_upgrade_the_functions_waits_until_the_tracker_has(
    own_users: UserShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = library.source()
    with monkeypatch.context() as patched:
        patched.setattr(library, "source", lambda: ours.replace("VERSION = '1.", "VERSION = '1.0"))
        own_users["tracker"].prepare()
    monkeypatch.setattr(library, "source", lambda: ours.replace("VERSION = '1.", "VERSION = '1.9"))
    with pytest.raises(BrokerUnavailableError, match="older than ours"):
        own_users["worker"].prepare()
    own_users["tracker"].prepare()
    own_users["worker"].prepare()


# The file -------------------------------------------------------------------------------------------------------------


def test_a_server_takes_the_file_and_lets_nobody_in_without_a_name(server: Server, tmp_path: Path, prefix: str) -> None:
    with type(server)(include=str(write_users(tmp_path, prefix))) as guarded:
        nameless = Shard(connect(guarded.url, name="nobody"), ShardKeys(prefix, 0))
        with pytest.raises(BrokerError, match="refuses the user or password"):
            nameless.server_ms()
        tracker = Shard(connect(url_as("tracker", guarded.url), name="tracker"), ShardKeys(prefix, 0))
        tracker.prepare()
        subscriber = Roles(Shard(connect(url_as("subscriber", guarded.url), name="tail"), ShardKeys(prefix, 0)))
        assert subscriber.poses.read("cam", FrameId(0), count=1) == []


def test_a_server_does_not_start_with_the_placeholders(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = type(server)(include=str(SHIPPED))
    monkeypatch.setattr(refusing, "_wait_until_ready", lambda: None)
    refusing.start()
    assert refusing._process is not None
    try:
        assert refusing._process.wait(timeout=60) != 0
        assert "ADMIN" in (refusing.folder / "server.log").read_text()
    finally:
        refusing.stop()
