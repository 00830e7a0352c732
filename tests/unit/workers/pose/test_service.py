"""The pose worker's service inside the test's own process."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from posestream.broker import clock as clock_module
from posestream.errors import ConfigurationError, ModelError, PosestreamError
from posestream.messages import Outcome, Policy
from posestream.service.health import Health
from posestream.service.metrics import WorkerMetrics
from posestream.service.process import StopSignal
from tests.networks import Case, write_network
from tests.unit.posestream_service.services import Camera, eventually, jpeg
from tests.unit.workers.pose.decoding.golden import golden_cases
from workers.pose.network import Inferencer
from workers.pose.service import PoseService
from workers.pose.settings import PoseSettings


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    maps = next(case.maps for case in golden_cases() if case.name == "nobody")
    path = tmp_path_factory.mktemp("network") / "nobody.xml"
    return write_network(path, [Case(maps.features, maps.heatmaps, maps.pafs)])


@pytest.fixture
def run(redis_url, prefix, model):
    """Runs the service in a thread, and has it stop at the end; the errors it ends with are in the list it gives."""
    started = []

    def run(**settings) -> list[PosestreamError]:
        stop, errors = StopSignal(), []
        given = {"redis_url": redis_url, "prefix": prefix, "model": model, "slots": 2} | settings
        service = PoseService(PoseSettings(**given), WorkerMetrics(), Health(), stop)

        def body() -> None:
            try:
                service.run()
            except PosestreamError as error:
                errors.append(error)

        thread = threading.Thread(target=body, name="service")
        thread.start()
        started.append((stop, thread))
        return errors

    yield run
    for stop, thread in started:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def test_on_a_host_whose_clock_is_an_hour_ahead_no_frame_is_taken_for_stale(shard, run, monkeypatch):
    ahead = SimpleNamespace(time=lambda: time.time() + 3600, monotonic=time.monotonic)
    monkeypatch.setattr(clock_module, "time", ahead)
    camera = Camera(shard, "lobby", Policy.LIVE, max_age_ms=60_000, depth=64)
    for _ in range(10):
        camera.admit(jpeg())
    run()
    eventually(lambda: camera.status().records == 10, "the frames have ended")

    outcomes = {fields[b"outcome"] for _, fields in shard.client.xrange(shard.keys.results)}
    assert outcomes == {Outcome.POSED.value.encode()}


def test_the_first_inference_is_over_before_any_slot_is_started(shard, run, monkeypatch):
    """Two threads that meet in a process's first inference hang in OpenVINO's Python binding, most rarely."""
    infer, threads_then = Inferencer.infer, []

    def watched(self, pixels):
        threads_then.append({thread.name for thread in threading.enumerate()})
        return infer(self, pixels)

    monkeypatch.setattr(Inferencer, "infer", watched)
    camera = Camera(shard, "lobby")
    camera.admit(jpeg())
    run()
    eventually(lambda: camera.status().records == 1, "the frame has ended")

    first, *later = threads_then
    assert "heartbeat" not in first
    assert all("heartbeat" in then for then in later)
    assert len(later) == 1


def test_an_error_that_retrying_can_not_mend_stops_the_service_and_is_raised(shard, run):
    errors = run()
    eventually(lambda: shard.client.xinfo_consumers(shard.keys.work, "pose"), "the slots work")
    shard.client.delete(shard.keys.work)
    shard.client.set(shard.keys.work, "not a stream")

    eventually(lambda: errors, "the service has ended")
    assert "WRONGTYPE" in str(errors[0])


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"model": "none.xml"}, ModelError, "no such file"),
        ({"device": "NPU"}, ConfigurationError, "not on this machine"),
        ({"shards": (7,)}, ConfigurationError, "no shard 7"),
    ],
)
def test_a_setting_that_is_no_good_ends_the_service_at_once(run, settings, kind, message):
    errors = run(**settings)
    eventually(lambda: errors, "the service has ended")

    assert isinstance(errors[0], kind)
    assert message in str(errors[0])


def test_every_shard_is_served_even_with_fewer_slots_than_shards(client, run, prefix):
    client.hset(f"{prefix}:config", "shards", 3)
    run(slots=1)

    for number in range(3):
        work = f"{prefix}:{{s{number}}}:work"
        eventually(lambda key=work: client.exists(key) and client.xinfo_consumers(key, "pose"), f"shard {number}")
