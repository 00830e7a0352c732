"""How the fleet scales, and what a larger one would take: `python -m tests.benchmarks scale`."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from tests.benchmarks.scale.run import Measured, Point, measure
from tests.benchmarks.scale.sizing import Costs, Fleet, size

SWEEP = (Point(1, 1), Point(4, 10), Point(16, 40), Point(64, 1), Point(64, 40), Point(64, 200), Point(64, 200, 3))
SATURATED = (Point(64, 200, sleep_s=0.01, load=1), Point(64, 200, 3, sleep_s=0.01, load=1))

FLEETS = tuple(
    Fleet(cameras, fps, size_kb * 1000)
    for cameras, fps, size_kb in ((10, 15, 75), (100, 15, 75), (1000, 10, 75), (1000, 15, 150), (10_000, 5, 75))
)
SECONDS = 8.0
WORKER_FPS = 35.0
"""Of a worker core: half of what two made of the official network in INT8, see docs/benchmarks.md; in FP32 it is 12."""
WIDTH = 150


def main() -> None:
    """Measure every point, print the table, and what follows from it."""
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    swept = [measure(point, SECONDS) for point in SWEEP]
    saturated = [measure(point, SECONDS) for point in SATURATED]
    console.print(points_table(swept, "slots that sleep 160 ms for a frame, offered 90 % of what they take"))
    console.print(points_table(saturated, "slots that sleep 10 ms, offered more than this machine can take"))
    dearest = max(swept[-3:], key=lambda measured: measured.spent.server_s / max(1, measured.posed))
    costs = Costs(
        WORKER_FPS,
        server_us=1e6 * dearest.each(dearest.spent.server_s),
        tracker_us=1e6 * dearest.each(dearest.spent.tracker_s),
    )
    console.print(sizes_table(costs))


def points_table(measured: list[Measured], title: str) -> Table:
    """Return the points, one in each row; CPU and bytes are for each posed frame."""
    table = Table(title=title)
    columns = ("slots", "cameras", "shards", "offered/s", "posed/s", "efficiency", "age p50, ms", "p99")
    for name in (*columns, "server µs", "tracker µs", "worker µs", "feeder µs", "in, KB", "out, KB", "machine busy"):
        table.add_column(name, justify="right")
    for one in measured:
        point, spent = one.point, one.spent
        cpu_s = (spent.server_s, spent.tracker_s, spent.workers_s, spent.feeder_s)
        table.add_row(
            *(str(each) for each in (point.slots, point.cameras, point.shards)),
            f"{point.offered:.0f}",
            f"{one.rate:.0f}",
            f"{one.efficiency:.2f}",
            *(f"{1000 * one.age_s(share):.0f}" for share in (0.5, 0.99)),
            *(f"{1e6 * one.each(each):.0f}" for each in cpu_s),
            *(f"{one.each(each) / 1000:.1f}" for each in (spent.received, spent.sent)),
            f"{100 * one.machine:.0f} %",
        )
    return table


def sizes_table(costs: Costs) -> Table:
    """Return what larger fleets would take, with these costs."""
    table = Table(
        title=f"on paper: {costs.worker_fps:.0f} frames/s a worker core, {costs.server_us:.0f} µs of the server and "
        f"{costs.tracker_us:.0f} µs of the tracker a frame"
    )
    for name in ("cameras", "fps", "KB", "frames/s", "worker cores", "shards", "Redis, MiB", "network in, Mbit/s"):
        table.add_column(name, justify="right")
    for fleet in FLEETS:
        needed = size(fleet, costs)
        table.add_row(
            f"{fleet.cameras:,}",
            f"{fleet.fps:.0f}",
            f"{fleet.image_bytes / 1000:.0f}",
            f"{fleet.frames_s:,.0f}",
            f"{needed.worker_cores:,}",
            f"{needed.shards:,}",
            f"{needed.memory_mib:,.0f}",
            f"{needed.mbit_s:,.0f}",
        )
    return table
