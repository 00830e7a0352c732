"""What else the machine did: CPU that neither this benchmark nor its processes spent."""

from __future__ import annotations

import contextlib
import os
import time

import psutil


def describe() -> str:
    """The machine in a few words."""
    model = next(
        (line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")), "unknown processor"
    )
    return f"{model}, {len(os.sched_getaffinity(0))} CPUs"


def _cpuinfo() -> list[str]:
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as info:
        return info.readlines()
    return []


class Neighbours:
    """Watches from its making on."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._busy_s, self._own_s = _busy_s(), _own_s()

    def share(self) -> float:
        """Return the part of the machine's CPUs, 0..1, that went to others."""
        elapsed_s = time.monotonic() - self._began_s
        others_s = (_busy_s() - self._busy_s) - (_own_s() - self._own_s)
        return max(0.0, others_s / elapsed_s / (os.cpu_count() or 1))


def _busy_s() -> float:
    times = psutil.cpu_times()
    # Where there are no such counters psutil leaves them out; `steal` is what the hypervisor gave to other machines.
    return sum(getattr(times, name, 0.0) for name in ("user", "system", "nice", "irq", "softirq", "steal"))


def _own_s() -> float:
    own = psutil.Process()
    spent = 0.0
    for process in (own, *own.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            spent += times.user + times.system
    return spent
