"""Redis Sentinel: URLs that name the watchers instead of the server, who are asked which one is in charge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis
from redis.connection import SSLConnection, parse_url
from redis.sentinel import Sentinel, SentinelConnectionPool

SCHEMES: Final = ("redis+sentinel://", "rediss+sentinel://")
DEFAULT_PORT: Final = 26379
_OWN: Final = "sentinel_"  # options of the URL that are for the watchers, not for the server


def names_sentinels(url: str) -> bool:
    """Tell whether a URL is `redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST…]/SERVICE[/DB]`, or with `rediss`."""
    return url.startswith(SCHEMES)


def pool_of(url: str, options: Mapping[str, Any]) -> redis.ConnectionPool:
    """Return connections to whichever server the watchers say is in charge, asked anew for each connection.

    User, password and TLS options are for the server; `sentinel_username` and `sentinel_password` for the watchers, who
    are reached with TLS where the server is.

    Raises:
        ValueError: the URL names no service, or a port is none.
    """
    parts = urlsplit(url)
    user, _, addresses = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("name the service that the Sentinels watch: redis+sentinel://HOST:26379/SERVICE")
    given = dict(parse_qsl(parts.query))
    own = {name.removeprefix(_OWN): given.pop(name) for name in list(given) if name.startswith(_OWN)}
    scheme = parts.scheme.removesuffix("+sentinel")
    plain = f"{scheme}://{user}{'@' if user else ''}server/{database}?{urlencode(given)}"
    settings: dict[str, Any] = {**options, **parse_url(plain)}  # type: ignore[no-untyped-call]
    del settings["host"]
    encrypted = settings.pop("connection_class", None) is SSLConnection
    tls = {name: value for name, value in settings.items() if name.startswith("ssl_")} | {"ssl": encrypted}
    watchers = Sentinel(  # type: ignore[no-untyped-call]
        [_address(address) for address in addresses.split(",")], sentinel_kwargs={**options, **tls, **own}
    )
    return SentinelConnectionPool(service, watchers, ssl=encrypted, **settings)  # type: ignore[no-untyped-call]


def _address(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(f"{text!r} is no address of a Sentinel")
    return parts.hostname, parts.port or DEFAULT_PORT
