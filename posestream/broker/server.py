"""What a server says of itself: memory, traffic and load, for those who watch it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from posestream.broker.connection import translated
from posestream.broker.shard import Shard


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """A server at one instant; counters are since its start.

    Attributes:
        memory_bytes: what it uses, as it counts for the limit.
        memory_limit_bytes: `maxmemory`; 0 for no limit.
        clients: connections.
        commands, received_bytes, sent_bytes: counters.
        cpu_s: counter of CPU time, its own and the system's for it.
        evicted_keys: counter; with `noeviction`, which is required, it stays 0.
    """

    memory_bytes: int
    memory_limit_bytes: int
    clients: int
    commands: int
    received_bytes: int
    sent_bytes: int
    cpu_s: float
    evicted_keys: int


def read_server(shard: Shard) -> ServerFacts:
    """Ask the server that has a shard about itself; what it does not say is 0."""
    with translated("asking the server about itself (INFO)"):
        info: Any = shard.client.info("memory", "clients", "stats", "cpu")
    return ServerFacts(
        memory_bytes=int(info.get("used_memory", 0)),
        memory_limit_bytes=int(info.get("maxmemory", 0)),
        clients=int(info.get("connected_clients", 0)),
        commands=int(info.get("total_commands_processed", 0)),
        received_bytes=int(info.get("total_net_input_bytes", 0)),
        sent_bytes=int(info.get("total_net_output_bytes", 0)),
        cpu_s=float(info.get("used_cpu_user", 0)) + float(info.get("used_cpu_sys", 0)),
        evicted_keys=int(info.get("evicted_keys", 0)),
    )
