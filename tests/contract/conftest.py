from __future__ import annotations

from collections.abc import Iterator

import pytest

from posestream.broker import Shard, connect
from posestream.keys import ShardKeys
from tests.contract.roles import Roles
from tests.servers import Server


@pytest.fixture
def roles(shard: Shard) -> Roles:
    return Roles(shard)


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
