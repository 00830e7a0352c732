"""The proxy in front of a real server."""

from __future__ import annotations

import pytest
import redis

from posestream.broker import connect
from tests.chaos.proxy import CuttingProxy
from tests.servers import Server, free_port


def test_a_reply_that_is_cut_is_lost_though_the_command_took_effect(server: Server, prefix: str) -> None:
    with CuttingProxy(server.port, seed=1) as proxy:
        client = connect(proxy.url, name="test")
        assert client.incr(prefix) == 1
        proxy.cut_replies(1)
        with pytest.raises(redis.exceptions.ConnectionError):
            client.incr(prefix)
        assert client.incr(prefix) == 3
        assert proxy.cut == 1
        client.close()


def test_a_server_that_is_away_is_a_connection_that_ends() -> None:
    with CuttingProxy(free_port(), seed=1) as proxy, pytest.raises(redis.exceptions.ConnectionError):
        connect(proxy.url, name="test").ping()
