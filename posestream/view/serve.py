"""Serving the viewer: the socket, the server's life, and what is said on the terminal."""

from __future__ import annotations

import signal
import socket
import ssl
from pathlib import Path

import uvicorn

from posestream.broker import connect, read_topology
from posestream.errors import BrokerUnavailableError, ConfigurationError
from posestream.view.access import LEAST_TOKEN, Gate, is_loopback, read_origin
from posestream.view.app import create_app

_MAX_MESSAGE_BYTES = 64 * 1024  # from a page


def check_reachable(url: str, prefix: str) -> str | None:
    """Look whether the server is there; returns why not, which is waited out.

    Raises:
        BrokerError: it refuses the user or a command.
        ConfigurationError: the URL or the configuration in the server is wrong.
    """
    client = connect(url, name="view")
    try:
        read_topology(client, prefix)
    except BrokerUnavailableError as error:
        return str(error)
    finally:
        client.close()
    return None


def gate_for(host: str, token: str | None, origins: tuple[str, ...]) -> Gate:
    """Return what is asked of who looks.

    Raises:
        ConfigurationError: others could look without a token, it is too easily guessed, or an origin is none.
    """
    if token is None and not is_loopback(host):
        raise ConfigurationError(
            f"--host {host}: others can reach the viewer there, so give a --token (POSESTREAM_TOKEN); "
            "`python -c 'import secrets; print(secrets.token_urlsafe())'` makes one"
        )
    if token is not None and len(token) < LEAST_TOKEN:
        raise ConfigurationError(f"--token: give at least {LEAST_TOKEN} characters, so that nobody guesses it")
    return Gate(token, frozenset(map(read_origin, origins)))


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ConfigurationError: the address can not be listened on.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(128)
    except OSError as error:
        raise ConfigurationError(f"--host {host} --port {port}: {error.strerror or error}") from error
    return bound


def serve(
    bound: socket.socket, url: str, prefix: str, gate: Gate, *, certificate: Path | None = None, key: Path | None = None
) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: certificate or key can not be used.
    """
    failures: list[BaseException] = []

    def on_failure(failure: BaseException) -> None:
        failures.append(failure)
        server.should_exit = True

    config = uvicorn.Config(
        create_app(url, prefix, gate, on_failure),
        ws="websockets-sansio",
        ws_max_size=_MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # pictures do not get smaller
        access_log=False,  # an address may hold a token
        log_config=None,
        server_header=False,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_graceful_shutdown=1,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"--tls-cert {certificate}: {error}") from error
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # uvicorn sends itself again what has ended it
    server = uvicorn.Server(config)
    server.run(sockets=[bound])
    if failures:
        raise failures[0]
