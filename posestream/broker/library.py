"""Loading the server functions: when they are missing, or when ours are a higher minor version, which only adds."""

from __future__ import annotations

import re
from importlib import resources
from typing import Final

import redis

from posestream.broker.connection import translated
from posestream.errors import BrokerError, BrokerUnavailableError

NAME: Final = "posestream1"

_DENIED: Final = re.compile(r"user executing the script can't|ACL failure in script")  # Redis, Valkey
_CALL: Final = re.compile(r"redis\.p?call\('([A-Z]+)'(?:, '([A-Z]+)')?")


def source() -> str:
    """Return the library's Lua source."""
    return resources.files("posestream.broker").joinpath("functions.lua").read_text(encoding="utf-8")


def minor_version(lua: str) -> int:
    """Return the minor version that a library's source declares."""
    match = re.search(r"^local VERSION = '1\.(\d+)'$", lua, re.MULTILINE)
    if match is None:
        raise BrokerError("the library of server functions does not declare its version")
    return int(match[1])


def ensure_loaded(client: redis.Redis) -> bool:
    """Load the library if the server lacks it or has an older minor version; tells whether it did.

    Raises:
        BrokerError: the server knows no functions (Redis before 7.0), or the user may not ask for them.
        BrokerUnavailableError: there is nothing to load for this user, who waits until somebody who may has done it.
    """
    ours = source()
    with translated(f"loading the server functions {NAME}"):
        listed = client.function_list(library=NAME, withcode=True)
        installed = [_text(_field(entry, "library_code")) for entry in listed]
        if installed and minor_version(installed[0]) >= minor_version(ours):
            return False
        try:
            client.function_load(ours, replace=bool(installed))
        except redis.exceptions.ResponseError as error:
            if "already exists" in str(error):  # another process was quicker
                return False
            if isinstance(error, redis.exceptions.NoPermissionError):
                raise BrokerUnavailableError(
                    f"the server functions {NAME} are {'older than ours' if installed else 'not there'}, and this user "
                    "may not load them (FUNCTION LOAD): start a tracker, or run `posestream status` as the operator"
                ) from error
            raise
        return True


def denied_inside(message: str) -> str | None:
    """Return which command inside a function an error says that the user lacks the right for; None for other errors.

    Servers tell the line and not always the command, so it is looked up there, unless the function tells it.
    """
    if _DENIED.search(message) is None:
        return None
    if told := re.search(r" in ([A-Z]+)\b", message):
        return told[1]
    line = re.search(r"user_function:(\d+)", message)
    called = _CALL.search(source().splitlines()[int(line[1]) - 1]) if line else None
    return " ".join(filter(None, called.groups())) if called else "a command"


def _field(entry: object, name: str) -> object:
    # redis-py answers a dict or a flat list, by protocol and version.
    pairs = entry.items() if isinstance(entry, dict) else zip(entry[::2], entry[1::2], strict=True)  # type: ignore[index]
    return {_text(key): value for key, value in pairs}[name]


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
