"""The benchmark itself, with the demo network alone and slices too short to mean anything."""

from __future__ import annotations

import pytest

from tests.benchmarks.pipeline.networks import Network
from tests.benchmarks.pipeline.results import WAYS
from tests.benchmarks.pipeline.run import Plan, Run
from workers.networks import DEMO_NETWORK


@pytest.mark.timeout(300)
def test_every_way_through_a_network_is_measured():
    plan = Plan(rounds=1, slice_s=1.5, paced_s=1.0, profile_s=1.0, starts=1, patience=0)
    with Run(plan, say=lambda what: None, networks=lambda _: [Network("demo", "demo", DEMO_NETWORK)]) as run:
        results = run.carry_out()
    demo = results.networks["demo"]
    assert all(demo.rate(way).median > 1 for way in WAYS)
    assert set(demo.rounds["pipeline"][0].cpu_ms) == {"worker", "tracker", "server", "feeder", "subscriber"}
    assert 1 < demo.people < 4  # of three, some of whom are hidden at times
    assert [latency.load for latency in demo.latencies] == [0.5, 0.9]
    assert all(0 < latency.p50_ms <= latency.p99_ms for latency in demo.latencies)
    assert all(demo.stages_ms[stage] > 0 for stage in ("take", "decode_image", "decode_poses", "finish", "inference"))
    assert demo.rss_mb > 50
    assert demo.ready_warm_s[0] > 0
