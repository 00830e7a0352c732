"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from tests.benchmarks.pipeline.plot import draw
from tests.benchmarks.pipeline.run import Plan, Run
from tests.benchmarks.pipeline.table import print_results

FOLDER = Path("build/bench")


def main(argv: list[str]) -> int:
    """Measure, print the tables, and write the JSON and the picture."""
    plan = Plan()
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="How fast the pipeline is beside the network alone and beside a plain loop; about 6 minutes. "
        "docs/benchmarks.md describes the method.",
    )
    parser.add_argument("--rounds", type=int, default=plan.rounds, help="turns of every way (%(default)s)")
    parser.add_argument("--slice", type=float, default=plan.slice_s, help="seconds of a turn (%(default)s)")
    parser.add_argument("--paced", type=float, default=plan.paced_s, help="seconds at each load (%(default)s)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for bench.json and bench.png (%(default)s)")
    arguments = parser.parse_args(argv)
    console = Console()
    if not console.is_terminal:
        console.width = 120
    with console.status("starting") as status:
        plan = Plan(rounds=arguments.rounds, slice_s=arguments.slice, paced_s=arguments.paced)
        with Run(plan, say=status.update) as run:
            results = run.carry_out()
    print_results(results, console)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "bench.json").write_text(json.dumps(results.as_json(), indent=2) + "\n")
    draw(results, arguments.folder / "bench.png")
    console.print(f"{arguments.folder}/bench.json, {arguments.folder}/bench.png", highlight=False)
    return 0
