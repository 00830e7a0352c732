"""Where tables go: as wide as the terminal, and never cut short in a pipe."""

from __future__ import annotations

from rich.console import Console


def table_console() -> Console:
    """Return a console for standard output."""
    console = Console()
    return console if console.is_terminal else Console(width=1000)
