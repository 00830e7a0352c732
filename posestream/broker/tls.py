"""TLS: wrong files found before anything is sent, and refused certificates explained with the remedy."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from posestream.errors import ConfigurationError


def check_files(options: Mapping[str, Any]) -> None:
    """Read the certificates that a connection's options name, so that a wrong path is not taken for an absent server.

    Raises:
        ConfigurationError: naming the option and the file.
    """
    context = ssl.create_default_context()
    authority, own, key = (options.get(f"ssl_{name}") for name in ("ca_certs", "certfile", "keyfile"))
    if authority:
        try:
            context.load_verify_locations(cafile=authority)
        except OSError as error:  # ssl.SSLError is one, too
            raise ConfigurationError(f"ssl_ca_certs={authority}: no file of certificates ({_reason(error)})") from error
    if own:
        try:
            context.load_cert_chain(own, key, options.get("ssl_password") or "")
        except OSError as error:
            raise ConfigurationError(
                f"ssl_certfile={own} ssl_keyfile={key or ''}: no certificate with its key ({_reason(error)})"
            ) from error


def refusal(error: BaseException) -> str | None:
    """Return what is wrong and what to do when a certificate kept a connection from being made; None otherwise."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"the server's certificate is not accepted ({cause.verify_message}): end the URL with "
            "?ssl_ca_certs=FILE, the certificate of the authority that signed it, and name the host as it does"
        )
    return None


def _reason(error: OSError) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return (reason or type(error).__name__).replace("_", " ").lower()
