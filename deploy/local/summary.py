"""The end of a demo on the screen and in a file: what became of the frames, how fast, and how exact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from deploy.local.errors import DemoError
from deploy.local.report import Report
from deploy.local.table import latency_text
from posestream.messages import Outcome
from training.accuracy import Accuracy

_MEANINGS: Final = {
    Outcome.SUPERSEDED: "a newer frame came before a worker was free",
    Outcome.STALE: "too old when a worker took it",
    Outcome.LATE: "posed when later frames had been published",
    Outcome.DEAD: "could not be used or crashed its workers; the dead letters say why",
}
_KINDS: Final = {
    "picture": "a picture",
    "clip": "a clip, for a browser",
}


def show(report: Report, console: Console) -> None:
    """Print the summary."""
    console.print(Padding(Group(*_parts(report)), (1, 1), expand=False), highlight=False)


def write_json(report: Report, path: Path) -> None:
    """Write the same as JSON.

    Raises:
        DemoError: the file can not be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report.as_dict(), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise DemoError(f"--json {path}: {error.strerror or error}") from error


def _parts(report: Report) -> list[RenderableType]:
    parts: list[RenderableType] = [_frames(report), "", _speed(report)]
    if report.accuracy is not None and report.accuracy.counted:
        parts += ["", _accuracy(report.accuracy)]
    parts += ["", _places(report), ""]
    for name, end in report.lost.items():
        parts.append(Text(f"note: {name} {end}; its log: {report.output}/{name}.log", "yellow"))
    problem = report.problem
    parts.append(
        Text("passed: every frame is accounted for, and people were found", "green")
        if problem is None
        else Text(f"FAILED: {problem}", "bold red")
    )
    return parts


def _frames(report: Report) -> RenderableType:
    table = _table("what became of the frames")
    table.add_column("camera", overflow="fold")
    for heading in ("admitted", *Outcome, "in\nflight", "adds\nup"):
        table.add_column(str(heading), justify="right", no_wrap=True)
    happened = set()
    for camera in report.cameras:
        status = camera.status
        if status is None:
            table.add_row(Text(camera.name), "0")
            continue
        happened |= {outcome for outcome in Outcome if status.outcomes[outcome]}
        counts = [status.admitted, *(status.outcomes[outcome] for outcome in Outcome), status.in_flight]
        adds_up = Text("yes", "green") if status.conserved else Text("NO", "bold red")
        table.add_row(Text(camera.name), *map(str, counts), adds_up)
    meanings = [Text(f"{outcome.value}: {_MEANINGS[outcome]}", "dim") for outcome in _MEANINGS if outcome in happened]
    return Group(table, *meanings)


def _speed(report: Report) -> Table:
    table = _table("how fast")
    table.add_column("camera", overflow="fold")
    table.add_column("poses/s", justify="right")
    table.add_column("latency ms\np50 / p99", justify="right", no_wrap=True)
    table.add_column("", style="dim")
    for camera in report.cameras:
        since = "" if camera.latency_ms is None else f"from {camera.latency_from} to pose, as a subscriber sees it"
        table.add_row(Text(camera.name), f"{camera.fps:.1f}", latency_text(camera.latency_ms), since)
    return table


def _accuracy(accuracy: Accuracy) -> Table:
    table = _table("how exact, against the truth of the synthetic scene")
    table.add_column("", justify="right", style="bold", no_wrap=True)
    table.add_column("")
    table.add_row(
        f"{accuracy.found_share:.1%}", f"of {accuracy.counted} people were found (those with 8 joints or more in sight)"
    )
    if accuracy.predicted:
        table.add_row(f"{accuracy.extra_share:.1%}", f"of {accuracy.predicted} people found are not there")
    if accuracy.matched:
        table.add_row(f"{accuracy.mean_error_px:.1f} px", "mean 2D error, in an image of 256 rows")
        table.add_row(f"{accuracy.mpjpe_mm:.0f} mm", "mean 3D error of a joint, necks aligned (MPJPE)")
        table.add_row(f"{accuracy.depth_error_m * 100:.0f} cm", "median error of a person's distance from the camera")
    table.show_header = False
    return table


def _places(report: Report) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for kind, path in report.files.items():
        table.add_row(_KINDS[kind], Text(str(path), "cyan"))
    table.add_row("logs", Text(f"{report.output}/*.log", "cyan"))
    if report.first_pose_s is not None:
        table.add_row("first pose", f"{report.first_pose_s:.1f} s after the start")
    return table


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )
