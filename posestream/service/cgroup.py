"""What the kernel says of this process's control group and those above it, versions 1 and 2.

Inside a container the group's path may be the host's, with only the root visible: groups that are absent are passed
over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

ROOT: Final = Path("/sys/fs/cgroup")
MEMBERSHIP: Final = Path("/proc/self/cgroup")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Throttling:
    """How a CPU quota has held a group back since it was made.

    Attributes:
        periods: periods in which the group ran, where it has a quota.
        throttled: those in which it had used its quota up and was stopped.
        throttled_s: for how long, summed over its threads' CPUs.
    """

    periods: int = 0
    throttled: int = 0
    throttled_s: float = 0.0


def readings(
    read_v2: Callable[[Path], T | None], read_v1: Callable[[Path], T | None], root: Path, membership: Path
) -> list[T]:
    """Return what the readers of both versions find in the groups' folders, from the process's own up to the root."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []
    found: list[T] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            found += _upwards(root, path, read_v2)
        elif "cpu" in controllers.split(","):
            for mount in dict.fromkeys((controllers, "cpu")):
                found += _upwards(root / mount, path, read_v1)
    return found


def throttling(root: Path = ROOT, membership: Path = MEMBERSHIP) -> Throttling:
    """Return how this process has been throttled: by the group that did so the longest; zeros without a quota."""
    found = readings(_read_stat, _read_stat, root, membership)
    return max(found, key=lambda one: (one.throttled_s, one.periods), default=Throttling())


def _upwards(root: Path, path: str, read: Callable[[Path], T | None]) -> list[T]:
    group = Path(path.strip("/"))
    candidates = [root / group, *(root / parent for parent in group.parents), root]
    return [value for value in map(read, dict.fromkeys(candidates)) if value is not None]


def _read_stat(group: Path) -> Throttling | None:
    """Read `cpu.stat`, whose last field is in microseconds in version 2 and in nanoseconds in version 1."""
    try:
        stat = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
        seconds = int(stat["throttled_usec"]) / 1e6 if "throttled_usec" in stat else int(stat["throttled_time"]) / 1e9
        return Throttling(int(stat["nr_periods"]), int(stat["nr_throttled"]), seconds)
    except (OSError, ValueError, KeyError):
        return None
