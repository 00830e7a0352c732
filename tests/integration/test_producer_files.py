"""Files through the real producer: every frame once and in order, whatever happens on the way."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from posestream.broker import CameraStatus, Shard, ShardOperations
from posestream.messages import CaptureClock, Outcome
from tests.contract.lossy_proxy import LossyProxy
from tests.servers import EmbeddedValkey, Server
from tests.unit.producer.fleet import Fleet, Taken, eventually
from tests.unit.producer.media import MTIME_S, encoded, write_folder, write_video
from tests.unit.producer.processes import Producers


@pytest.fixture
def slow_fleet(redis_url: str, prefix: str) -> Iterator[Fleet]:
    with Fleet(redis_url, prefix, pause_s=0.02) as started:
        yield started


def status_of(shard: Shard, camera: str = "hall") -> CameraStatus:
    status = ShardOperations(shard).status(camera).cameras[camera]
    assert status.conserved
    return status


def in_flight(shard: Shard, camera: str = "hall") -> int:
    found = ShardOperations(shard).status().cameras.get(camera)
    return found.in_flight if found else 0


def media_ms(frames: list[Taken]) -> list[int]:
    """The frames' places in their file, in milliseconds."""
    return [(taken.meta.captured_ms or 0) - MTIME_S * 1000 for taken in frames]


def assert_every_frame_once(fleet: Fleet, shard: Shard, frames: int, step_ms: int = 40) -> None:
    taken = fleet.frames_of("hall")
    assert [each.token.seq for each in taken] == list(range(1, frames + 1))
    assert media_ms(taken) == [step_ms * number for number in range(frames)]
    ids = [each.token.frame_id for each in taken]
    assert ids == sorted(set(ids))
    assert fleet.published("hall") == ids
    status = status_of(shard)
    assert (status.admitted, status.outcomes[Outcome.POSED], status.in_flight) == (frames, frames, 0)


def test_a_video_arrives_whole_and_in_order_and_the_summary_says_so(
    producers: Producers, fleet: Fleet, shard: Shard, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "v.mp4", 100)

    producer = producers.run(video, "--camera", "hall")

    assert (producer.process.returncode, producer.output) == (0, "hall: 100 frames admitted: 100 posed\n")
    assert "WARNING" not in producer.log.read_text()
    assert_every_frame_once(fleet, shard, 100)
    assert {taken.meta.clock for taken in fleet.taken} == {CaptureClock.FILE}
    described = shard.client.hgetall(shard.keys.camera("hall"))
    assert described == {
        b"source": str(video).encode(),
        b"policy": b"lossless",
        b"width": b"160",
        b"height": b"120",
        b"fps": b"25.0",
        **dict.fromkeys((b"intrinsics", b"distortion", b"extrinsics"), b""),  # what an earlier producer said is over
    }


def test_a_killed_producer_is_taken_up_where_it_was(
    producers: Producers, slow_fleet: Fleet, shard: Shard, tmp_path: Path
) -> None:
    command = (write_video(tmp_path / "v.mp4", 60), "--camera", "hall", "--depth", 5)
    first = producers.start(*command)
    eventually("some frames are through", lambda: len(slow_fleet.taken) >= 20)
    first.kill()

    second = producers.run(*command)  # waits until the lease of the first has run out

    assert second.process.returncode == 0
    assert "waiting until the camera is free: another producer holds it: producer-" in "\n".join(second.messages())
    assert_every_frame_once(slow_fleet, shard, 60)


@pytest.mark.parametrize("killed", [True, False])
def test_a_producer_that_ends_while_it_waits_for_its_last_frames_plays_nothing_again(
    producers: Producers, redis_url: str, prefix: str, shard: Shard, tmp_path: Path, *, killed: bool
) -> None:
    command = (write_video(tmp_path / "v.mp4", 20), "--camera", "hall")
    shard.prepare()
    first = producers.start(*command)
    first.wait_for("20 frames in flight, but ")
    if killed:
        first.kill()
    else:
        assert first.stop() == 0
        assert first.output == "hall: 20 frames admitted: 20 still in flight\n"
        assert status_of(shard).holder == ""

    second = producers.start(*command)
    second.wait_for("20 frames in flight, but ")
    with Fleet(redis_url, prefix) as fleet:
        assert second.end() == 0
        assert second.output == (
            "hall: 0 frames admitted after 20 by an earlier start: 20 posed (of these 20 had been admitted before)\n"
        )
        assert_every_frame_once(fleet, shard, 20)


