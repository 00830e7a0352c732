"""Start-up of every service: wait for the server, learn which shards there are, make them ready."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from posestream.broker import Shard, connect, read_topology
from posestream.broker.clock import ServerClock
from posestream.errors import BrokerUnavailableError, ConfigurationError
from posestream.keys import ShardKeys
from posestream.service.health import Health
from posestream.service.process import Patience, StopSignal


def wait_for_shards(
    url: str,
    prefix: str,
    chosen: Sequence[int],
    *,
    stop: StopSignal,
    health: Health,
    on_error: Callable[[], None],
    clock: ServerClock | None = None,
    told: Callable[[int], None] | None = None,
) -> list[ShardKeys]:
    """Return the chosen shards (all when none are named), prepared; an empty list when asked to stop before.

    A `clock` is set by the server's before this returns, and `told` is called with how many shards there are, chosen or
    not. Nobody looks again: who changes their number starts the processes anew.

    Raises:
        ConfigurationError: a chosen shard does not exist.
    """
    patience = Patience(stop, on_error)
    health.set_ready("broker", "not reached yet")
    client = connect(url, name="start")
    try:
        while not stop.is_set():
            health.beat("start")
            try:
                every = read_topology(client, prefix).all_keys()
                shards = _select(every, chosen)
                for keys in shards:
                    shard = Shard(client, keys)
                    shard.prepare()
                    if clock is not None:
                        shard.observe(clock)
            except BrokerUnavailableError as error:
                patience.failed(error)
            else:
                health.set_ready("broker", None)
                if told is not None:
                    told(len(every))
                return shards
        return []
    finally:
        health.forget("start")
        client.close()


def _select(every: list[ShardKeys], chosen: Sequence[int]) -> list[ShardKeys]:
    absent = [shard for shard in chosen if not 0 <= shard < len(every)]
    if absent:
        raise ConfigurationError(f"shards: there is no shard {absent[0]}, only 0 to {len(every) - 1}")
    return [every[shard] for shard in chosen] or every
