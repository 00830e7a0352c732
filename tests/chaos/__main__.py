"""Break everything while a recording goes through: `python -m tests.chaos [--frames N] [--seed S] [--faults N]`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tests.chaos.driver import Plan, carry_out, carry_out_for_real
from tests.chaos.schedule import Kind
from tests.chaos.table import make_table

_WIDTH = 140  # of the table in a file


def main() -> int:
    """Run, print the table; returns 1 when something is not zero that must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--frames", type=int, default=20_000, help="length of the recording (20000)")
    parser.add_argument("--faults", type=int, help="how many to inject (one for every 500 frames, and 9 at least)")
    parser.add_argument("--misbehaving", type=int, default=5, help="frames that misbehave, in each of five ways (5)")
    parser.add_argument("--seed", type=int, default=1, help="tells which faults come when, and which frames misbehave")
    parser.add_argument("--network", action="store_true", help="the demo network on synthetic people, not the stand-in")
    parser.add_argument("--minutes", type=float, default=60, help="after which the run has failed (60)")
    arguments = parser.parse_args()
    frames, seed = arguments.frames, arguments.seed
    faults = arguments.faults if arguments.faults is not None else max(len(Kind), frames // 500)
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    folder = Path(tempfile.mkdtemp(prefix="posestream-chaos-"))
    began_s = time.monotonic()
    plan = Plan(frames, faults, arguments.misbehaving, seed)
    run = carry_out_for_real if arguments.network else carry_out
    verdict, seen = run(plan, folder, arguments.minutes * 60)
    took_s = time.monotonic() - began_s
    console.print(make_table(verdict, f"{frames} frames, {faults} faults, seed {seed}, {took_s:.0f} s"))
    for what, count in verdict.wrong.items():
        console.print(f"[red]{count} {what}[/]", highlight=False)
    for detail in (*verdict.misjudged, *seen.gave_up):
        console.print(detail, highlight=False, markup=False)
    console.print(f"{len(seen.looks)} looks at the books", highlight=False)
    if verdict.wrong:
        console.print(f"logs: {folder}", highlight=False)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
