"""`posestream status`: what became of every camera's frames, and what waits."""

from __future__ import annotations

import json
from typing import Any

from pydantic import Field
from rich.table import Table
from rich.text import Text

from posestream.broker import CameraStatus, Shard, ShardOperations, ShardStatus, connect, read_topology
from posestream.cli.console import table_console
from posestream.messages import Outcome
from posestream.service.settings import ConnectionSettings, load


class StatusSettings(ConnectionSettings):
    """Per camera: frames admitted, what became of them, and what is in flight; and who works on it."""

    json_lines: bool = Field(False, alias="json")
    """One JSON object per shard and line, for pipes."""


def main(argv: list[str]) -> int:
    """Print one consistent look at every shard; exit code 1 when frames are unaccounted for."""
    settings = load(StatusSettings, argv, program="posestream status", table="status")
    client = connect(settings.redis_url, name="status")
    conserved = True
    for keys in read_topology(client, settings.prefix).all_keys():
        status = ShardOperations(Shard(client, keys)).status()
        conserved &= all(camera.conserved for camera in status.cameras.values())
        if settings.json_lines:
            print(json.dumps(_as_json(keys.shard, status)))  # noqa: T201
        else:
            _show(keys.shard, status)
    return 0 if conserved else 1


def _show(shard: int, status: ShardStatus) -> None:
    console = table_console()
    tracker = status.tracker or "[red]none[/]"
    workers = str(status.workers) if status.workers else "[red]none[/]"
    console.print(
        f"[bold]shard {shard}[/]   worker slots {workers}   tracker {tracker}   "
        f"frames {status.bytes / 2**20:.1f} of {status.max_bytes / 2**20:.0f} MiB   dead letters kept {status.dead}",
        highlight=False,
    )
    if not status.cameras:
        console.print("no cameras yet")
        return
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("camera", overflow="fold")
    for heading in ("admitted", *Outcome, "in\nflight", "waiting", "adds\nup"):
        table.add_column(heading, justify="right", no_wrap=True)  # no digit is ever cut off
    refused = any(_refused(camera) for camera in status.cameras.values())
    if refused:
        table.add_column("refused", overflow="fold")
    for camera in sorted(status.cameras.values(), key=lambda camera: camera.camera):
        table.add_row(*_row(camera), *([_refused(camera)] if refused else []))
    console.print(table)


def _row(camera: CameraStatus) -> list[str | Text]:
    counts = [camera.admitted, *(camera.outcomes[outcome] for outcome in Outcome), camera.in_flight, camera.waiting]
    adds_up = "[green]yes[/]" if camera.conserved else "[red]NO[/]"
    return [Text(camera.camera), *map(str, counts), adds_up]  # Text: a name may look like markup


def _refused(camera: CameraStatus) -> str:
    return " ".join(f"{reason} {count}" for reason, count in camera.refused.items() if count)


def _as_json(shard: int, status: ShardStatus) -> dict[str, Any]:
    return {
        "shard": shard,
        "now_ms": status.now_ms,
        "workers": status.workers,
        "tracker": status.tracker,
        "frame_bytes": status.bytes,
        "dead_letters": status.dead,
        "cameras": {
            name: {
                "policy": camera.policy,
                "admitted": camera.admitted,
                **{outcome.value: count for outcome, count in camera.outcomes.items()},
                "in_flight": camera.in_flight,
                "waiting": camera.waiting,
                "refused": dict(camera.refused),
                "conserved": camera.conserved,
            }
            for name, camera in status.cameras.items()
        },
    }
