"""`posestream tail`: follow poses, a line per frame."""

from __future__ import annotations

import os
import sys
from typing import Final

from pydantic import Field
from pydantic_settings import CliPositionalArg
from rich.console import Console

from posestream.cli.lines import event_line, text_line
from posestream.messages import PoseFrame
from posestream.service.process import StopSignal
from posestream.service.settings import ConnectionSettings, load
from posestream.subscriber import Disconnected, Event, Gap, Reconnected, Subscription, Unreadable, subscribe
from posestream.subscriber.plain import item_json

_PAUSE_S: Final = 0.05
_ALWAYS: Final = (Gap, Unreadable, Disconnected, Reconnected)


class TailSettings(ConnectionSettings):
    """Follow poses, a line per frame, until Ctrl-C."""

    cameras: CliPositionalArg[list[str]] = Field(default_factory=list)
    """The cameras' names; all, and new ones as they appear, without any."""
    json_lines: bool = Field(False, alias="json")
    """One JSON object per line, for pipes; events, too, with --events."""
    count: int = Field(0, ge=0)
    """Frames after which to stop; 0 for never."""
    start: str = "now"
    """now, beginning (all that is kept), how long ago (90s, 10m), a frame id or a time (2026-05-01T12:00)."""
    from_start: bool = False
    """The same as --start beginning."""
    latest: bool = False
    """Show each camera's newest frame only, when they come faster than they can be shown."""
    events: bool = False
    """Show cameras coming and going and frames without a pose, too; on a terminal they are always shown."""


def main(argv: list[str]) -> int:
    """Print poses as they come."""
    settings = load(TailSettings, argv, program="posestream tail", table="tail")
    stop = StopSignal()
    stop.listen()
    start = "beginning" if settings.from_start else settings.start
    with subscribe(
        settings.redis_url,
        cameras=settings.cameras or None,
        start=start,
        events=True,
        latest=settings.latest,
        prefix=settings.prefix,
    ) as subscription:
        try:
            _follow(subscription, settings, stop)
        except BrokenPipeError:
            # Whoever read the pipe has gone, as `head` does; nothing is left to flush into.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _follow(subscription: Subscription[PoseFrame | Event], settings: TailSettings, stop: StopSignal) -> None:
    show = _Show(settings)
    left = settings.count or -1
    while left and not stop.is_set():
        item = subscription.take()
        if item is None:
            show.flush()
            stop.wait(_PAUSE_S)
            continue
        show.item(item)
        left -= isinstance(item, PoseFrame)
    show.flush()


class _Show:
    """Frames to standard output; events among them where they are asked for, else the grave ones to standard error."""

    def __init__(self, settings: TailSettings) -> None:
        self._json = settings.json_lines
        self._out = Console(soft_wrap=True, highlight=False)
        self._error = Console(stderr=True, soft_wrap=True, highlight=False)
        self._all = settings.events or (self._out.is_terminal and not settings.json_lines)

    def item(self, item: PoseFrame | Event) -> None:
        if isinstance(item, PoseFrame) or self._all:
            self._line(item)
        elif isinstance(item, _ALWAYS):
            self._error.print(event_line(item))

    def flush(self) -> None:
        sys.stdout.flush()

    def _line(self, item: PoseFrame | Event) -> None:
        if self._json:
            print(item_json(item))  # noqa: T201
        elif self._out.is_terminal:
            self._out.print(text_line(item) if isinstance(item, PoseFrame) else event_line(item))
        else:
            print((text_line(item) if isinstance(item, PoseFrame) else event_line(item)).plain)  # noqa: T201
