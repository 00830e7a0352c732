"""Start-up on a real server: waiting for it, and learning which shards there are."""

from __future__ import annotations

import threading
import time

import pytest

from posestream.errors import ConfigurationError
from posestream.service.health import Health
from posestream.service.metrics import TrackerMetrics
from posestream.service.process import StopSignal
from posestream.service.shards import wait_for_shards
from tests.servers import EmbeddedValkey, free_port


def wait(url: str, prefix: str, *chosen: int, stop: StopSignal | None = None, health: Health | None = None):
    return wait_for_shards(
        url, prefix, chosen, stop=stop or StopSignal(), health=health or Health(), on_error=lambda: None
    )


def test_without_a_choice_every_shard_is_served_and_ready_for_work(client, redis_url, prefix):
    client.hset(f"{prefix}:config", "shards", 3)
    shards = wait(redis_url, prefix)

    assert [keys.shard for keys in shards] == [0, 1, 2]
    for keys in shards:
        assert [group["name"] for group in client.xinfo_groups(keys.work)] == [b"pose"]


def test_only_the_chosen_shards_are_served(client, redis_url, prefix):
    client.hset(f"{prefix}:config", "shards", 3)

    assert [keys.shard for keys in wait(redis_url, prefix, 2, 0)] == [2, 0]


def test_who_asks_is_told_how_many_shards_there_are_whichever_are_chosen(client, redis_url, prefix):
    client.hset(f"{prefix}:config", "shards", 3)
    metrics = TrackerMetrics()
    assert metrics.registry.get_sample_value("posestream_shards") == 0

    wait_for_shards(
        redis_url,
        prefix,
        [1],
        stop=StopSignal(),
        health=Health(),
        on_error=lambda: None,
        told=metrics.known_shards.set,
    )

    assert metrics.registry.get_sample_value("posestream_shards") == 3


@pytest.mark.parametrize("chosen", [3, -1])
def test_a_shard_that_does_not_exist_is_an_error_at_once(client, redis_url, prefix, chosen):
    client.hset(f"{prefix}:config", "shards", 3)

    with pytest.raises(ConfigurationError, match=f"no shard {chosen}, only 0 to 2"):
        wait(redis_url, prefix, chosen)


def test_a_process_that_waits_for_the_server_turns_and_is_not_ready_until_it_comes(prefix):
    server = EmbeddedValkey()
    server.port = free_port()
    health, stop, found = Health(), StopSignal(), []
    thread = threading.Thread(target=lambda: found.extend(wait(server.url, prefix, stop=stop, health=health)))
    thread.start()
    deadline = time.monotonic() + 10
    while "start" not in health.liveness()[1] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert health.readiness() == (False, {"broker": "not reached yet"})

    with server:
        thread.join(timeout=20)
        assert [keys.shard for keys in found] == [0]
        assert health.readiness() == (True, {})
        assert health.liveness() == (True, {})


def test_a_process_that_is_asked_to_stop_while_it_waits_goes_without_an_error(prefix):
    stop = StopSignal()
    threading.Timer(0.2, stop.set).start()

    assert wait(f"redis://127.0.0.1:{free_port()}/0", prefix, stop=stop) == []
