"""Offer three times what the workers can take, with workers and tracker there or away: `python -m tests.overload`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.overload.figures import memory_bound, percentile, worst_to_mean
from tests.overload.run import Observed, Plan, State, carry_out

WIDTH = 120
MIB = 1024 * 1024


def plan_of(minutes: float, cameras: int = 20) -> Plan:
    """Return a run of this length, half of it without workers or tracker; of the cameras one is fast and one slow."""
    fps = {f"camera-{number:02}": 15.0 for number in range(cameras - 2)} | {"fast": 60.0, "slow": 2.0}
    slots = 3
    away_s = minutes * 60 / 4
    back_s = minutes * 60 / 6
    phases = [(State.OVERLOADED, back_s), (State.NO_WORKERS, away_s), (State.BACK, back_s)]
    phases += [(State.NO_TRACKER, away_s), (State.BACK, back_s)]
    return Plan(fps, 75_000, slots, 3 * slots / sum(fps.values()), phases, max_records=10_000, retain=300)


def table(plan: Plan, seen: Observed) -> Table:
    """Return what is shown."""
    made = Table(title=f"{len(plan.fps)} cameras offer {plan.times_capacity:.1f} times what {plan.slots} slots take")
    for name in ("state", "seconds", "most memory, MiB", "most records", "poses", "age p50, s", "p99", "worst ÷ mean"):
        made.add_column(name, justify="left" if name == "state" else "right")
    for phase, (_, seconds) in zip(seen.phases, plan.phases, strict=True):
        ages_s = [pose.age_s for pose in phase.posed]
        shown = [f"{percentile(ages_s, share):.2f}" for share in (0.5, 0.99)] if ages_s else ["", ""]
        made.add_row(
            phase.state,
            f"{seconds:.0f}",
            f"{(max(look.memory for look in phase.looks) - seen.idle_memory) / MIB:.1f}",
            str(max(look.records for look in phase.looks)),
            str(len(ages_s)),
            *shown,
            f"{worst_to_mean(plan, phase):.2f}" if ages_s else "",
        )
    return made


def main() -> int:
    """Run and print; returns 1 when the books did not add up or the memory was above its bound."""
    parser = argparse.ArgumentParser(prog="python -m tests.overload", description=__doc__)
    parser.add_argument("--minutes", type=float, default=6, help="length of the run (6)")
    plan = plan_of(parser.parse_args().minutes)
    with tempfile.TemporaryDirectory(prefix="posestream-overload-") as folder:
        seen = carry_out(plan, Path(folder))
    looks = [look for phase in seen.phases for look in phase.looks]
    bound, most = memory_bound(plan), max(look.memory for look in looks) - seen.idle_memory
    unaccounted = sum(look.unaccounted > 0 for look in looks)
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    console.print(table(plan, seen))
    console.print(f"memory: at most {most / MIB:.1f} MiB beyond an idle server's; bound {bound / MIB:.1f} MiB")
    console.print(
        f"{sum(seen.offered.values())} frames offered, {sum(seen.admitted.values())} admitted, "
        f"{sum(seen.refused.values())} refused; {len(looks)} looks at the books, {unaccounted} did not add up; "
        f"{seen.left} frames left without an end"
    )
    return int(most > bound or unaccounted > 0 or seen.left > 0)


if __name__ == "__main__":
    sys.exit(main())
