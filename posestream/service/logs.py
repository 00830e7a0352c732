"""Logging: readable lines on a terminal, JSON lines for machines; one set-up per process."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping

from pythonjsonlogger.json import JsonFormatter
from rich.console import Console
from rich.logging import RichHandler

_OF_EVERY_RECORD = vars(logging.makeLogRecord({})).keys() | {"message", "asctime", "taskName"}


class _TextFormatter(logging.Formatter):
    """The message and what was given with it, as `name=value`; whole mappings are for machines only."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        extras = (
            f"{name}={value}"
            for name, value in vars(record).items()
            if name not in _OF_EVERY_RECORD and not isinstance(value, Mapping)
        )
        return "  ".join((super().formatMessage(record), *extras))


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
        handler.setFormatter(
            JsonFormatter(
                "{asctime}{levelname}{name}{threadName}{message}",
                style="{",
                rename_fields={"asctime": "time", "levelname": "level", "name": "logger", "threadName": "thread"},
            )
        )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
