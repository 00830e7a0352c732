"""The producer and a real RTSP server: Motion JPEG and H.264, lost connections, paths that do not exist."""

from __future__ import annotations

import json
import math
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
import pytest

from posestream.image import ImageHeader, ImageLimits, check_image
from posestream.keys import FrameId
from posestream.messages import CaptureClock, decode_meta
from tests.fleet import Fleet, wait_until
from tests.servers import free_port
from tests.unit.posestream_service.probes import samples
from tests.unit.producer.media import write_video

# The bindings are Debian's, so they are for its Python and not for the one that the tests run in.
COMMAND = ["/usr/bin/python3", "-I", str(Path(__file__).with_name("rtsp_server.py"))]
# The colours of videotestsrc's seven bars, BGR in corners of the cube.
BARS = [(1, 1, 1), (0, 1, 1), (1, 1, 0), (0, 1, 0), (1, 0, 1), (0, 0, 1), (1, 0, 0)]

pytestmark = pytest.mark.system


class RtspServer:
    """The server of test pictures on a free port, which it keeps when started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, path: str, login: str = "") -> str:
        return f"rtsp://{login}127.0.0.1:{self.port}/{path}"

    def start(self) -> None:
        with (self._folder / "rtsp-server.txt").open("ab") as output:
            self._process = subprocess.Popen([*COMMAND, str(self.port)], stdout=output, stderr=output)
        wait_until(self._listens, seconds=20, what="the RTSP server listens")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=20)
            self._process = None

    def hang(self) -> None:
        """Keep connections open and say nothing any more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


class Producer:
    """A producer's process, seen through its log, its metrics and the server's counts."""

    def __init__(self, fleet: Fleet, *arguments: str) -> None:
        self._fleet = fleet
        self._metrics_port = free_port()
        self.process = fleet.start("producer", "run", *arguments, "--metrics-port", str(self._metrics_port))

    def admitted(self, camera: str) -> int:
        status = self._fleet.operations.status().cameras.get(camera)
        return status.admitted if status else 0

    def wait_for_frames(self, camera: str, count: int = 1, *, seconds: float = 20) -> None:
        """Wait until that many more frames are admitted."""
        goal = self.admitted(camera) + count
        wait_until(lambda: self.admitted(camera) >= goal, seconds=seconds, what=f"{count} more frames of {camera}")

    def metric(self, name: str, camera: str) -> float:
        try:
            return samples(self._metrics_port).get((f"posestream_{name}", camera), 0.0)
        except OSError:  # it has not come that far yet, or is no more
            return math.nan

    def wait_until_lost(self, camera: str) -> None:
        wait_until(lambda: self.metric("source_up", camera) == 0, seconds=15, what=f"{camera} is lost")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=5)


@pytest.fixture(scope="module")
def codecs() -> set[str]:
    """What the RTSP server can encode on this machine."""
    try:
        done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip(f"there is no {COMMAND[0]}")
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["it says nothing"]
        pytest.skip(f"{COMMAND[0]} has no GStreamer RTSP server (tests/system/install-packages): {lines[-1]}")
    return set(done.stdout.split())


@pytest.fixture
def rtsp(codecs: set[str], tmp_path: Path) -> Iterator[RtspServer]:
    if "jpeg" not in codecs:
        pytest.skip("GStreamer has no JPEG encoder (tests/system/install-packages)")
    with RtspServer(tmp_path) as server:
        yield server


