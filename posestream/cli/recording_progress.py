"""Showing how a recording goes: a line that stays on a terminal, one every few seconds elsewhere."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from posestream.recording.limits import Limits
from posestream.recording.tally import Tally, counted

_LINE_S: Final = 10.0
_REFRESH_S: Final = 0.1


class Sized(Protocol):
    """What is being written."""

    @property
    def bytes(self) -> int:
        """How much of it there is."""


class RecordingProgress(Protocol):
    """Shows the tally it was made with."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def update(self) -> None:
        """Show how far it is now; cheap enough for every frame."""


def progress_for(console: Console, limits: Limits, tally: Tally, written: Sized) -> RecordingProgress:
    """Return what suits the console."""
    return (Bar if console.is_terminal else Lines)(console, limits, tally, written)


class _Paced(ABC):
    """Calls `show` no more often than every `_every_s`."""

    _every_s = _REFRESH_S

    def __init__(self, console: Console, limits: Limits, tally: Tally, written: Sized) -> None:
        self._console = console
        self._limits = limits
        self._tally = tally
        self._written = written
        self._began_s = self._shown_s = time.monotonic()
        self._shown_frames = 0

    def update(self) -> None:
        """Show how far it is now, if it is time to."""
        now_s = time.monotonic()
        if now_s - self._shown_s >= self._every_s:
            frames = self._tally.frames.total()
            self._show(now_s, (frames - self._shown_frames) / (now_s - self._shown_s))
            self._shown_s, self._shown_frames = now_s, frames

    @abstractmethod
    def _show(self, now_s: float, rate: float) -> None:
        """Show the tally at a moment (`time.monotonic`), and a rate in frames a second."""

    def _text(self, rate: float) -> str:
        tally = self._tally
        state = "  server away" if tally.away else f"  {counted(tally.gaps, 'gap')}" if tally.gaps else ""
        done = f"{counted(tally.frames.total(), 'frame')}  {rate:.1f}/s  {counted(len(tally.frames), 'camera')}"
        return f"{done}  {size_text(self._written.bytes)}{state}"


class Bar(_Paced):
    """A line that stays, with a bar where there is a limit."""

    def __init__(self, console: Console, limits: Limits, tally: Tally, written: Sized) -> None:
        super().__init__(console, limits, tally, written)
        self._rate = 0.0
        limited = limits.share(seconds=0, size=0, frames=0) is not None
        columns = (BarColumn(bar_width=24),) if limited else (SpinnerColumn(),)
        self._progress = Progress(
            TextColumn("[red]●[/] recording"), *columns, TextColumn("{task.description}"), TimeElapsedColumn(),
            console=console,
        )  # fmt: skip
        self._task = self._progress.add_task(self._text(0.0), total=1.0 if limited else None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def _show(self, now_s: float, rate: float) -> None:
        self._rate += 0.2 * (rate - self._rate)  # of a tenth of a second each
        share = self._limits.share(
            seconds=now_s - self._began_s, size=self._written.bytes, frames=self._tally.frames.total()
        )
        self._progress.update(self._task, completed=share or 0.0, description=self._text(self._rate))


class Lines(_Paced):
    """A line every few seconds."""

    _every_s = _LINE_S

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say nothing more; the summary follows."""

    def _show(self, now_s: float, rate: float) -> None:
        self._console.print(f"recording: {self._text(rate)}", highlight=False)


def size_text(count: int) -> str:
    """Return a size in bytes for people."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
