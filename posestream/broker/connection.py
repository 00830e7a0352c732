"""Connections: by URL, without hidden retries, with the library's errors translated to ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from posestream.broker import sentinel, tls
from posestream.broker.nodes import NodeClient, Nodes
from posestream.errors import BrokerError, BrokerFullError, BrokerUnavailableError, ConfigurationError
from posestream.keys import Topology, validate_prefix

MAX_BLOCK_MS: Final = 2000
SOCKET_TIMEOUT_S: Final = 5.0  # above every BLOCK, so that a silent server is told from an idle stream
SCHEMES: Final = ("redis://", "rediss://", "unix://", *sentinel.SCHEMES)

_UNAVAILABLE: Final = (
    redis.exceptions.ConnectionError,  # BusyLoadingError, and what a proxy or a restart does to a connection
    redis.exceptions.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.TryAgainError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.AskError,  # the slot is on its way to another node
    redis.exceptions.MasterDownError,
    OSError,
)
_UNAVAILABLE_REPLY: Final = re.compile(
    r"(?:^|caused error: )"  # redis-py puts the latter before a reply to one command of several
    r"(?:LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|MISCONF|READONLY|UNBLOCKED)"
)


def redact(url: str) -> str:
    """Return a URL without its user and password, fit for a log."""
    url = re.sub(r"([?&](?:sentinel_)?(?:username|password)=)[^&]*", r"\1***", url)
    # Up to the last @, as a password may hold one, or a slash, that should have been percent-encoded.
    return re.sub(r"//.*@", "//***@", url, flags=re.DOTALL)


def connect(url: str, *, name: str) -> redis.Redis:
    """Return a client for a URL with one of `SCHEMES`; nothing is sent before the first command.

    The client never repeats a command by itself, but one that a Cluster's node has declined for another: a repeated
    XREADGROUP would skip the entry whose reply was lost, and what may be repeated is known only to the caller.

    Raises:
        ConfigurationError: the URL is not one of those, or one of its options or certificates is no good.
    """
    if not url.startswith(SCHEMES):
        raise ConfigurationError(f"Redis URL {redact(url)!r}: expected one that starts with {', '.join(SCHEMES)}")
    options: dict[str, Any] = {
        "client_name": re.sub(r"[^!-~]", "-", name),
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": SOCKET_TIMEOUT_S,
    }
    if not url.startswith("unix://"):
        options["socket_keepalive"] = True
    try:
        make_pool: Any = sentinel.pool_of if sentinel.names_sentinels(url) else _pool_of
        pool = make_pool(url, options)
        pool.connection_class(**pool.connection_kwargs)  # does not connect, but knows its options
    except TypeError as error:
        option = str(error).rpartition(" ")[2]
        raise ConfigurationError(f"Redis URL {redact(url)!r}: it can not have the option {option}") from error
    except (ValueError, redis.exceptions.RedisError) as error:
        if redact(url) == url:
            raise ConfigurationError(f"Redis URL {url!r}: {error}") from error
        # The cause may quote a piece of a password that was taken for the port.
        raise ConfigurationError(
            f"Redis URL {redact(url)!r}: the port or an option is wrong, or a user or password is not percent-encoded"
        ) from None
    try:
        tls.check_files(pool.connection_kwargs)
    except ConfigurationError as error:
        raise ConfigurationError(f"Redis URL {redact(url)!r}: {error}") from error
    return NodeClient.of(Nodes(pool))


def _pool_of(url: str, options: dict[str, Any]) -> redis.ConnectionPool:
    return redis.ConnectionPool.from_url(url, **options)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn redis-py's errors into ours; `doing` says what was being done."""
    try:
        yield
    except redis.exceptions.AuthenticationError as error:
        raise BrokerError(f"{doing}: the server refuses the user or password ({error})") from error
    except redis.exceptions.NoPermissionError as error:
        raise BrokerError(
            f"{doing}: this user's ACL lacks a permission ({error}); config/users.conf lists what each role needs"
        ) from error
    except redis.exceptions.OutOfMemoryError as error:
        raise BrokerFullError(f"{doing}: the server is out of memory ({error})") from error
    except _UNAVAILABLE as error:
        if (refused := tls.refusal(error)) is not None:
            raise BrokerError(f"{doing}: {refused}") from error
        raise BrokerUnavailableError(f"{doing}: {error or type(error).__name__}") from error
    except redis.exceptions.RedisError as error:
        if _UNAVAILABLE_REPLY.search(str(error)):
            raise BrokerUnavailableError(f"{doing}: {error}") from error
        if "OOM command not allowed" in str(error):
            raise BrokerFullError(f"{doing}: the server is out of memory ({error})") from error
        raise BrokerError(f"{doing}: {error}") from error


def read_topology(client: redis.Redis, prefix: str) -> Topology:
    """Read how many shards there are and which cameras are pinned, from the hash `<prefix>:config`.

    Its fields are `shards` and `camera:<name>`; without the hash there is one shard.

    Raises:
        ConfigurationError: a field is not a whole number, or names a shard that does not exist.
        BrokerUnavailableError: the server can not be reached.
    """
    key = f"{validate_prefix(prefix)}:config"
    with translated(f"reading {key}"):
        stored: dict[bytes, bytes] = client.hgetall(key)  # type: ignore[assignment]
    try:
        numbers = {name.decode(): int(value) for name, value in stored.items()}
    except ValueError as error:
        raise ConfigurationError(f"{key}: expected whole numbers only ({error})") from error
    overrides = {name.removeprefix("camera:"): shard for name, shard in numbers.items() if name.startswith("camera:")}
    return Topology(prefix, numbers.get("shards", 1), overrides)
