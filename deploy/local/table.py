"""The live display: a table on a terminal, a line per camera every few seconds elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from deploy.local.snapshot import CameraNow, Snapshot
from posestream.messages import Outcome
from training.accuracy import Accuracy

_LINE_S: Final = 5.0
_BAR_CELLS: Final = 24


class Display(Protocol):
    """Shows how the demo is doing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def update(self, now: Snapshot) -> None:
        """Show this from now on."""


def display_for(console: Console) -> Display:
    """Return what suits the console."""
    return LiveTable(console) if console.is_terminal else Lines(console)


class LiveTable:
    """Redraws a table in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def update(self, now: Snapshot) -> None:
        """Show this from now on."""
        self._live.update(render(now), refresh=True)


class Lines:
    """Prints a line for each camera every five seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_s = time.monotonic() + _LINE_S

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say nothing more; the summary follows."""

    def update(self, now: Snapshot) -> None:
        """Print it, when it is time again."""
        if time.monotonic() >= self._next_s:
            self._next_s += _LINE_S
            for text in lines(now):
                self._console.print(text, highlight=False, markup=False, soft_wrap=True)


# What is shown ------------------------------------------------------------------------------------------------------


def render(now: Snapshot) -> RenderableType:
    """Return the table with what goes around it; fits 80 columns with short camera names."""
    parts: list[RenderableType] = [_headline(now), "", _table(now)]
    if now.accuracy is not None and now.accuracy.counted:
        parts += ["", Text.assemble(("against the truth so far   ", "dim"), accuracy_text(now.accuracy))]
    return Padding(Group(*parts), (1, 1))


def lines(now: Snapshot) -> list[str]:
    """Return the same as plain lines, one for each camera."""
    return [
        f"{now.elapsed_s:4.0f} s  {camera.name}  {camera.fps:.1f} frames/s  {people_text(camera.people)}  "
        f"latency {latency_text(camera.latency_ms)} ms  waiting {camera.status.waiting if camera.status else 0}  "
        f"{outcomes_text(camera)}"
        for camera in now.cameras
    ]


def accuracy_text(accuracy: Accuracy) -> str:
    """Return the figures in one line."""
    parts = [f"{accuracy.found_share:.1%} of people found"]
    if accuracy.predicted:
        parts.append(f"{accuracy.extra_share:.1%} extra")
    if accuracy.matched:
        parts += [f"{accuracy.mean_error_px:.1f} px in 2D", f"{accuracy.mpjpe_mm:.0f} mm in 3D"]
    return "  ".join(parts)


def people_text(people: int | None) -> str:
    """Return how many people there are, in words."""
    if people is None:
        return "no pose yet"
    return "1 person" if people == 1 else f"{people} people"


def latency_text(latency_ms: tuple[float, float] | None) -> str:
    """Return the 50th and 99th percentile."""
    return "-" if latency_ms is None else f"{latency_ms[0]:.0f} / {latency_ms[1]:.0f}"


def outcomes_text(camera: CameraNow) -> str:
    """Return what became of the frames: every outcome that has happened."""
    if camera.status is None:
        return "no frame yet"
    counts = camera.status.outcomes
    return "  ".join(f"{name.value} {counts[name]}" for name in Outcome if counts[name]) or "posed 0"


def _headline(now: Snapshot) -> RenderableType:
    time_text = f"{now.elapsed_s:.0f} s" + (f" of {now.seconds:.0f}" if now.seconds else "")
    workers = f"{now.workers_alive} of {now.workers} pose workers"
    line = Text.assemble((now.phase, "bold"), "   ", (time_text, "cyan"), "  ")
    if now.seconds:
        filled = round(_BAR_CELLS * min(1.0, now.elapsed_s / now.seconds))
        line.append("━" * filled, "cyan")
        line.append("━" * (_BAR_CELLS - filled), "bright_black")
    line.append("   ")
    line.append(workers, "" if now.workers_alive == now.workers else "yellow")
    return line


def _table(now: Snapshot) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("camera", overflow="fold", style="bold")
    for heading in ("frames/s", "people", "latency ms\np50 / p99", "waiting", "in\nflight"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("outcomes so far", overflow="fold")
    for camera in now.cameras:
        status = camera.status
        table.add_row(
            Text(camera.name),  # a name may look like markup
            f"{camera.fps:.1f}",
            "-" if camera.people is None else str(camera.people),
            latency_text(camera.latency_ms),
            str(status.waiting) if status else "0",
            str(status.in_flight) if status else "0",
            outcomes_text(camera),
        )
    return table
