from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from posestream.broker import Shard, connect
from posestream.keys import ShardKeys
from tests.contract.roles import Roles
from tests.servers import Server
from tests.users import ROLES, rules, url_as


class UserShards:
    """Each role's user with the rights that are shipped for it, and its shard on a connection of its own."""

    def __init__(self, admin: redis.Redis, url: str, shard: Shard) -> None:
        self._admin = admin
        self._url = url
        self._prefix = shard.keys.prefix
        self._shards: dict[str, Shard] = {}
        for role in ROLES:
            self.change(role, "reset", *rules(role, self._prefix))
            client = connect(url_as(role, url, self._name(role)), name=role)
            recovered = lambda what: shard.on_recovery(what)  # noqa: E731, PLW0108 - tests put their own there
            self._shards[role] = Shard(client, shard.keys, on_recovery=recovered)

    def __getitem__(self, role: str) -> Shard:
        return self._shards[role]

    def change(self, role: str, *changes: str) -> None:
        """Give a user other rights."""
        self._admin.execute_command("ACL", "SETUSER", self._name(role), *changes)

    def _name(self, role: str) -> str:
        return f"{role}-of-{self._prefix}"

    def close(self) -> None:
        for role, shard in self._shards.items():
            shard.close()
            self._admin.execute_command("ACL", "DELUSER", self._name(role))


@pytest.fixture
def users(client: redis.Redis, redis_url: str, shard: Shard) -> Iterator[UserShards]:
    created = UserShards(client, redis_url, shard)
    yield created
    created.close()


@pytest.fixture(params=["one user may all", "each role is a user"])
def roles(request: pytest.FixtureRequest, shard: Shard) -> Roles:
    """All roles, either as the user who may do everything or each with no more rights than are shipped for it."""
    if request.param == "one user may all":
        return Roles(shard)
    return Roles(shard, request.getfixturevalue("users").__getitem__)


@pytest.fixture
def own_server(server: Server) -> Iterator[Server]:
    """A server of the chosen kind that the test may flush, fill and restart."""
    with type(server)() as own:
        yield own


@pytest.fixture
def own_roles(own_server: Server, prefix: str) -> Iterator[Roles]:
    shard = Shard(connect(own_server.url, name="test"), ShardKeys(prefix, 0))
    shard.prepare()
    yield Roles(shard)
    shard.close()