def test_a_producer_that_does_not_wait_for_its_last_frames_plays_the_file_again_when_it_is_started_again(
    producers: Producers, shard: Shard, tmp_path: Path
) -> None:
    command = (write_video(tmp_path / "v.mp4", 20), "--camera", "hall", "--no-wait")
    shard.prepare()
    for starts in (1, 2):
        assert producers.run(*command).process.returncode == 0
        assert in_flight(shard) == 20 * starts


def test_a_producer_that_slept_while_another_played_its_file_to_the_end_plays_nothing_again(
    producers: Producers, slow_fleet: Fleet, shard: Shard, tmp_path: Path
) -> None:
    command = (write_video(tmp_path / "v.mp4", 40), "--camera", "hall", "--depth", 5)
    sleeper = producers.start(*command)
    eventually("some frames are through", lambda: len(slow_fleet.taken) >= 10)
    sleeper.process.send_signal(signal.SIGSTOP)

    other = producers.run(*command, seconds=60)
    assert other.process.returncode == 0
    sleeper.process.send_signal(signal.SIGCONT)

    assert sleeper.end() == 0
    sleeper.wait_for("hall: another producer has played the source to its end meanwhile")
    assert_every_frame_once(slow_fleet, shard, 40)


def test_a_stopped_producer_gives_the_camera_up_at_once_and_the_next_goes_on(
    producers: Producers, slow_fleet: Fleet, shard: Shard, tmp_path: Path
) -> None:
    command = (write_video(tmp_path / "v.mp4", 50), "--camera", "hall", "--depth", 5)
    first = producers.start(*command)
    eventually("some frames are through", lambda: len(slow_fleet.taken) >= 20)

    assert first.stop() == 0
    assert status_of(shard).holder == ""
    assert "frames admitted: " in first.output

    second = producers.run(*command)
    assert second.process.returncode == 0
    assert "waiting until" not in second.log.read_text()
    assert "by an earlier start: " in second.output
    assert_every_frame_once(slow_fleet, shard, 50)


