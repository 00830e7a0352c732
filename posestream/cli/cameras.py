"""`posestream cameras`: list the cameras, or remove one."""

from __future__ import annotations

import json
import sys
import time

from pydantic import Field
from pydantic_settings import CliPositionalArg
from rich.console import Console
from rich.table import Table
from rich.text import Text

from posestream.broker import Refusal, Shard, ShardOperations, connect, read_topology
from posestream.errors import BrokerError
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


def main(argv: list[str]) -> int:
    """List the cameras, or remove the one named."""
    if argv and argv[0] == "remove":
        return _remove(load(RemoveSettings, argv[1:], program="posestream cameras remove", table="cameras"))
    return _list(load(CamerasSettings, argv, program="posestream cameras", table="cameras"))


def _list(settings: CamerasSettings) -> int:
    client = connect(settings.redis_url, name="cameras")
    rows = []
    for keys in read_topology(client, settings.prefix).all_keys():
        operations = ShardOperations(Shard(client, keys))
        descriptions = operations.descriptions()
        status = operations.status()
        for name, camera in sorted(status.cameras.items()):
            silent_s = max(0, status.now_ms - camera.heard_ms) / 1000
            facts = {"policy": camera.policy} | descriptions.get(name, {})
            online = bool(camera.holder)
            rows.append({"camera": name, "online": online, "heard_s_ago": round(silent_s, 1), **facts})
    if settings.json_lines:
        for row in rows:
            print(json.dumps(row))  # noqa: T201
    elif rows:
        Console().print(_table(rows))
    else:
        print("no cameras yet; start one with `python -m producer run SOURCE --camera NAME`")  # noqa: T201
    return 0


def _table(rows: list[dict[str, object]]) -> Table:
    table = Table("camera", "producer", "heard", "size", "fps", "policy", "source", box=None, pad_edge=False)
    for row in rows:
        size = f"{row['width']}x{row['height']}" if "width" in row and "height" in row else ""
        online = "[green]online[/]" if row["online"] else "[red]away[/]"
        heard = f"{row['heard_s_ago']} s ago"
        facts = (Text(str(row.get(name, ""))) for name in ("fps", "policy", "source"))
        table.add_row(Text(str(row["camera"])), online, heard, size, *facts)  # a name may look like markup
    return table


def _remove(settings: RemoveSettings) -> int:
    camera = validate_camera_name(settings.camera)
    client = connect(settings.redis_url, name="cameras-remove")
    keys = read_topology(client, settings.prefix).keys_of(camera)
    began = time.monotonic()
    removed = ShardOperations(Shard(client, keys)).remove(camera, force=settings.force)
    if isinstance(removed, Refusal):
        raise BrokerError(f"camera {camera} is held by {removed.detail}: stop its producer, or give --force")
    if not removed:
        print(f"there is no camera {camera!r}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"camera {camera} removed in {(time.monotonic() - began) * 1000:.0f} ms")  # noqa: T201
    return 0
