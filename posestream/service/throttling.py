"""What a CPU quota does to this process, exported by the process itself: no agent on the node is needed to see it."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from posestream.service import cgroup


class ThrottlingCollector(Collector):
    """Reads the control group's counters whenever Prometheus asks."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families; all zero without a quota."""
        seen = cgroup.throttling()
        yield CounterMetricFamily(
            "posestream_cpu_periods", "Scheduling periods in which the CPU quota was in force", value=seen.periods
        )
        yield CounterMetricFamily(
            "posestream_cpu_throttled_periods", "Those in which the quota was used up", value=seen.throttled
        )
        yield CounterMetricFamily(
            "posestream_cpu_throttled_seconds", "Time for which the quota stopped threads", value=seen.throttled_s
        )
