"""The table of a run, for people."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from tests.chaos.verdict import Row, Verdict

_COUNTS = ("times", "frames", "lost", "duplicated", "reordered", "id switches", "recovery p50, s", "p99", "max")


def make_table(verdict: Verdict, title: str) -> Table:
    """Return one row for each kind of fault that came, and one for the whole run."""
    table = Table(title=title)
    table.add_column("fault")
    for heading in (
        "times",
        "frames",
        "lost",
        "duplicated",
        "reordered",
        "id switches",
        "recovery p50, s",
        "p99",
        "max",
    ):
        table.add_column(heading, justify="right")
    for row in verdict.rows:
        if row.times or row.frames:
            table.add_row(*_cells(row))
    table.add_section()
    table.add_row(*_cells(verdict.total))
    return table


def _cells(row: Row) -> list[str]:
    counts = [row.times, row.frames, row.lost, row.duplicated, row.reordered, row.switches]
    times = np.percentile(row.recoveries_s, [50, 99, 100]) if row.recoveries_s else []
    return [row.fault, *map(str, counts), *(f"{seconds:.2f}" for seconds in times)]
