"""One connection's view of one shard: calling the server functions, and bringing back what a flush took away."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import redis

from posestream.broker import library
from posestream.broker.clock import ServerClock
from posestream.broker.connection import translated
from posestream.broker.nodes import NodeClient
from posestream.errors import BrokerError
from posestream.keys import WORK_GROUP, ShardKeys

_MISSING_FUNCTION: Final = "Function not found"


class Shard:
    """A shard as seen by one thread: its own connection, the shard's keys, and the calls all roles share.

    `on_recovery` is called with "functions" or "group" when one of them had to be made again, as after a flush, a
    failover or a restart without persistence; and with "stray_entry" when a stream held what is none of ours.
    """

    def __init__(
        self, client: redis.Redis, keys: ShardKeys, on_recovery: Callable[[str], None] = lambda what: None
    ) -> None:
        self.client = client.twin() if isinstance(client, NodeClient) else client
        self.keys = keys
        self.on_recovery = on_recovery

    def prepare(self) -> None:
        """Make sure that the functions and the consumer group exist."""
        self.ensure_group()  # first, as this has a key, by which a Cluster tells the node that is to have the functions
        library.ensure_loaded(self.client)

    def ensure_group(self) -> bool:
        """Create the consumer group at 0, so that tokens added before it are delivered too; tells whether it did."""
        with translated(f"creating the consumer group {WORK_GROUP}"):
            try:
                self.client.xgroup_create(self.keys.work, WORK_GROUP, id="0", mkstream=True)
            except redis.exceptions.ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise
                return False
        return True

    def call(self, function: str, *arguments: Any) -> Any:
        """Call a server function with the shard's key.

        Raises:
            BrokerUnavailableError: the server can not be reached; whether the call took effect is not known.
            BrokerError: the server refuses the arguments or the user.
        """
        return self.recovering(
            lambda: self.client.fcall(f"{library.NAME}_{function}", 1, self.keys.work, *arguments),
            doing=f"calling {library.NAME}_{function}",
        )

    def recovering(self, command: Callable[[], Any], *, doing: str) -> Any:
        """Run a command; if functions or group are gone, make them again and run it once more."""
        try:
            with translated(doing):
                return command()
        except BrokerError as error:
            if _MISSING_FUNCTION in str(error):
                library.ensure_loaded(self.client)
                self.on_recovery("functions")
            elif "NOGROUP" in str(error):
                self.ensure_group()
                self.on_recovery("group")
            elif (denied := library.denied_inside(str(error))) is not None:
                raise BrokerError(
                    f"{doing}: this user's ACL lacks a permission, {denied} or the keys for it ({error.__cause__}); "
                    "config/users.conf lists what each role needs"
                ) from error
            else:
                raise
        with translated(doing):
            return command()

    def server_ms(self) -> int:
        """Return the server's clock, Unix milliseconds."""
        with translated("reading the server's clock"):
            seconds, microseconds = self.client.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    def observe(self, clock: ServerClock) -> None:
        """Let an estimate of the server's clock take in its present time."""
        sent_s = time.monotonic()
        clock.observe(self.server_ms(), sent_s, time.monotonic())

    def close(self) -> None:
        """Close the connection."""
        self.client.close()


def text(value: bytes | str | int) -> str:
    """Return one element of a reply as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def text_map(flat: Sequence[Any]) -> dict[str, str]:
    """Return a flat reply of names and values as a dict of texts."""
    return {text(name): text(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}
