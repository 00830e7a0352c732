"""Showing how far the cameras are: bars on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from posestream.service import logs
from producer.tally import Phase, Tally

logger = logging.getLogger(__name__)

_FILE_LINE_S: Final = 5.0
_CAMERA_LINE_S: Final = 60.0


class Display(Protocol):
    """Shows the tallies it was made with."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def update(self) -> None:
        """Show how far the cameras are now."""


def display_for(console: Console, tallies: Sequence[Tally]) -> Display:
    """Return what suits the console: bars, or lines in the log."""
    return Bars(console, tallies) if console.is_terminal else Lines(tallies)


class Bars:
    """One bar for each camera."""

    def __init__(self, console: Console, tallies: Sequence[Tally]) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            _Rate(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._tasks: list[tuple[TaskID, Tally]] = [
            (self._progress.add_task(tally.camera, total=tally.total, state=""), tally) for tally in tallies
        ]

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.update()
        self._progress.stop()

    def update(self) -> None:
        """Show how far the cameras are now."""
        for task, tally in self._tasks:
            # What a container announces is not always what is in it.
            total = None if tally.total is None else max(tally.total, tally.position)
            if tally.phase in (Phase.DRAINING, Phase.ENDED):
                total = tally.position
            self._progress.update(task, total=total, completed=tally.done, state=state_of(tally))


class _Rate(ProgressColumn):
    """Frames finished per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0.0:.1f}/s")


class Lines:
    """A line in the log for each camera, every few seconds."""

    def __init__(self, tallies: Sequence[Tally]) -> None:
        self._tallies = tallies
        self._next_s: dict[str, float] = {}
        self._last: dict[str, tuple[float, int]] = {}

    def __enter__(self) -> Self:
        now_s = time.monotonic()
        for tally in self._tallies:
            self._last[tally.camera] = (now_s, tally.done)
            self._next_s[tally.camera] = now_s + _FILE_LINE_S
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say nothing more; the summary follows."""

    def update(self) -> None:
        """Log the cameras whose time has come."""
        now_s = time.monotonic()
        for tally in self._tallies:
            if tally.phase is Phase.ENDED or now_s < self._next_s[tally.camera]:
                continue
            then_s, then_done = self._last[tally.camera]
            rate = (tally.done - then_done) / max(now_s - then_s, 1e-6)
            goal = f" of {tally.total}" if tally.total is not None else ""
            with logs.about(camera=tally.camera):
                logger.info("%s: %d%s frames done, %.1f/s, %s", tally.camera, tally.done, goal, rate, state_of(tally))
            self._last[tally.camera] = (now_s, tally.done)
            self._next_s[tally.camera] = now_s + (_CAMERA_LINE_S if tally.total is None else _FILE_LINE_S)


def state_of(tally: Tally) -> str:
    """Return what a feed is about, in a few words."""
    if tally.phase is Phase.FEEDING and tally.away:
        return "source away"
    if tally.phase is Phase.FEEDING:
        refused = f", {tally.refused.total()} not admitted" if tally.refused else ""
        return f"backlog {tally.unfinished}{refused}"
    if tally.phase is Phase.DRAINING:
        return f"{tally.phase.value}: {tally.unfinished}"
    return str(tally.phase.value)
