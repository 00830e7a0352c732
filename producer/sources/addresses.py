"""URLs of cameras: checked before anything is opened, and shown without what is secret in them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from posestream.broker import redact
from posestream.errors import ConfigurationError
from producer.sources.names import printable

NETWORK: Final = ("rtsp://", "rtsps://", "http://", "https://")

_SECRET: Final = re.compile(
    r"([?&;][^=&;]*(?:user|usr|login|pass|pwd|token|secret|key|auth|sig)[^=&;]*=)[^&;]*", re.IGNORECASE
)
_UNSENDABLE: Final = re.compile(r"[\s\x00-\x1f\x7f]")


def public_name(text: str) -> str:
    """Return a source's text without user, password, and what looks like one in a query; fit for logs."""
    return _SECRET.sub(r"\1***", redact(printable(text)))


def network_url(text: str) -> str | None:
    """Return a camera's URL, its scheme in lower case; None when the text is something else.

    Raises:
        ConfigurationError: it has no host, or can not be a URL.
    """
    scheme, separator, rest = text.partition("://")
    url = scheme.lower() + separator + rest
    if not url.startswith(NETWORK):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        host.encode("idna")
        _ = parts.port
    except ValueError:  # its text may quote a password that was taken for the port
        raise _wrong(url, "host or port is wrong, or a user or password is not percent-encoded") from None
    if not host:
        raise _wrong(url, f"names no host; give {parts.scheme}://<host>/<path>")
    if _UNSENDABLE.search(url):
        raise _wrong(url, "holds spaces or control characters; percent-encode them")
    return url


def _wrong(url: str, problem: str) -> ConfigurationError:
    return ConfigurationError(f"source {public_name(url)!r}: {problem}")