@pytest.fixture
def fleet(redis_url: str, prefix: str, tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(redis_url, prefix, tmp_path) as processes:
        yield processes


@pytest.mark.parametrize("codec", ["jpeg", "h264"])
def test_frames_of_a_network_camera_are_admitted(codec: str, codecs: set[str], rtsp: RtspServer, fleet: Fleet) -> None:
    if codec not in codecs:
        pytest.skip(f"GStreamer has no encoder for {codec}")
    producer = Producer(fleet, rtsp.url(codec), "--camera", "yard")
    producer.wait_for_frames("yard", 20)

    described = fleet.operations.descriptions()["yard"]
    assert {name: described[name] for name in ("source", "policy", "width", "height")} == {
        "source": rtsp.url(codec),
        "policy": "live",
        "width": "640",
        "height": "360",
    }
    [(entry_id, entry), *_] = fleet.shard.client.xrevrange(fleet.shard.keys.frames("yard"), count=1)
    meta = decode_meta(entry[b"meta"])
    assert meta.error is None
    assert meta.clock in {CaptureClock.RECEIVE, CaptureClock.SENSOR}
    assert meta.captured_ms is not None
    assert abs(time.time() * 1000 - meta.captured_ms) < 5000
    assert -100 < FrameId.parse(entry_id).ms - meta.captured_ms < 2000
    assert check_image(entry[b"image"], ImageLimits()) == ImageHeader("jpeg", 640, 360)
    pixels = cv2.imdecode(np.frombuffer(entry[b"image"], np.uint8), cv2.IMREAD_COLOR)
    assert [tuple(pixels[60, 45 + 91 * bar] // 128) for bar in range(7)] == BARS
    passed_through = producer.metric("passed_through_frames_total", "yard")
    assert passed_through > 0 if codec == "jpeg" else passed_through == 0
    assert producer.stop() == 0


def test_a_lost_camera_comes_back_and_its_neighbour_never_waits(rtsp: RtspServer, fleet: Fleet, tmp_path: Path) -> None:
    video = write_video(tmp_path / "neighbour.mp4", 50)
    cameras = tmp_path / "cameras.toml"
    cameras.write_text(
        f'[[camera]]\nname = "yard"\nsource = "{rtsp.url("jpeg")}"\n'
        f'[[camera]]\nname = "neighbour"\nsource = "{video}"\npolicy = "live"\nloop = true\n'
    )
    producer = Producer(fleet, "--cameras", str(cameras))
    producer.wait_for_frames("yard", 5)
    producer.wait_for_frames("neighbour", 5)

    rtsp.kill()
    producer.wait_until_lost("yard")
    producer.wait_for_frames("neighbour", 25, seconds=5)
    wait_until(
        lambda: producer.metric("source_reconnects_total", "yard") > 0, seconds=10, what="an attempt to reconnect"
    )
    assert producer.metric("source_up", "neighbour") == 1
    before = producer.admitted("yard")
    producer.wait_for_frames("neighbour", 5, seconds=5)
    assert producer.admitted("yard") == before

    rtsp.start()
    producer.wait_for_frames("yard", 5)
    assert producer.metric("source_up", "yard") == 1
    producer.wait_for_frames("neighbour", 25, seconds=5)
    assert producer.metric("source_reconnects_total", "neighbour") == 0
    assert producer.stop() == 0


def test_the_producer_stops_while_its_camera_is_gone(rtsp: RtspServer, fleet: Fleet) -> None:
    producer = Producer(fleet, rtsp.url("jpeg"), "--camera", "yard")
    producer.wait_for_frames("yard")
    rtsp.kill()
    producer.wait_until_lost("yard")
    assert producer.stop() == 0


def test_the_producer_stops_while_its_camera_hangs(rtsp: RtspServer, fleet: Fleet) -> None:
    producer = Producer(fleet, rtsp.url("jpeg"), "--camera", "yard")
    producer.wait_for_frames("yard")
    rtsp.hang()
    assert producer.stop() == 0


def test_a_path_that_does_not_exist_is_tried_again_and_no_password_told(rtsp: RtspServer, fleet: Fleet) -> None:
    producer = Producer(fleet, rtsp.url("nope", "user:secret@"), "--camera", "yard", "--log-level", "DEBUG")
    wait_until(lambda: producer.metric("source_reconnects_total", "yard") >= 2, seconds=20, what="two more attempts")
    assert producer.process.poll() is None
    assert fleet.operations.descriptions()["yard"]["source"] == rtsp.url("nope", "***@")
    assert producer.stop() == 0

    logs = fleet.logs()
    warnings = [line for line in logs.splitlines() if line.startswith("{") and json.loads(line)["level"] == "WARNING"]
    assert len(warnings) == 1
    assert f"{rtsp.url('nope', '***@')}: can not be opened" in json.loads(warnings[0])["message"]
    assert producer.admitted("yard") == 0
    assert "secret" not in logs
