"""Cameras through the real producer: the newest frames win, and what goes away comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from posestream.broker import CameraStatus, Shard, ShardOperations
from posestream.messages import CaptureClock
from tests.unit.posestream_service import probes
from tests.unit.producer.fleet import Fleet, Taken, eventually
from tests.unit.producer.media import write_video
from tests.unit.producer.processes import Producer, Producers
from tests.unit.producer.webcams import SENSOR_MS, STEP_MS, HttpCamera, SilentPort


@pytest.fixture
def camera() -> Iterator[HttpCamera]:
    with HttpCamera() as started:
        yield started


def status_of(shard: Shard, camera: str = "yard") -> CameraStatus:
    status = ShardOperations(shard).status(camera).cameras[camera]
    assert status.conserved
    return status


def metric(producer: Producer, name: str, *labels: str) -> float:
    return producer.metrics().get((f"posestream_{name}", *labels), 0.0)


def number_of(taken: Taken) -> int:
    """Which of the HTTP camera's frames this is, by its sensor time."""
    assert taken.meta.clock is CaptureClock.SENSOR
    number, rest = divmod((taken.meta.captured_ms or 0) - SENSOR_MS, STEP_MS)
    assert rest == 0
    return number


def assert_frames_of(camera: HttpCamera, frames: list[Taken]) -> None:
    """Unchanged bytes, each frame at most once and in order."""
    numbers = [number_of(taken) for taken in frames]
    assert numbers == sorted(set(numbers))
    assert all(taken.image == camera.frame(number) for taken, number in zip(frames, numbers, strict=True))


