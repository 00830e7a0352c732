"""Logging: readable lines on a terminal, JSON lines for machines; one set-up per process."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType

from pythonjsonlogger.json import JsonFormatter
from rich.console import Console
from rich.logging import RichHandler

_OF_EVERY_RECORD = vars(logging.makeLogRecord({})).keys() | {"message", "asctime", "taskName"}


_about: ContextVar[Mapping[str, str]] = ContextVar("about", default=MappingProxyType({}))


@contextmanager
def about(**fields: str) -> Iterator[None]:
    """Put fields, as the camera, into every line that is logged meanwhile for machines; people read the message."""
    token = _about.set({**_about.get(), **fields})
    try:
        yield
    finally:
        _about.reset(token)


def scrubbed(line: str) -> str:
    """Return a line without the user and password of any URL in it: libraries quote what they were given."""
    return re.sub(r"(?<=://)[^\s\"'<>]*@", "***@", line)


class _TextFormatter(logging.Formatter):
    """The message and what was given with it, as `name=value`; whole mappings are for machines only."""

    def format(self, record: logging.LogRecord) -> str:
        return scrubbed(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        extras = (
            f"{name}={value}"
            for name, value in vars(record).items()
            if name not in _OF_EVERY_RECORD and not isinstance(value, Mapping)
        )
        return "  ".join((super().formatMessage(record), *extras))


class _JsonFormatter(JsonFormatter):
    """One JSON object a line, with what the line is about and what was given with it."""

    def __init__(self) -> None:
        super().__init__(
            "{asctime}{levelname}{name}{threadName}{message}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger", "threadName": "thread"},
        )

    def format(self, record: logging.LogRecord) -> str:
        for name, value in _about.get().items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return scrubbed(super().format(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """Return the time in UTC, to the millisecond (ISO 8601)."""
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def configure(level: str, style: str, *, console: Console | None = None) -> None:
    """Send the process's log to standard error: `style` is text, json, or auto for text on a terminal, else json.

    A `console` that shows a progress bar keeps log lines and bar apart.
    """
    terminal = console or Console(stderr=True)
    handler: logging.Handler
    if style == "text" or (style == "auto" and terminal.is_terminal):
        handler = RichHandler(console=terminal, show_path=False, rich_tracebacks=False, omit_repeated_times=False)
        handler.setFormatter(_TextFormatter("%(message)s", datefmt="%H:%M:%S"))
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
