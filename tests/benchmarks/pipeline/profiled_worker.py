"""The pose worker as it is, with its stages timed in CPU instead of wall time: `… profiled_worker REPORT FLAGS…`.

The flags are those of `python -m workers pose`. When it has stopped, REPORT holds JSON: frames, and CPU milliseconds
per frame of each stage, of everything else its own threads did, and of OpenVINO's threads.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from posestream.service import metrics
from posestream.service.metrics import WorkerMetrics
from posestream.service.process import run_service
from workers.pose import app
from workers.pose.heartbeat import Heartbeat
from workers.pose.slot import Slot


class Meter(WorkerMetrics):
    """The worker's metrics, kept for the report, and the CPU that its threads have spent."""

    instance: Meter

    def __init__(self) -> None:
        super().__init__()
        Meter.instance = self
        self.own_s: list[float] = []
        self.process_began_s = 0.0

    def report(self) -> dict[str, float]:
        """CPU milliseconds per frame, and `frames`."""
        frames = sum(self._sample("posestream_worker_frames_total", outcome=outcome) for outcome in ("posed", "dead"))
        stages = {name: self._sample("posestream_stage_seconds_sum", stage=name) for name in self.STAGES}
        own_s = sum(self.own_s)
        parts = {**stages, "other": own_s - sum(stages.values())}
        parts["inference"] = time.process_time() - self.process_began_s - own_s
        return {"frames": frames, **{name: 1000 * seconds / frames for name, seconds in parts.items()}}

    def _sample(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


def metered(run: Callable[[Any], None]) -> Callable[[Any], None]:
    """Wrap what a thread of the worker runs."""

    def wrapper(of: Any) -> None:
        meter = Meter.instance
        meter.process_began_s = meter.process_began_s or time.process_time()
        began_s = time.thread_time()
        run(of)
        meter.own_s.append(time.thread_time() - began_s)

    return wrapper


def main(argv: list[str]) -> int:
    """Run the pose worker and write the report."""
    report = Path(argv[0])
    with (
        patch.object(metrics, "time", SimpleNamespace(perf_counter=time.thread_time)),
        patch.object(app, "WorkerMetrics", Meter),
        patch.object(Slot, "run", metered(Slot.run)),
        patch.object(Heartbeat, "run", metered(Heartbeat.run)),
    ):
        code = app.main(argv[1:])
    report.write_text(json.dumps(Meter.instance.report()))
    return code


if __name__ == "__main__":
    run_service(main)
