"""Who may look: by token where there is one, and never a page of somebody else's by way of a visitor's browser.

Without a token the viewer listens on this machine alone, and a browser must name it so: a foreign name that has been
made to lead here (DNS rebinding) is refused. Whatever page asks must be the viewer's own, or of an allowed origin.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from posestream.errors import ConfigurationError

COOKIE: Final = "posestream-view"
LEAST_TOKEN: Final = 16
_ORIGIN: Final = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?/?")
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_origin(text: str) -> str:
    """Return an origin as browsers send it: `https://app.example`, without a port that goes without saying.

    Raises:
        ConfigurationError: no browser would ever send this.
    """
    match = _ORIGIN.fullmatch(text.lower())
    if match is None:
        raise ConfigurationError(
            f"--allow-origin {text}: give it as browsers do, with scheme, host and port alone: https://app.example"
        )
    scheme, host, port = match.groups()
    return f"{scheme}://{host}" + ("" if port in (None, _DEFAULT_PORTS.get(scheme)) else f":{port}")


def _split(url: str) -> SplitResult | None:
    """Return the parts of an URL; None where it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Gate:
    """What is asked of a request.

    Attributes:
        token: what whoever looks must know; None asks for nothing, for a viewer on the loopback interface.
        origins: of other pages that may read the API, as `https://app.example`.
    """

    token: str | None
    origins: frozenset[str] = frozenset()

    def knows_host(self, host: str) -> bool:
        """Tell whether a request's Host is one of this viewer's names: of this machine's own; with a token any is."""
        parts = _split(f"//{host}")
        return parts is not None and (self.token is not None or is_loopback(parts.hostname or ""))

    def knows_origin(self, origin: str | None, host: str) -> bool:
        """Tell whether a page may use the API: the viewer's own, or one that was allowed; programs name none."""
        if origin is None or origin in self.origins:
            return True
        parts = _split(origin)
        return parts is not None and parts.netloc == host

    def admits(self, headers: Mapping[str, str], cookies: Mapping[str, str], query_token: str | None) -> bool:
        """Tell whether a request shows the token: as a bearer's, in the query, or by the cookie that `cookie` gives."""
        if self.token is None:
            return True
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        shown = bearer.strip() if scheme.lower() == "bearer" else query_token
        return self.is_token(shown or "") or hmac.compare_digest(
            _encoded(cookies.get(COOKIE, "")), _encoded(self.cookie)
        )

    def is_token(self, shown: str) -> bool:
        """Tell whether this is the token, in a time that does not depend on how much of it is right."""
        return self.token is not None and hmac.compare_digest(_encoded(shown), _encoded(self.token))

    @property
    def cookie(self) -> str:
        """What the cookie holds: nothing that the token could be read from."""
        return hmac.new(_encoded(self.token or ""), b"posestream view", hashlib.sha256).hexdigest()


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
