"""What Prometheus gets to see."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from posestream import __version__
from posestream.broker import CameraStatus, ServerFacts, ShardStatus, library
from posestream.errors import ConfigurationError
from posestream.messages import Outcome
from posestream.service.metrics import ProducerMetrics, ServiceMetrics, TrackerMetrics, WorkerMetrics
from posestream.service.shard_metrics import REFUSALS, ShardLoad
from tests.unit.posestream_service.probes import samples

ROOT = Path(__file__).parents[3]
EVERY = [ProducerMetrics, WorkerMetrics, TrackerMetrics]


def shard_status(*cameras: CameraStatus) -> ShardStatus:
    return ShardStatus(
        now_ms=10_000,
        work=3,
        results=2,
        dead=1,
        bytes=500,
        max_bytes=1000,
        max_records=100,
        max_dead_bytes=100,
        tracker="t",
        epoch=7,
        workers=4,
        cameras={camera.camera: camera for camera in cameras},
    )


def camera_status(name: str = "lobby", heard_ms: int = 9_000) -> CameraStatus:
    outcomes = {outcome: number for number, outcome in enumerate(Outcome)}
    return CameraStatus(
        camera=name,
        policy="live",
        admitted=15,
        outcomes=outcomes,
        waiting=2,
        tokens=3,
        records=2,
        bytes=500,
        refused={"held": 6},
        heard_ms=heard_ms,
        holder="p",
    )


def families(metrics: ServiceMetrics) -> dict[str, object]:
    return {
        family.name: family for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())
    }


def scraped(metrics: ServiceMetrics) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families(metrics).values()
        for sample in family.samples
    }


@pytest.mark.parametrize("kind", EVERY)
def test_names_units_and_texts_are_what_prometheus_asks_for(kind):
    metrics = kind()
    if isinstance(metrics, TrackerMetrics):
        metrics.shards.update(0, shard_status(camera_status()))
    found = families(metrics)

    assert found
    for name, family in found.items():
        assert re.fullmatch(r"(posestream|process)_[a-z][a-z_]*[a-z]", name), name
        assert family.documentation, name
        assert not re.search(r"(_ms|_millis|_minutes)$", name), f"{name}: seconds and bytes are the base units"
        if family.type == "counter":
            assert all(sample.name == f"{name}_total" for sample in family.samples)
        if family.type == "histogram":
            assert name.endswith("_seconds"), name


@pytest.mark.parametrize("kind", EVERY)
def test_no_histogram_is_labelled_by_camera(kind):
    for family in families(kind()).values():
        if family.type == "histogram":
            assert all(sample.labels.keys() <= {"stage", "policy", "le"} for sample in family.samples)


@pytest.mark.parametrize("kind", EVERY)
def test_every_stage_is_exported_before_it_has_run_for_the_first_time(kind):
    counts = {key[1]: value for key, value in scraped(kind()).items() if key[0] == "posestream_stage_seconds_count"}

    assert counts == dict.fromkeys(kind.STAGES, 0)


@pytest.mark.parametrize("kind", EVERY)
def test_every_process_says_its_version_its_cpu_time_and_whether_it_is_throttled(kind):
    seen = scraped(kind())

    assert seen["posestream_build_info", __version__] == 1
    assert seen["process_cpu_seconds_total",] > 0
    assert seen["process_resident_memory_bytes",] > 1e6
    assert seen["posestream_cpu_throttled_periods_total",] <= seen["posestream_cpu_periods_total",]
    assert seen["posestream_cpu_throttled_seconds_total",] >= 0


def test_what_may_happen_is_counted_from_zero_so_that_the_first_time_is_an_increase():
    seen = scraped(WorkerMetrics())

    for outcome in ("posed", "stale", "dead", "lost"):
        assert seen["posestream_worker_frames_total", outcome] == 0
    for what in ("functions", "group", "stray_entry"):
        assert seen["posestream_broker_recoveries_total", what] == 0
    reasons = {key[1] for key in seen if key[0] == "posestream_worker_dead_letters_total"}
    reported = "\n".join(path.read_text() for path in (ROOT / "workers" / "pose").glob("*.py"))
    reported += (ROOT / "posestream" / "image.py").read_text()
    named = set(re.findall(r'reason="(\w+)"|Outcome\.DEAD, "(\w+)"|_note_dead\(token, "(\w+)"', reported))
    assert reasons == {name for names in named for name in names if name}


def test_a_stage_is_timed_even_when_it_fails():
    metrics = WorkerMetrics()

    def fail() -> None:
        with metrics.stages("infer"):
            time.sleep(0.02)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    seen = scraped(metrics)
    assert seen["posestream_stage_seconds_count", "infer"] == 1
    assert 0.02 <= seen["posestream_stage_seconds_sum", "infer"] < 1
    assert seen["posestream_stage_seconds_bucket", "0.01", "infer"] == 0
    assert seen["posestream_stage_seconds_count", "load"] == 0


def test_two_sets_of_metrics_in_a_process_do_not_mix():
    first, second = WorkerMetrics(), WorkerMetrics()
    first.people.inc(3)

    assert scraped(first)["posestream_worker_people_total",] == 3
    assert scraped(second)["posestream_worker_people_total",] == 0


def test_metrics_are_served_over_http():
    metrics = WorkerMetrics()
    port = metrics.serve("127.0.0.1", 0)
    metrics.finished.labels("posed").inc(5)

    assert samples(port)["posestream_worker_frames_total", "posed"] == 5


def test_a_port_in_use_is_a_configuration_error_that_names_it():
    port = WorkerMetrics().serve("127.0.0.1", 0)

    with pytest.raises(ConfigurationError, match=f"metrics port 127.0.0.1:{port}: .*in use"):
        WorkerMetrics().serve("127.0.0.1", port)


# The shard's own counters ---------------------------------------------------------------------------------------------


def test_the_servers_counters_are_exported_per_camera():
    metrics = TrackerMetrics()
    metrics.shards.update(0, shard_status(camera_status()))
    seen = scraped(metrics)

    assert seen["posestream_frames_admitted_total", "lobby"] == 15
    for number, outcome in enumerate(Outcome):
        assert seen["posestream_frames_total", "lobby", outcome.value] == number
    assert seen["posestream_frames_refused_total", "lobby", "held"] == 6
    assert seen["posestream_frames_refused_total", "lobby", "backlog"] == 0
    assert seen["posestream_frames_waiting", "lobby"] == 2
    assert seen["posestream_frames_in_flight", "lobby"] == 5
    assert seen["posestream_camera_silence_seconds", "lobby"] == 1


def test_the_shard_itself_is_exported_with_its_limits():
    metrics = TrackerMetrics()
    metrics.shards.update(2, shard_status())
    seen = scraped(metrics)

    facts = {key[0].removeprefix("posestream_shard_"): value for key, value in seen.items() if key[1:] == ("2",)}
    assert facts == {
        "work_entries": 3,
        "result_entries": 2,
        "records_limit": 100,
        "dead_letters": 1,
        "frame_bytes": 500,
        "frame_bytes_limit": 1000,
        "worker_slots": 4,
    }


def test_every_reason_of_a_refusal_is_exported_and_every_kind_of_mismatch_and_no_other():
    assert set(REFUSALS) == set(re.findall(r"'refused_(\w+)'", library.source()))
    kinds = set(re.findall(r"return (?:nil, )?\{ 'mismatch', '(\w+)'", library.source()))
    seen = scraped(TrackerMetrics())
    assert {key[1] for key in seen if key[0] == "posestream_tracker_mismatches_total"} == kinds


def test_cameras_say_by_which_policy_they_are_admitted():
    metrics = TrackerMetrics()
    metrics.shards.update(0, shard_status(camera_status()))

    assert scraped(metrics)["posestream_camera_info", "lobby", "live"] == 1


def test_the_shards_server_is_exported_and_goes_with_the_shard():
    metrics = TrackerMetrics()
    server = ServerFacts(
        memory_bytes=10,
        memory_limit_bytes=20,
        clients=3,
        commands=400,
        received_bytes=5000,
        sent_bytes=6000,
        cpu_s=7.5,
        evicted_keys=1,
    )
    metrics.shards.update(1, shard_status(), server=server)
    seen = {key[0]: value for key, value in scraped(metrics).items() if key[0].startswith("posestream_server_")}

    assert seen == {
        "posestream_server_memory_bytes": 10,
        "posestream_server_memory_limit_bytes": 20,
        "posestream_server_clients": 3,
        "posestream_server_commands_total": 400,
        "posestream_server_received_bytes_total": 5000,
        "posestream_server_sent_bytes_total": 6000,
        "posestream_server_cpu_seconds_total": 7.5,
        "posestream_server_evicted_keys_total": 1,
    }
    metrics.shards.update(1, None)
    assert not any(key[0].startswith("posestream_server_") for key in scraped(metrics))


def test_what_drives_autoscaling_is_exported_as_far_as_it_is_known_and_goes_with_the_shard():
    metrics = TrackerMetrics()
    metrics.shards.update(0, shard_status(), ShardLoad(offered_load=None, backlog_s=4.0, worker_fps=8.0))
    metrics.shards.update(1, shard_status(), ShardLoad(offered_load=2.5, backlog_s=0.0, worker_fps=8.0))
    seen = scraped(metrics)

    assert ("posestream_offered_load", "0") not in seen
    assert seen["posestream_backlog_seconds", "0"] == 4
    assert seen["posestream_offered_load", "1"] == 2.5
    assert seen["posestream_assumed_worker_fps", "1"] == 8

    metrics.shards.update(1, None)
    assert ("posestream_offered_load", "1") not in scraped(metrics)


def test_a_camera_heard_of_in_the_future_is_not_silent_for_negative_time():
    metrics = TrackerMetrics()
    metrics.shards.update(0, shard_status(camera_status(heard_ms=11_000)))

    assert scraped(metrics)["posestream_camera_silence_seconds", "lobby"] == 0


def test_a_shard_this_process_no_longer_speaks_for_is_gone_and_others_stay():
    metrics = TrackerMetrics()
    metrics.shards.update(0, shard_status(camera_status("a")))
    metrics.shards.update(1, shard_status(camera_status("b")))
    metrics.shards.update(0, None)
    metrics.shards.update(5, None)
    seen = scraped(metrics)

    assert ("posestream_frames_admitted_total", "b") in seen
    assert ("posestream_frames_admitted_total", "a") not in seen
    assert ("posestream_shard_work_entries", "0") not in seen


def test_a_name_with_quotes_and_backslashes_comes_through():
    metrics = TrackerMetrics()
    metrics.shards.update(0, shard_status(camera_status('a"b\\c')))

    assert scraped(metrics)["posestream_frames_admitted_total", 'a"b\\c'] == 15
