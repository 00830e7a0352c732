"""`posestream view`: a page to watch, and poses as JSON over HTTP."""

from __future__ import annotations

import logging
import webbrowser
from pathlib import Path

from pydantic import Field

from posestream.errors import ConfigurationError
from posestream.service.settings import ConnectionSettings, load


class ViewSettings(ConnectionSettings):
    """Serve a page that shows every camera as it happens, and poses as JSON, until Ctrl-C."""

    host: str = "127.0.0.1"
    """Address to listen on. Any but this machine's own wants a token."""
    port: int = Field(8640, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    token: str | None = Field(None, repr=False)
    """What whoever looks must know, 16 characters or more. Better given as POSESTREAM_TOKEN than as a flag, which
    others on this machine can read."""
    allow_origin: tuple[str, ...] = ()
    """Origin of another page that may read the API, as https://app.example; give it again for more."""
    tls_cert: Path | None = None
    """Certificate chain (PEM), to serve https."""
    tls_key: Path | None = None
    """Its private key (PEM), if that is not in the same file."""
    open: bool = False
    """Open the page in this machine's browser."""


def main(argv: list[str]) -> int:
    """Serve the viewer."""
    settings = load(ViewSettings, argv, program="posestream view", table="view")
    try:
        from posestream.view import serve  # noqa: PLC0415 - with the extra's libraries
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{error.name} is not installed; the viewer needs `pip install 'posestream[view]'`"
        ) from error
    if settings.tls_key is not None and settings.tls_cert is None:
        raise ConfigurationError("--tls-key: give the certificate that it belongs to, too: --tls-cert")
    gate = serve.gate_for(settings.host, settings.token, settings.allow_origin)
    away = serve.check_reachable(settings.redis_url, settings.prefix)
    logging.basicConfig(level="WARNING", format="%(asctime)s %(levelname)s %(message)s")
    with serve.listen(settings.host, settings.port) as bound:
        scheme = "http" if settings.tls_cert is None else "https"
        name = "localhost" if gate.token is None and settings.host == "127.0.0.1" else settings.host
        address = f"{scheme}://{f'[{name}]' if ':' in name else name}:{bound.getsockname()[1]}/"
        print(f"posestream view: {address}  (Ctrl-C ends it)", flush=True)  # noqa: T201
        if away is not None:
            print(f"the server is not reached yet, waiting for it: {away}", flush=True)  # noqa: T201
        if settings.open:
            webbrowser.open(address)
        serve.serve(
            bound, settings.redis_url, settings.prefix, gate, certificate=settings.tls_cert, key=settings.tls_key
        )
    return 0
