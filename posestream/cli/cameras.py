"""`posestream cameras`: list the cameras, show or remove one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from pydantic import Field
from pydantic_settings import CliPositionalArg
from rich.table import Table
from rich.text import Text

from posestream.broker import Refusal, Shard, ShardOperations, connect, read_topology
from posestream.calibration_maps import REGISTRY_FIELDS
from posestream.cli.console import table_console
from posestream.errors import BrokerError, ConfigurationError
from posestream.keys import validate_camera_name
from posestream.service.settings import ConnectionSettings, load


class CamerasSettings(ConnectionSettings):
    """List the cameras: what each is, and whether its producer is there."""

    json_lines: bool = Field(False, alias="json")
    """One JSON object per line, for pipes."""


class RemoveSettings(ConnectionSettings):
    """Take a camera away: its waiting frames, its poses, its counters and all its keys."""

    camera: CliPositionalArg[str]
    """The camera's name."""
    force: bool = False
    """Even while a producer holds it."""


class ShowSettings(ConnectionSettings):
    """Tell all that is known of a camera: what its producer says of it, its calibration, and its counts."""

    camera: CliPositionalArg[str]
    """The camera's name."""
    json_lines: bool = Field(False, alias="json")
    """As a JSON object."""


def main(argv: list[str]) -> int:
    """List the cameras, show or remove the one named."""
    if argv and argv[0] == "show":
        return _show(load(ShowSettings, argv[1:], program="posestream cameras show", table="cameras"))
    if argv and argv[0] == "remove":
        return _remove(load(RemoveSettings, argv[1:], program="posestream cameras remove", table="cameras"))
    return _list(load(CamerasSettings, argv, program="posestream cameras", table="cameras"))


def _list(settings: CamerasSettings) -> int:
    client = connect(settings.redis_url, name="cameras")
    rows: list[dict[str, object]] = []
    for keys in read_topology(client, settings.prefix).all_keys():
        operations = ShardOperations(Shard(client, keys))
        descriptions = operations.descriptions()
        status = operations.status()
        for name, camera in sorted(status.cameras.items()):
            silent_s = max(0, status.now_ms - camera.heard_ms) / 1000
            facts = {"policy": camera.policy} | _typed(descriptions.get(name, {}))
            online = bool(camera.holder)
            rows.append({"camera": name, "online": online, "heard_s_ago": round(silent_s, 1), **facts})
    if settings.json_lines:
        for row in rows:
            print(json.dumps(row))  # noqa: T201
    elif rows:
        table_console().print(_table(rows))
    else:
        print("no cameras yet; start one with `python -m producer run SOURCE --camera NAME`")  # noqa: T201
    return 0


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "fps": float,
    "width": int,
    "height": int,
    **dict.fromkeys(REGISTRY_FIELDS, json.loads),
}


def _typed(description: dict[str, str]) -> dict[str, Any]:
    """Return what a producer said of a camera, numbers as numbers and its calibration as maps."""
    facts: dict[str, Any] = {}
    for name, value in description.items():
        try:
            facts[name] = _READERS[name](value) if name in _READERS and value else value
        except (ValueError, RecursionError):
            facts[name] = value
    return facts


def _table(rows: list[dict[str, object]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("camera", "producer", "heard", "size", "fps", "policy", "source"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("producer", "heard", "size", "fps", "policy"))
    for row in rows:
        size = f"{row['width']}x{row['height']}" if "width" in row and "height" in row else ""
        online = "[green]online[/]" if row["online"] else "[red]away[/]"
        heard = _ago(float(str(row["heard_s_ago"])))
        fps = row.get("fps", "")
        rate = f"{fps:g}" if isinstance(fps, float) else str(fps)
        name, source = Text(str(row["camera"])), Text(str(row.get("source", "")))  # they may look like markup
        table.add_row(name, online, heard, size, rate, str(row["policy"]), source)
    return table


def _ago(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.1f} s ago"


def _show(settings: ShowSettings) -> int:
    camera = validate_camera_name(settings.camera)
    client = connect(settings.redis_url, name="cameras-show")
    operations = ShardOperations(Shard(client, read_topology(client, settings.prefix).keys_of(camera)))
    description, status = operations.descriptions().get(camera), operations.status(camera)
    if description is None:
        raise _unknown(camera)
    counts = status.cameras[camera]
    facts = {
        "camera": camera,
        "producer": counts.holder or None,
        "heard_s_ago": round(max(0, status.now_ms - counts.heard_ms) / 1000, 1),
        "policy": counts.policy,
        **_typed(description),
        "admitted": counts.admitted,
        **{outcome.value: count for outcome, count in counts.outcomes.items()},
        "in_flight": counts.in_flight,
        "refused": {reason: count for reason, count in counts.refused.items() if count},
    }
    if settings.json_lines:
        print(json.dumps(facts))  # noqa: T201
        return 0
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), Text(_fact_text(value)))
    table_console().print(table)
    return 0


def _fact_text(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name} {_fact_text(part)}" for name, part in value.items()) or "none"
    if isinstance(value, list):
        return " ".join(map(_fact_text, value))
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _unknown(camera: str) -> ConfigurationError:
    return ConfigurationError(f"there is no camera {camera!r}; `posestream cameras` lists them")


def _remove(settings: RemoveSettings) -> int:
    camera = validate_camera_name(settings.camera)
    client = connect(settings.redis_url, name="cameras-remove")
    keys = read_topology(client, settings.prefix).keys_of(camera)
    removed = ShardOperations(Shard(client, keys)).remove(camera, force=settings.force)
    if isinstance(removed, Refusal):
        raise BrokerError(f"camera {camera} is held by {removed.detail}: stop its producer, or give --force")
    if not removed:
        raise _unknown(camera)
    print(f"camera {camera} removed")  # noqa: T201
    return 0