def test_a_producer_stops_quickly_when_the_server_has_gone_or_never_came(prefix: str, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", 100)
    with EmbeddedValkey() as server, Producers(server.url, prefix, tmp_path) as producers:
        producer = producers.start(video, "--camera", "hall", "--depth", 5)
        admitted = ("posestream_offered_frames_total", "hall", "admitted")
        eventually("five frames wait", lambda: producer.metrics().get(admitted) == 5)
        server.kill()
        producer.wait_for("server not reached")
        assert producer.stop() == 0
        assert producer.output == "hall: 5 frames admitted; the server is away, so what became of them is not known\n"

        started_without = producers.start(video, "--camera", "hall")
        started_without.wait_for("server not reached")
        assert started_without.probe("/live")[0] == 200
        assert started_without.probe("/ready")[0] == 503
        assert started_without.stop() == 0


def test_cut_connections_lose_and_double_nothing(
    producers: Producers, slow_fleet: Fleet, shard: Shard, tmp_path: Path
) -> None:
    producer = producers.start(write_video(tmp_path / "v.mp4", 80), "--camera", "hall", "--depth", 8)
    for frames in range(8, 72, 8):
        eventually("more frames are through", lambda frames=frames: len(slow_fleet.taken) >= frames)
        for connection in shard.client.client_list():
            if connection["name"].startswith("producer-"):
                shard.client.client_kill_filter(_id=connection["id"])

    assert producer.end() == 0
    assert producer.output == "hall: 80 frames admitted: 80 posed\n"
    assert_every_frame_once(slow_fleet, shard, 80)


def test_lost_replies_lose_and_double_nothing(
    server: Server, prefix: str, fleet: Fleet, shard: Shard, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "v.mp4", 100)
    with LossyProxy(server.port) as proxy, Producers(proxy.url, prefix, tmp_path) as producers:
        proxy.lose_reply_to("posestream1_register")
        producer = producers.start(video, "--camera", "hall", "--depth", 8)
        for frames in (1, 20, 40, 60, 80):
            eventually("more frames are through", lambda frames=frames: len(fleet.taken) >= frames)
            proxy.lose_reply_to("posestream1_admit")
        eventually("all frames are through", lambda: len(fleet.taken) >= 100)
        proxy.lose_reply_to("posestream1_end")

        assert producer.end() == 0
        assert producer.output == "hall: 100 frames admitted: 100 posed\n"
        assert proxy.lost >= 4
    assert_every_frame_once(fleet, shard, 100)


def test_a_server_that_lost_its_data_gets_the_file_again_from_the_start(
    producers: Producers, slow_fleet: Fleet, shard: Shard, tmp_path: Path
) -> None:
    producer = producers.start(write_video(tmp_path / "v.mp4", 40), "--camera", "hall", "--depth", 5)
    eventually("some frames are through", lambda: len(slow_fleet.taken) >= 15)
    shard.client.delete(*shard.client.keys(f"{shard.keys.prefix}:*"))

    assert producer.end() == 0
    assert "going there" in producer.wait_for("the shard asks for frame 0 instead of ")
    status = status_of(shard)
    assert (status.admitted, status.outcomes[Outcome.POSED], status.in_flight) == (40, 40, 0)
    assert len(slow_fleet.published("hall")) == 40


def test_while_nobody_works_the_producer_says_so_and_goes_on_when_somebody_does(
    producers: Producers, redis_url: str, prefix: str, shard: Shard, tmp_path: Path
) -> None:
    producer = producers.start(write_video(tmp_path / "v.mp4", 12), "--camera", "hall", "--depth", 4)
    producer.wait_for("hall: 4 frames in flight, but no pose worker is alive: start one with ")
    assert producer.probe("/live")[0] == 200

    with Fleet(redis_url, prefix) as fleet:
        assert producer.end() == 0
        assert_every_frame_once(fleet, shard, 12)


def test_the_jpegs_inside_an_avi_are_passed_on_byte_for_byte(
    producers: Producers, fleet: Fleet, shard: Shard, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "v.avi", 20, codec="MJPG")

    assert producers.run(video, "--camera", "hall").process.returncode == 0

    assert_every_frame_once(fleet, shard, 20)
    content = video.read_bytes()
    for taken in fleet.taken:
        assert taken.image in content
        assert cv2.imdecode(np.frombuffer(taken.image, np.uint8), cv2.IMREAD_COLOR).shape == (120, 160, 3)


@pytest.mark.parametrize("codec", ["mp4v", "MJPG"])
def test_a_rate_thins_a_video_by_its_own_time(
    codec: str, producers: Producers, fleet: Fleet, shard: Shard, tmp_path: Path
) -> None:
    video = write_video(tmp_path / ("v.avi" if codec == "MJPG" else "v.mp4"), 50, codec=codec)

    assert producers.run(video, "--camera", "hall", "--fps", 5).process.returncode == 0

    assert_every_frame_once(fleet, shard, 10, step_ms=200)


def test_a_loop_plays_the_file_whole_again_and_again(producers: Producers, fleet: Fleet, tmp_path: Path) -> None:
    producer = producers.start(write_video(tmp_path / "v.mp4", 10), "--camera", "hall", "--loop")
    eventually("three rounds", lambda: len(fleet.taken) >= 30)
    assert producer.stop() == 0

    assert media_ms(fleet.frames_of("hall"))[:30] == [40 * number for number in range(10)] * 3


def test_a_second_producer_waits_for_its_camera_and_takes_over(
    producers: Producers, slow_fleet: Fleet, shard: Shard, tmp_path: Path
) -> None:
    first = producers.start(write_video(tmp_path / "a.mp4", 10), "--camera", "hall", "--loop", "--depth", 4)
    eventually("the first feeds", lambda: slow_fleet.taken)
    holder = status_of(shard).holder

    second = producers.start(write_video(tmp_path / "b.mp4", 30), "--camera", "hall")
    assert holder in second.wait_for("hall: waiting until the camera is free: another producer holds it")
    assert second.probe("/ready")[0] == 503
    admitted_by_first = status_of(shard).admitted
    eventually("the first goes on", lambda: status_of(shard).admitted > admitted_by_first + 5)
    assert first.stop() == 0

    assert second.end() == 0
    assert second.output.startswith("hall: 30 frames admitted: ")
    assert media_ms(slow_fleet.frames_of("hall"))[-30:] == [40 * number for number in range(30)]


def test_cameras_of_a_file_run_beside_each_other_and_none_minds_a_broken_one(
    producers: Producers, fleet: Fleet, tmp_path: Path
) -> None:
    write_video(tmp_path / "v.mp4", 40)
    write_folder(tmp_path / "images", {"1.jpg": encoded(1), "2.jpg": encoded(2)})
    whole = write_video(tmp_path / "whole.avi", 20, codec="MJPG").read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "broken.mp4").write_bytes(bytes(1000))
    sources = {
        "video": tmp_path / "v.mp4",
        "images": tmp_path / "images",
        "cut": tmp_path / "cut.avi",
        "broken": tmp_path / "broken.mp4",
        "away": "http://127.0.0.1:9/video",
    }
    cameras = tmp_path / "cameras.toml"
    cameras.write_text("".join(f'[[camera]]\nname = "{name}"\nsource = "{at}"\n' for name, at in sources.items()))

    producer = producers.start("--cameras", cameras, "--depth", 8)

    eventually(
        "the good ones are through", lambda: (len(fleet.frames_of("video")), len(fleet.frames_of("images"))) == (40, 2)
    )
    producer.wait_for("no frames, trying on: http://127.0.0.1:9/video")
    assert "broken.mp4: can not be opened" in producer.wait_for("given up: camera broken: ")
    given_up = {name: producer.metrics()["posestream_camera_given_up", name] for name in sources}
    assert given_up == {"video": 0, "images": 0, "cut": 0, "broken": 1, "away": 0}
    assert producer.probe("/ready") == (200, {}), "a camera that will not come back holds up no rollout"
    eventually("the cut one is over", lambda: producer.probe("/live")[1].keys() & {"camera cut"} == set())
    assert "frames that it announces" in producer.wait_for("cut.avi ends after ")
    assert producer.process.poll() is None, "the camera that is away is still tried"
    assert producer.stop() == 1, "one of them was broken"
    counts = Counter(taken.token.camera for taken in fleet.taken)
    assert (counts["video"], counts["images"], counts["away"]) == (40, 2, 0)
    assert 0 < counts["cut"] < 20
    assert "video: 40 frames admitted: 40 posed\n" in producer.output


