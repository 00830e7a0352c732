"""What is about to run, for someone who has never seen the project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from deploy.local.cameras import DemoCamera
from deploy.local.server import Server


def introduce(
    console: Console, cameras: Sequence[DemoCamera], server: Server, workers: int, model: Path, page: str | None
) -> None:
    """Print the processes of a demo, and how to look in on them from another terminal."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    table.title = "posestream demo: every line is a process of its own"
    table.title_style = "bold"
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for camera in cameras:
        table.add_row(Text(camera.name), Text(f"producer of {camera.shown}"))
    table.add_row("server", "Valkey, embedded" if server.process else "yours")
    for number in range(1, workers + 1):
        table.add_row(f"pose-{number}", Text(f"pose worker, network {model}"))
    table.add_row("track", "tracker: frame order, one clean stream of poses for each camera")
    if page is not None:
        table.add_row("view", Text.assemble("a page to watch, for a browser: ", (page, "bold")))
    console.print(Padding(table, (1, 1, 0, 1), expand=False), highlight=False)
    if server.process:
        look = f".venv/bin/posestream tail {cameras[0].name} --redis-url {server.url}"
        text = Text(f"\n look in from another terminal:\n {look}\n", "dim")
        console.print(text, highlight=False, soft_wrap=True)
