"""What a server says of itself."""

from __future__ import annotations

from posestream.broker import Shard, read_server


def test_a_server_tells_its_memory_its_traffic_and_its_work(shard: Shard) -> None:
    before = read_server(shard)
    shard.client.set(f"{shard.keys.prefix}:filler", b"x" * 1_000_000)
    after = read_server(shard)

    assert after.memory_bytes - before.memory_bytes > 900_000
    assert after.received_bytes - before.received_bytes > 900_000
    assert after.commands > before.commands
    assert after.sent_bytes > before.sent_bytes
    assert 0 < before.cpu_s <= after.cpu_s
    assert after.clients >= 1
    assert (after.memory_limit_bytes, after.evicted_keys) == (0, 0)
    shard.client.delete(f"{shard.keys.prefix}:filler")


def test_a_limit_of_memory_is_told(shard: Shard) -> None:
    shard.client.config_set("maxmemory", 3_000_000_000)
    try:
        assert read_server(shard).memory_limit_bytes == 3_000_000_000
    finally:
        shard.client.config_set("maxmemory", 0)
