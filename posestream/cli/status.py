"""`posestream status`: what became of every camera's frames, and what waits; once, or as it goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, Final

from pydantic import Field
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from posestream.broker import CameraStatus, Shard, ShardOperations, ShardStatus, connect, read_topology
from posestream.cli.console import table_console
from posestream.errors import BrokerUnavailableError
from posestream.messages import Outcome
from posestream.service.process import StopSignal
from posestream.service.settings import ConnectionSettings, load

Shards = Mapping[int, ShardStatus]

_STYLES: Final = {
    Outcome.POSED: "green",
    Outcome.SUPERSEDED: "yellow",
    Outcome.STALE: "yellow",
    Outcome.LATE: "yellow",
    Outcome.DEAD: "red",
}


class StatusSettings(ConnectionSettings):
    """Per camera: frames admitted, what became of them, and what is in flight; and who works on it."""

    json_lines: bool = Field(False, alias="json")
    """One JSON object per shard and line, for pipes."""
    watch: float = Field(0.0, ge=0, le=3600)
    """Look again every so many seconds, with the rates since the last look, until Ctrl-C; 0 for once."""


def main(argv: list[str]) -> int:
    """Print one consistent look at every shard; exit code 1 when frames are unaccounted for."""
    settings = load(StatusSettings, argv, program="posestream status", table="status")
    client = connect(settings.redis_url, name="status")
    operations = {
        keys.shard: ShardOperations(Shard(client, keys)) for keys in read_topology(client, settings.prefix).all_keys()
    }
    if settings.watch:
        return _watch(operations, settings)
    shards = {number: shard.status() for number, shard in operations.items()}
    if settings.json_lines:
        _print_json(shards)
    else:
        table_console().print(_shown(shards), highlight=False)
    return 0 if _conserved(shards) else 1


def _watch(operations: Mapping[int, ShardOperations], settings: StatusSettings) -> int:
    """Look again and again: in place on a terminal, else a JSON object per shard and line, or a table after a table."""
    stop, console = StopSignal(), table_console()
    stop.listen()
    before: Shards = {}
    live = Live(console=console, auto_refresh=False) if console.is_terminal and not settings.json_lines else None
    with live or nullcontext():
        while not stop.is_set():
            try:
                shards = {number: shard.status() for number, shard in operations.items()}
            except BrokerUnavailableError as error:
                if not before:
                    raise
                _tell(Console(stderr=True) if live is None else console, live, Text(f"server away: {error}"), settings)
            else:
                if settings.json_lines:
                    _print_json(shards)
                else:
                    _tell(console, live, _shown(shards, before), settings)
                before = shards
            stop.wait(settings.watch)
    return 0 if _conserved(before) else 1


def _tell(console: Console, live: Live | None, shown: RenderableType, settings: StatusSettings) -> None:
    if live is None:
        console.print(shown, highlight=False)
    else:
        now = Text(f"{time.strftime('%H:%M:%S')}, every {settings.watch:g} s, until Ctrl-C", "dim")
        live.update(Group(shown, now), refresh=True)


def _conserved(shards: Shards) -> bool:
    return all(camera.conserved for status in shards.values() for camera in status.cameras.values())


def _print_json(shards: Shards) -> None:
    for number, status in shards.items():
        print(json.dumps(_as_json(number, status)), flush=True)  # noqa: T201


def _shown(shards: Shards, before: Shards | None = None) -> RenderableType:
    before = before or {}
    return Group(*(_shard(number, status, before.get(number)) for number, status in shards.items()))


def _shard(shard: int, status: ShardStatus, before: ShardStatus | None) -> RenderableType:
    """Return what a shard looks like; with a look before, there are rates in it."""
    tracker = status.tracker or "[red]none[/]"
    workers = str(status.workers) if status.workers else "[red]none[/]"
    dead = f"[red]{status.dead}[/]" if status.dead else "0"
    summary = Text.from_markup(
        f"[bold]shard {shard}[/]   worker slots {workers}   tracker {tracker}   "
        f"frames {status.bytes / 2**20:.1f} of {status.max_bytes / 2**20:.0f} MiB   dead letters kept {dead}"
    )
    if not status.cameras:
        return Group(summary, "no cameras yet")
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("camera", overflow="fold")
    rates = ("posed\n/s",) if before is not None else ()
    for heading in ("admitted", *Outcome, "in\nflight", "waiting", *rates, "adds\nup"):
        table.add_column(heading, justify="right", no_wrap=True)  # no digit is ever cut off
    refused = any(_refused(camera) for camera in status.cameras.values())
    if refused:
        table.add_column("refused", overflow="fold")
    for camera in sorted(status.cameras.values(), key=lambda camera: camera.camera):
        rate = [] if before is None else [_rate(camera, status, before)]
        table.add_row(*_row(camera, rate), *([_refused(camera)] if refused else []))
    return Group(summary, table)


def _row(camera: CameraStatus, rate: list[str]) -> list[str | Text]:
    outcomes = [_count(camera.outcomes[outcome], _STYLES[outcome]) for outcome in Outcome]
    adds_up = Text("yes", "green") if camera.conserved else Text("NO", "bold red")
    name = Text(camera.camera)  # it may look like markup
    waits = [_count(camera.in_flight, ""), _count(camera.waiting, "yellow")]
    return [name, str(camera.admitted), *outcomes, *waits, *rate, adds_up]


def _count(count: int, style: str) -> Text:
    return Text(str(count), style if count else "dim")


def _rate(camera: CameraStatus, status: ShardStatus, before: ShardStatus) -> str:
    """Return poses published a second since the look before."""
    then = before.cameras.get(camera.camera)
    seconds = (status.now_ms - before.now_ms) / 1000
    if then is None or seconds <= 0:
        return ""
    return f"{max(0, camera.outcomes[Outcome.POSED] - then.outcomes[Outcome.POSED]) / seconds:.1f}"


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
