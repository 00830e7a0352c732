"""Names of files as text: Linux takes any bytes as a name, and those that are no UTF-8 fit into no message."""

from __future__ import annotations

import os


def printable(name: str | os.PathLike[str]) -> str:
    """Return a file's name or path fit for messages, logs and keys: what is no UTF-8 in it is replaced."""
    return os.fspath(name).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