def test_a_camera_that_is_given_up_on_the_way_is_told_from_one_that_is_away(
    producers: Producers, fleet: Fleet, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "v.mp4", 10)
    cameras = tmp_path / "cameras.toml"
    cameras.write_text(
        f'[[camera]]\nname = "gone"\nsource = "{video}"\nloop = true\n'
        '[[camera]]\nname = "away"\nsource = "http://127.0.0.1:9/video"\n'
    )
    producer = producers.start("--cameras", cameras)
    eventually("frames are through", lambda: fleet.frames_of("gone"))
    assert producer.metrics()["posestream_camera_given_up", "gone"] == 0

    video.unlink()

    producer.wait_for("gone: given up: ")
    found = producer.metrics()
    assert [found["posestream_camera_given_up", name] for name in ("gone", "away")] == [1, 0]
    eventually("the process stays ready", lambda: producer.probe("/ready") == (200, {}))
    assert producer.stop() == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/no/such.mp4", "--camera", "a"], "error: camera a: source '/no/such.mp4': no such file or folder"),
        (["rtsp://user:secret@", "--camera", "a"], "error: camera a: source 'rtsp://***@': names no host"),
        (["rtsp://user:secret@host/"], "error: give rtsp://***@host/ a name with --camera NAME"),
        (["", "--camera", "a"], "error: give a SOURCE with --camera NAME"),
        (
            [os.fsdecode(b"/tmp/caf\xe9.png"), "--camera", "a"],
            "error: camera a: source: '/tmp/caf\ufffd.png' is not UTF-8: give the file, or",
        ),
        (["x.mp4", "--camera", ""], "--camera, POSESTREAM_CAMERA"),
        (["--cameras", "/no/such.toml"], "error: cameras file /no/such.toml: No such file or directory"),
    ],
)
def test_a_mistake_is_one_line_at_once(arguments: list[str], said: str, producers: Producers) -> None:
    began_s = time.monotonic()
    producer = producers.run(*arguments, seconds=10)

    log = producer.log.read_text()
    assert (producer.process.returncode, producer.output) == (1, "")
    assert said in log
    assert (log.count("\n"), "secret" in log) == (1, False)
    assert time.monotonic() - began_s < 5
