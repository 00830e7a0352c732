"""Servers for the tests: a real Valkey from PyPI, and Debian's Redis 7 where `make test-system` has installed it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
import redis

from posestream.broker import Shard, connect
from posestream.keys import ShardKeys
from tests.servers import DebianRedis, EmbeddedValkey, Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for the whole run; tests keep apart by their key prefix."""
    chosen = DebianRedis() if os.environ.get("POSESTREAM_TEST_SERVER") == "redis" else EmbeddedValkey()
    with chosen:
        yield chosen


@pytest.fixture
def redis_url(server: Server) -> str:
    return server.url


@pytest.fixture
def prefix() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    connection = connect(redis_url, name="test")
    yield connection
    connection.close()


@pytest.fixture
def shard(client: redis.Redis, prefix: str) -> Shard:
    """A fresh, prepared shard."""
    prepared = Shard(client, ShardKeys(prefix, 0))
    prepared.prepare()
    return prepared
