"""Redis Cluster: a shard's commands go to the node that has the shard, wherever the URL leads.

All of a shard's keys are in one slot, so that one plain connection to one node serves it. A node that has not got the
shard says who has (MOVED) and does nothing else, so that following it repeats nothing. Without a Cluster nobody does.
"""

from __future__ import annotations

from typing import Any, Self

import redis
from redis.client import Pipeline
from redis.exceptions import ConnectionError, MovedError, TimeoutError  # noqa: A004 - redis-py's own


class Nodes:
    """The servers that a client knows, each with its pool of connections: `home`, where the URL leads, and others."""

    def __init__(self, home: redis.ConnectionPool) -> None:
        self.home = home
        self._others: dict[tuple[str, int], redis.ConnectionPool] = {}

    def named_by(self, moved: MovedError) -> redis.ConnectionPool:
        """Return the connections to the node that has what was asked for."""
        address = (moved.host or self.home.connection_kwargs["host"], moved.port)
        if address not in self._others:
            options = self.home.connection_kwargs | {"host": address[0], "port": address[1]}
            self._others[address] = redis.ConnectionPool(connection_class=self.home.connection_class, **options)
        return self._others[address]

    def disconnect(self) -> None:
        """Close all connections."""
        for pool in (self.home, *self._others.values()):
            pool.disconnect()


class NodeClient(redis.Redis):
    """A client that moves to the node which has what it asks for, and back to where the URL leads when that is lost."""

    nodes: Nodes

    @classmethod
    def of(cls, nodes: Nodes) -> Self:
        """Return a client that asks at home first."""
        client = cls(connection_pool=nodes.home)
        client.nodes = nodes
        return client

    def twin(self) -> Self:
        """Return a client for another shard, which shares the connections; for the same thread."""
        return self.of(self.nodes)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command; to another node where this one says that it has not got the key."""
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except MovedError as moved:
            self.connection_pool = self.nodes.named_by(moved)
        except (ConnectionError, TimeoutError, OSError):
            self.connection_pool = self.nodes.home
            raise
        return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        """Return a pipeline to the node that this client is at."""
        pipeline = _NodePipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipeline.owner = self
        return pipeline

    def close(self) -> None:
        """Close all connections, those of its twins, too."""
        self.nodes.disconnect()

    def __del__(self) -> None:
        """Leave the connections to their other users."""


class _NodePipeline(Pipeline):
    owner: NodeClient

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Send everything; where the shard has moved, find out where to and fail as for a connection that was lost."""
        try:
            return super().execute(raise_on_error)
        except MovedError as moved:
            self.owner.connection_pool = self.owner.nodes.named_by(moved)
            raise ConnectionError(f"the shard has moved to {moved.host}:{moved.port}") from moved
        except (ConnectionError, TimeoutError, OSError):
            self.owner.connection_pool = self.owner.nodes.home
            raise
