"""The demo, as a newcomer runs it: real processes, a summary that adds up, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import cv2
import httpx
import pytest

from posestream.broker import Shard, ShardOperations
from tests.demo import DemoProcess, write_grey_video, write_three_people_network
from tests.fleet import wait_until

OUTCOMES = ("posed", "superseded", "stale", "late", "dead")


@pytest.fixture
def network(tmp_path: Path) -> str:
    """A stand-in that sees the same three people everywhere: for what does not depend on what is seen."""
    return str(write_three_people_network(tmp_path / "three.xml"))


def assert_adds_up(summary: dict[str, Any]) -> None:
    for camera in summary["cameras"].values():
        assert camera["adds_up"]
        assert camera["in_flight"] == 0
        assert camera["admitted"] == sum(camera["outcomes"][name] for name in OUTCOMES)
        assert camera["outcomes"]["posed"] > 0


def assert_pictures(summary: dict[str, Any], rows: int) -> None:
    picture = cv2.imread(summary["files"]["picture"])
    assert picture is not None
    loaded, clip = cv2.imreadanimation(summary["files"]["clip"])
    assert loaded
    assert len(clip.frames) > 10
    assert picture.shape[0] > rows * 400
    assert all(picture.std(axis=(0, 1)) > 10)


def test_the_demo_finds_its_people_accounts_for_every_frame_and_cleans_up(tmp_path: Path) -> None:
    with DemoProcess(tmp_path, "--seconds", "8", "--view", "--view-port", "0") as demo:
        demo.wait_for_poses()
        address = re.search(r"http://localhost:\d+/", demo.said)
        assert address is not None
        assert [camera["online"] for camera in httpx.get(f"{address[0]}api/cameras").json()] == [True, True]
        code = demo.end()
        assert code == 0, demo.said + demo.complained
        assert demo.left_behind() == []
        summary = demo.summary()

        assert summary["passed"]
        assert summary["network"] == "workers/networks/demo.xml"
        assert set(summary["cameras"]) == {"camera-1", "camera-2"}
        assert_adds_up(summary)
        assert_pictures(summary, rows=2)
        accuracy = summary["accuracy"]
        assert accuracy["counted"] > 30
        assert accuracy["found_share"] > 0.93
        assert accuracy["extra_share"] < 0.05
        assert accuracy["mean_error_px"] < 4
        assert accuracy["mpjpe_mm"] < 100
        assert f"of {accuracy['counted']} people were found" in demo.said


def test_a_demo_of_ones_own_videos_ends_when_they_have_ended(network: str, tmp_path: Path) -> None:
    videos = [write_grey_video(tmp_path / f"{name}.mp4", seconds) for name, seconds in (("a", 3), ("b,c", 4))]
    sources = [argument for video in videos for argument in ("--source", str(video))]
    with DemoProcess(tmp_path, "--model", network, "--seconds", "0", *sources) as demo:
        assert demo.end() == 0, demo.said + demo.complained
        assert demo.left_behind() == []
        summary = demo.summary()

        assert summary["accuracy"] is None
        assert [camera["source"] for camera in summary["cameras"].values()] == [str(video) for video in videos]
        assert [camera["admitted"] for camera in summary["cameras"].values()] == [30, 40]
        assert_adds_up(summary)
        for camera in summary["cameras"].values():
            assert camera["people"] == 3 * camera["outcomes"]["posed"]
            assert camera["latency_ms"]["from"] == "admission"
        assert_pictures(summary, rows=2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])  # Ctrl-C, a closed terminal
def test_a_signal_ends_the_demo_with_its_summary(number: signal.Signals, network: str, tmp_path: Path) -> None:
    source = "synthetic:?people=1&size=320x180"
    with DemoProcess(tmp_path, "--model", network, "--seconds", "0", "--source", source, "--workers", "1") as demo:
        demo.wait_for_poses()
        demo.process.send_signal(number)

        code = demo.end(30)
        assert demo.left_behind() == []
        assert_adds_up(demo.summary())
        assert "what became of the frames" in demo.said
        assert code == (0 if demo.summary()["passed"] else 1)


def test_a_demo_that_is_killed_takes_its_processes_with_it(network: str, tmp_path: Path) -> None:
    video = write_grey_video(tmp_path / "long.mp4", 60)
    with DemoProcess(tmp_path, "--model", network, "--source", str(video)) as demo:
        demo.wait_for_poses()
        assert len(demo.children()) == 5  # server, two workers, tracker, producer
        demo.process.kill()

        wait_until(lambda: demo.children() == [], seconds=10, what="every process has gone")


def test_the_demo_goes_on_without_a_worker_that_was_killed_and_says_so(network: str, tmp_path: Path) -> None:
    video = write_grey_video(tmp_path / "long.mp4", 60)
    with DemoProcess(tmp_path, "--model", network, "--source", str(video), "--seconds", "9") as demo:
        demo.wait_for_poses()
        victim = next(pid for pid, command in demo.children() if "workers pose" in command)
        os.kill(victim, signal.SIGKILL)

        assert demo.end() == 0, demo.said + demo.complained
        assert list(demo.summary()["lost_processes"].values()) == ["was killed by SIGKILL"]
        assert "was killed by SIGKILL; its log" in demo.said
        assert_adds_up(demo.summary())


@pytest.mark.parametrize(("part", "name"), [("workers track", "track"), ("valkey-server", "server")])
def test_without_tracker_or_server_the_demo_ends_and_says_why(
    part: str, name: str, network: str, tmp_path: Path
) -> None:
    video = write_grey_video(tmp_path / "long.mp4", 60)
    with DemoProcess(tmp_path, "--model", network, "--source", str(video)) as demo:
        demo.wait_for_poses()
        os.kill(next(pid for pid, command in demo.children() if part in command), signal.SIGKILL)

        assert demo.end(30) == 1
        assert f"error: {name} was killed by SIGKILL" in demo.complained
        assert demo.left_behind() == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--source", "no-such-video.mp4"), "no such file or folder"),
        (("--source", "synthetic:?people=many"), "people must be a whole number"),
        (("--source", "ftp://camera/stream"), "unknown scheme"),
        (("--model", "no-such-network.xml"), "no such file"),
        (("--redis-url", "redis://127.0.0.1:1/0"), "--redis-url"),
        (("--workers", "0"), "--workers"),
    ],
)
def test_a_mistake_is_one_clear_line_and_starts_nothing(
    arguments: tuple[str, ...], complaint: str, network: str, tmp_path: Path
) -> None:
    model = () if "--model" in arguments else ("--model", network)
    with DemoProcess(tmp_path, *model, *arguments) as demo:
        assert demo.end(30) == 1
        assert complaint in demo.complained
        assert len(demo.complained.splitlines()) == 1
        assert demo.left_behind() == []


def test_a_camera_that_is_not_there_fails_the_demo_and_says_where_to_look(network: str, tmp_path: Path) -> None:
    sources = ("--source", "rtsp://127.0.0.1:1/nothing", "--source", str(write_grey_video(tmp_path / "a.mp4", 30)))
    with DemoProcess(tmp_path, "--model", network, "--seconds", "3", *sources) as demo:
        assert demo.end(60) == 1
        assert demo.summary()["problem"] == f"camera-1 sent no frame; its producer says why: {demo.output}/camera-1.log"
        assert "no frames, trying on" in (demo.output / "camera-1.log").read_text()
        assert demo.summary()["cameras"]["camera-2"]["outcomes"]["posed"] > 0
        assert demo.left_behind() == []


def test_a_worker_that_can_not_start_is_quoted(tmp_path: Path) -> None:
    broken = tmp_path / "broken.xml"
    broken.write_text("<net/>")
    with DemoProcess(tmp_path, "--model", str(broken)) as demo:
        assert demo.end(60) == 1
        assert "error: pose-" in demo.complained
        assert f"model {broken}" in demo.complained
        assert demo.left_behind() == []


def test_a_server_of_ones_own_can_be_used_again_and_again(
    redis_url: str, prefix: str, network: str, tmp_path: Path, shard: Shard
) -> None:
    video = write_grey_video(tmp_path / "short.mp4", 2)
    arguments = ("--model", network, "--source", str(video), "--redis-url", redis_url, "--prefix", prefix)
    for run in (1, 2):  # the second finds nothing of the first
        (tmp_path / str(run)).mkdir()
        with DemoProcess(tmp_path / str(run), *arguments) as demo:
            assert demo.end() == 0, demo.said + demo.complained
            assert demo.summary()["cameras"]["camera-1"]["admitted"] == 20
            assert demo.left_behind() == []
    assert ShardOperations(shard).status().cameras == {}
