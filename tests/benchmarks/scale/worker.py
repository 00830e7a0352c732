"""One worker process of the simulation: `python -m tests.benchmarks.scale.worker URL PREFIX SLOTS SLEEP_S`."""

from __future__ import annotations

import signal
import sys
import threading

from posestream.broker import connect, read_topology
from tests.benchmarks.tracker import walking
from tests.slots import Worker


def main(url: str, prefix: str, slots: str, sleep_s: str) -> None:
    """Take, sleep and finish until told to stop."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    worker = Worker(url, read_topology(connect(url, name="worker"), prefix), int(slots), float(sleep_s), walking(0))
    worker.start()
    ended.wait()
    worker.stop()
    worker.join()
    if worker.failures:
        raise worker.failures[0]


if __name__ == "__main__":
    main(*sys.argv[1:])
