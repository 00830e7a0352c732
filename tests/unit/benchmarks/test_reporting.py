"""What is made of measurements: figures, targets, tables and the picture."""

from __future__ import annotations

import io
import json

import cv2
import pytest
from rich.console import Console

from tests.benchmarks.pipeline.plot import draw
from tests.benchmarks.pipeline.results import WAYS, Latency, NetworkResults, Results, Slice
from tests.benchmarks.pipeline.table import print_results
from tests.benchmarks.pipeline.targets import judge

STAGES_MS = {"take": 0.1, "load": 0.1, "decode_image": 1, "infer": 0.2, "decode_poses": 1, "finish": 0.1, "other": 0.5}


def network(label: str, rates: dict[str, list[float]], neighbours: float = 0.0) -> NetworkResults:
    results = NetworkResults(label, people=3.0, rss_mb=300.0, ready_cold_s=2.0, ready_warm_s=[1.0, 1.2])
    for way in WAYS:
        processes = ("worker", "tracker", "server", "feeder", "subscriber") if way == "pipeline" else ("process",)
        for rate in rates[way]:
            cpu_ms = dict.fromkeys(processes, 0.3) | {processes[0]: 2000 / rate}
            results.rounds[way].append(Slice(rate, cpu_ms, neighbours))
    results.stages_ms = STAGES_MS | {"inference": 40.0}
    results.latencies = [Latency.of(load, 10.0, [20.0, 30.0, 40.0], superseded=0) for load in (0.5, 0.9)]
    return results


@pytest.fixture
def results() -> Results:
    whole = Results("a machine, 2 CPUs", {"openvino": "2026.4"}, "drawn", 100.0)
    fp32 = {"ceiling": [10, 20, 11], "stages": [10, 19, 11], "pipeline": [9.6, 19.2, 10.56], "loop": [6, 10, 7]}
    int8 = {"ceiling": [40, 80, 44], "stages": [36, 70, 40], "pipeline": [34, 68, 37.4], "loop": [20, 40, 22]}
    whole.networks = {"fp32": network("official, FP32", fp32), "int8": network("official, INT8", int8)}
    return whole


def test_ratios_are_of_the_same_round_so_that_a_slow_moment_of_the_machine_does_not_show(results):
    ratio = results.networks["fp32"].ratio("pipeline")
    assert ratio.median == pytest.approx(0.96)
    assert ratio.spread == pytest.approx(0, abs=1e-9)


def test_each_target_is_judged_by_what_was_measured(results):
    verdicts = {target.what: target.met for target in judge(results)}
    assert verdicts["(c)/(a), official, FP32"]
    assert not verdicts["(c)/(a), official, INT8"]
    assert verdicts["INT8 (c) over FP32 (d)"]
    assert verdicts["worker CPU outside inference, official, FP32"]
    results.networks["fp32"].rss_mb = 451
    results.networks["fp32"].stages_ms["decode_image"] = 4
    verdicts = {target.what: target.met for target in judge(results)}
    assert not verdicts["worker RSS, official, FP32"]
    assert not verdicts["worker CPU outside inference, official, FP32"]


def printed(results: Results) -> str:
    console = Console(file=io.StringIO(), width=120)
    print_results(results, console)
    return console.file.getvalue()


def test_the_tables_name_the_ways_with_their_figures(results):
    text = printed(results)
    assert "0.96 ± 0.00" in text
    assert "c  the whole pipeline" in text
    assert "30 / 40" in text
    assert "Other programs" not in text


def test_a_run_beside_busy_neighbours_says_so(results):
    rates = {way: [10.0, 10.0, 10.0] for way in WAYS}
    results.networks["fp32"] = network("official, FP32", rates, neighbours=0.5)
    assert "Other programs took" in printed(results)
    verdicts = {target.what: target.met for target in judge(results)}
    assert verdicts["(c)/(a), official, FP32"] is None
    assert verdicts["worker RSS, official, FP32"]


def test_the_json_has_the_figures_and_every_slice(results):
    told = json.loads(json.dumps(results.as_json()))
    pipeline = told["networks"]["fp32"]["ways"]["pipeline"]
    assert pipeline["ratio"]["median"] == pytest.approx(0.96)
    assert [each["frames_per_s"] for each in pipeline["rounds"]] == [9.6, 19.2, 10.56]


def test_the_picture_is_drawn(results, tmp_path):
    draw(results, tmp_path / "bench.png")
    image = cv2.imread(str(tmp_path / "bench.png"))
    assert image is not None
    assert image.std() > 20
