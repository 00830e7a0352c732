"""Who may look: by token where there is one, and never a page of somebody else's by way of a visitor's browser.

Without a token the viewer listens on this machine alone, and a browser must name it so: a foreign name that has been
made to lead here (DNS rebinding) is refused. Whatever page asks must be the viewer's own, or of an allowed origin.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

COOKIE: Final = "posestream-view"
LEAST_TOKEN: Final = 16
_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
        """Tell whether a request's Host is one of this viewer's names; with a token any is."""
        if self.token is not None:
            return True
        return (urlsplit(f"//{host}").hostname or "") in _LOCAL_NAMES

    def knows_origin(self, origin: str | None, host: str) -> bool:
        """Tell whether a page may use the API: the viewer's own, or one that was allowed; programs name none."""
        return origin is None or origin in self.origins or urlsplit(origin).netloc == host

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
