"""How many CPUs this process may really use: affinity and the container's quota, whichever is less.

OpenVINO respects the affinity by itself but not a quota: with one CPU's worth of quota on two cores it would start two
threads, and be throttled.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from posestream.service import cgroup


def usable_cpus(cgroup_root: Path = cgroup.ROOT, membership: Path = cgroup.MEMBERSHIP) -> int:
    """Return the number of CPUs this process may use, at least 1; a fractional quota is rounded down."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota(cgroup_root, membership)
    return affinity if quota is None else max(1, min(affinity, math.floor(quota)))


def cpu_quota(cgroup_root: Path, membership: Path) -> float | None:
    """Return the smallest CPU quota on the way from this process's control group to the root; None without one.

    Reads version 2 (`cpu.max`) and version 1 (`cpu.cfs_quota_us`, `cpu.cfs_period_us`).
    """
    return min(cgroup.readings(_read_v2, _read_v1, cgroup_root, membership), default=None)


def _read_v2(group: Path) -> float | None:
    try:
        quota, period = (group / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _read_v1(group: Path) -> float | None:
    try:
        quota = int((group / "cpu.cfs_quota_us").read_text())
        period = int((group / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
    return quota / period if quota > 0 and period > 0 else None
