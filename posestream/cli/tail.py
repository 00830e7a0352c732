"""`posestream tail CAMERA`: follow a camera's poses."""

from __future__ import annotations

import os
import sys

from pydantic import Field
from pydantic_settings import CliPositionalArg

from posestream.broker import PoseLog, Shard, ShardOperations, connect, read_topology
from posestream.cli.lines import json_line, text_line
from posestream.errors import BrokerUnavailableError, MessageError
from posestream.keys import FrameId, validate_camera_name
from posestream.messages import decode_pose
from posestream.service.process import Patience, StopSignal
from posestream.service.settings import ConnectionSettings, load


class TailSettings(ConnectionSettings):
    """Follow a camera's poses, a line per frame, until Ctrl-C."""

    camera: CliPositionalArg[str]
    """The camera's name."""
    json_lines: bool = Field(False, alias="json")
    """One JSON object per line, for pipes."""
    count: int = Field(0, ge=0)
    """Frames after which to stop; 0 for never."""
    from_start: bool = False
    """Begin with the oldest pose that is kept, rather than with the next."""


def main(argv: list[str]) -> int:
    """Print poses as they come."""
    settings = load(TailSettings, argv, program="posestream tail", table="tail")
    camera = validate_camera_name(settings.camera)
    client = connect(settings.redis_url, name="tail")
    topology = read_topology(client, settings.prefix)
    shard = Shard(client, topology.keys_of(camera))
    _warn_of_strangers(shard, camera)
    stop = StopSignal()
    stop.listen()
    try:
        _follow(PoseLog(shard), settings, stop)
    except BrokenPipeError:
        # Whoever read the pipe has gone, as `head` does; nothing is left to flush into.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _warn_of_strangers(shard: Shard, camera: str) -> None:
    known = ShardOperations(shard).descriptions()
    if camera not in known:
        names = ", ".join(known) or "none"
        print(f"no camera {camera!r} yet (there is: {names}); waiting for it", file=sys.stderr)  # noqa: T201


def _follow(log: PoseLog, settings: TailSettings, stop: StopSignal) -> None:
    patience = Patience(stop)
    after = FrameId(0) if settings.from_start else log.last_id(settings.camera)
    left = settings.count or -1
    while left and not stop.is_set():
        try:
            poses = log.read(settings.camera, after, count=left if left > 0 else 100, block_ms=500)
        except BrokerUnavailableError as error:
            patience.failed(error)
            continue
        patience.succeeded()
        for frame_id, packed in poses:
            after = frame_id
            _print(packed, as_json=settings.json_lines)
            left -= 1


def _print(packed: bytes, *, as_json: bool) -> None:
    try:
        pose = decode_pose(packed)
    except MessageError as error:
        print(f"unreadable pose: {error}", file=sys.stderr)  # noqa: T201
        return
    print(json_line(pose) if as_json else text_line(pose), flush=True)  # noqa: T201