def test_without_workers_only_the_newest_frames_wait(producers: Producers, shard: Shard, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", 25)
    producer = producers.start(video, "--camera", "yard", "--policy", "live", "--depth", 3, "--loop")
    eventually("frames are superseded", lambda: metric(producer, "offered_frames_total", "yard", "admitted") >= 10)

    for _ in range(5):
        status = status_of(shard)
        assert (status.policy, status.waiting, status.tokens) == ("live", 3, 3)
        assert status.records == status.admitted - 3
    admitted = status_of(shard).admitted
    eventually("more is admitted", lambda: status_of(shard).admitted > admitted)
    assert producer.stop() == 0
    assert (status_of(shard).waiting, status_of(shard).holder) == (3, "")


def test_a_file_played_live_keeps_its_own_speed(producers: Producers, fleet: Fleet, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", 26)

    producer = producers.run(video, "--camera", "yard", "--policy", "live")

    assert (producer.process.returncode, producer.output) == (0, "yard: 26 frames admitted: 26 posed\n")
    frames = fleet.frames_of("yard")
    assert frames[-1].token.frame_id.ms - frames[0].token.frame_id.ms == pytest.approx(1000, abs=150)


def test_motion_jpeg_passes_through_with_the_sensors_time(
    producers: Producers, fleet: Fleet, shard: Shard, camera: HttpCamera
) -> None:
    producer = producers.start(camera.url("/video"), "--camera", "yard")
    eventually("frames arrive", lambda: len(fleet.taken) >= 20)

    assert status_of(shard).policy == "live"
    assert metric(producer, "source_up", "yard") == 1
    passed = metric(producer, "passed_through_frames_total", "yard")
    assert 20 <= passed <= metric(producer, "offered_frames_total", "yard", "admitted") + 1
    assert metric(producer, "offered_bytes_total", "yard") > 20 * 1000
    assert producer.stop() == 0
    assert_frames_of(camera, fleet.frames_of("yard"))


def test_a_camera_that_vanishes_comes_back_while_its_neighbour_flows_on(
    producers: Producers, fleet: Fleet, camera: HttpCamera, tmp_path: Path
) -> None:
    with HttpCamera() as other:
        cameras = tmp_path / "cameras.toml"
        cameras.write_text(
            f'[[camera]]\nname = "yard"\nsource = "{camera.url("/video")}"\n'
            f'[[camera]]\nname = "gate"\nsource = "{other.url("/video")}"\n'
        )
        producer = producers.start("--cameras", cameras)
        eventually("both flow", lambda: len(fleet.frames_of("yard")) > 5 and len(fleet.frames_of("gate")) > 5)

        camera.vanish()
        producer.wait_for(f"no frames, trying on: {camera.url('/video')}")
        eventually("the metric says so", lambda: metric(producer, "source_up", "yard") == 0)
        before = (len(fleet.frames_of("yard")), len(fleet.frames_of("gate")))
        eventually("the neighbour flows on", lambda: len(fleet.frames_of("gate")) > before[1] + 30)
        assert len(fleet.frames_of("yard")) <= before[0] + 4, "only what was waiting"
        assert producer.probe("/live")[0] == 200

        camera.start()
        producer.wait_for(f"{camera.url('/video')}: delivers again")
        eventually("it flows again", lambda: len(fleet.frames_of("yard")) > before[0] + 20)
        assert metric(producer, "source_up", "yard") == 1
        assert metric(producer, "source_reconnects_total", "yard") >= 1
        assert metric(producer, "source_reconnects_total", "gate") == 0
        assert producer.stop() == 0
        assert_frames_of(camera, fleet.frames_of("yard"))
        assert_frames_of(other, fleet.frames_of("gate"))


def test_a_snapshot_is_fetched_at_the_rate_asked_for(producers: Producers, fleet: Fleet, camera: HttpCamera) -> None:
    producer = producers.start(camera.url("/snapshot"), "--camera", "yard", "--fps", 20)
    eventually("snapshots arrive", lambda: len(fleet.taken) >= 21)
    assert producer.stop() == 0

    frames = fleet.frames_of("yard")
    assert frames[20].token.frame_id.ms - frames[0].token.frame_id.ms == pytest.approx(1000, rel=0.3)
    assert {taken.meta.clock for taken in frames} == {CaptureClock.RECEIVE}
    assert all(taken.image in {camera.frame(number) for number in range(25)} for taken in frames)


def test_a_page_that_is_no_camera_is_said_and_tried_again(producers: Producers, camera: HttpCamera) -> None:
    producer = producers.start(camera.url("/login"), "--camera", "yard")
    assert "text/html" in producer.wait_for("no frames, trying on: ")
    eventually("it is tried again", lambda: metric(producer, "source_reconnects_total", "yard") >= 2)
    assert producer.stop() == 0
    # Lines for machines say which camera they are about, in whatever thread they were written.
    about = {line["message"]: line.get("camera") for line in probes.log_lines(producer.log)}
    assert {camera for said, camera in about.items() if "frames" in said} == {"yard"}


def test_login_data_reaches_the_camera_and_nobody_else(
    producers: Producers, fleet: Fleet, shard: Shard, camera: HttpCamera
) -> None:
    url = camera.url("/video?pwd=hidden&channel=1", login="user:secret@")
    producer = producers.start(url, "--camera", "yard", "--log-level", "DEBUG")
    eventually("frames arrive", lambda: len(fleet.taken) >= 3)
    camera.vanish()
    producer.wait_for("no frames")
    assert producer.stop() == 0

    assert camera.authorization == "Basic dXNlcjpzZWNyZXQ="
    assert "/video?pwd=hidden&channel=1" in camera.requests
    source = shard.client.hget(shard.keys.camera("yard"), "source")
    assert source == camera.url("/video?pwd=***&channel=1", login="***@").encode()
    said = producer.log.read_text() + producer.output
    assert not [word for word in ("secret", "hidden", "dXNlcjpzZWNyZXQ") if word in said]


@pytest.mark.parametrize("policy", ["live", "lossless"])
@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_camera_that_never_answers_delays_no_exit(scheme: str, policy: str, producers: Producers) -> None:
    with SilentPort() as port:
        url = f"{scheme}://127.0.0.1:{port.port}/stream"
        producer = producers.start(url, "--camera", "yard", "--policy", policy)
        producer.wait_for(f"yard: {policy} frames from {url}")
        port.take_connection()
        assert producer.probe("/live")[0] == 200
        assert producer.stop() == 0
        assert "terminate called" not in producer.log.read_text()


def test_health_and_metrics_of_a_producer_at_work(producers: Producers, fleet: Fleet, camera: HttpCamera) -> None:
    producer = producers.start(camera.url("/video"), "--camera", "yard")
    eventually("frames arrive", lambda: len(fleet.taken) >= 10)

    alive, loops = producer.probe("/live")
    assert alive == 200
    assert {"camera yard", "source of yard"} <= loops.keys()
    assert producer.probe("/ready") == (200, {})
    found = producer.metrics()
    assert found["posestream_source_up", "yard"] == 1
    for stage in ("read", "encode", "admit"):
        assert found["posestream_stage_seconds_count", stage] >= 9
    assert producer.stop() == 0
