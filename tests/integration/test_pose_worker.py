"""The pose worker as a real process on a real server, with a network whose answers are known."""

from __future__ import annotations

import os
import signal
import struct
import time
import zlib

import msgpack
import numpy as np
import pytest
import redis

from posestream.broker import Shard, ShardOperations, connect
from posestream.keys import WORK_GROUP, ShardKeys
from posestream.messages import FrameMeta, Intrinsics, Outcome, Policy, encode_meta
from posestream.skeleton import PELVIS
from tests.networks import Case, write_network
from tests.servers import EmbeddedValkey
from tests.unit.posestream_service.services import HD, Camera, Service, Services, eventually, jpeg
from tests.unit.workers.pose.decoding.synthetic_maps import draw_maps, project_px, standing
from workers.pose.decoding import View

NOBODY, TWO, ONE = range(3)  # the last is also the answer to what is brighter, as padding makes it
NECKS = {NOBODY: [], TWO: [(-1.0, -0.4, 4.0), (0.9, -0.5, 4.6)], ONE: [(-0.2, -0.5, 4.2)]}

# A 720p frame fills its input of 448 x 256 at one scale, and what goes beyond is cut off on the right.
HD_VIEW = View((720 / 256, 720 / 256), (0.0, 0.0), Intrinsics.assumed(*HD))


def people_m(case: int) -> np.ndarray:
    """The people in a 720p frame of a case: (P, 19, 3) metres."""
    return np.array([standing(neck) for neck in NECKS[case]]).reshape(-1, 19, 3)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    maps = [draw_maps(people_m(case), HD_VIEW, (32, 56)) for case in NECKS]
    cases = [Case(each.features, each.heatmaps, each.pafs) for each in maps]
    return str(write_network(tmp_path_factory.mktemp("network") / "known.xml", cases))


@pytest.fixture
def services(redis_url, prefix, tmp_path):
    with Services(redis_url, prefix, tmp_path) as started:
        yield started


@pytest.fixture
def own_server():
    """A server that may be stopped and have its connections cut."""
    server = EmbeddedValkey()
    yield server
    server.kill()


# One fleet for what does no harm to it --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fleet_shard(server):
    client = connect(server.url, name="test")
    shard = Shard(client, ShardKeys("test-pose-worker", 0))
    shard.prepare()
    yield shard
    client.close()


@pytest.fixture(scope="module")
def worker(server, fleet_shard, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    with Services(server.url, fleet_shard.keys.prefix, folder) as services:
        services.start("track")
        yield services.start("pose", "--model", model, "--networks", "2").wait_for("ready to work")


@pytest.fixture
def camera(fleet_shard, worker, request):
    return Camera(fleet_shard, request.node.name[:100])


def test_frames_become_poses_with_the_people_that_are_in_them(camera):
    order = [TWO, NOBODY, ONE, ONE, TWO, NOBODY] * 5
    ids = [camera.admit(jpeg(case)) for case in order]
    status = camera.drained()
    poses = camera.poses()

    assert status.outcomes[Outcome.POSED] == len(order)
    assert [pose.id for pose in poses] == ids
    for pose, case in zip(poses, order, strict=True):
        assert (pose.camera, pose.size_wh, pose.intrinsics) == (camera.name, HD, Intrinsics.assumed(*HD))
        expected_m = people_m(case)
        assert len(pose.people) == len(expected_m)
        for person in pose.people:
            distances_m = np.linalg.norm(expected_m - person.joints_m, axis=-1).max(axis=-1)  # (P,) the worst joint
            assert distances_m.min() < 0.15
            drawn_px = project_px(expected_m[distances_m.argmin()], HD_VIEW)
            seen = np.isfinite(person.joints_px).all(axis=1)
            assert seen.sum() == 18
            assert not seen[PELVIS]
            assert np.abs(person.joints_px - drawn_px)[seen].max() < 8  # a cell of the maps is 22.5 px


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def gigantic_png() -> bytes:
    """A few hundred bytes that claim to be 3.6 billion pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


BAD_FRAMES = {
    "empty": (b"", b""),
    "not_an_image": (b"This is no picture.", b""),
    "truncated": (jpeg()[:-200], b""),
    "too_large": (gigantic_png(), b""),
    "bad_meta": (jpeg(), b"\xc1\xc1"),
    "newer meta": (jpeg(), msgpack.packb({"schema": 99})),
    "unreadable": (b"", encode_meta(FrameMeta(error="the file ends in the middle"))),
}


def test_each_bad_frame_is_one_dead_letter_with_its_reason_and_its_neighbours_are_posed(camera, fleet_shard, worker):
    bad_seqs = {}
    for name, (image, meta) in BAD_FRAMES.items():
        camera.admit(jpeg(ONE))
        camera.admit(image, meta)
        bad_seqs[2 * len(bad_seqs) + 2] = name
    camera.admit(jpeg(ONE))
    status = camera.drained()
    letters = {
        int(letter["seq"]): letter
        for letter in ShardOperations(fleet_shard).dead_letters()
        if letter["camera"] == camera.name
    }

    assert camera.seqs() == [seq for seq in range(1, 2 * len(BAD_FRAMES) + 2) if seq not in bad_seqs]
    assert status.outcomes[Outcome.DEAD] == len(BAD_FRAMES)
    assert {seq: letter["reason"] for seq, letter in letters.items()} == {
        seq: "bad_meta" if name == "newer meta" else name for seq, name in bad_seqs.items()
    }
    assert {letter["deliveries"] for letter in letters.values()} == {"1"}
    errors = {bad_seqs[seq]: letter["error"] for seq, letter in letters.items()}
    assert errors["unreadable"] == "the file ends in the middle"
    assert "60000 x 60000" in errors["too_large"]
    assert "99" in errors["newer meta"]
    assert worker.process.poll() is None


def test_a_live_frame_that_is_too_old_is_stale(fleet_shard, worker):
    camera = Camera(fleet_shard, "stale", Policy.LIVE, max_age_ms=1000, depth=10)
    camera.admit(jpeg(ONE), age_ms=5000)
    camera.admit(jpeg(ONE))
    status = camera.drained()

    assert (status.outcomes[Outcome.STALE], status.outcomes[Outcome.POSED]) == (1, 1)
    assert camera.seqs() == [2]


def test_frames_of_any_aspect_ratio_are_posed_even_when_there_is_no_network_for_them(camera, worker):
    """With two networks for five shapes: 448 for 16:9, 336 for 4:3; the others are padded or cut to those."""
    sizes = [HD, (640, 480), HD, (640, 480), (720, 1280), (1024, 1024), (2000, 500)] * 2
    for size_wh in sizes:
        camera.admit(jpeg(ONE, size_wh))
    camera.drained()
    poses = camera.poses()

    assert [pose.size_wh for pose in poses] == sizes
    assert worker.metrics()["posestream_worker_networks",] == 2
    # The network answers every shape alike, so the joints are at one place of its input: in the frame that is the
    # place times frame pixels per input pixel.
    frame_px_per_input_px = {
        HD: 720 / 256,
        (640, 480): 480 / 256,
        (720, 1280): 1280 / 256,  # fills the height of a wider input
        (1024, 1024): 1024 / 256,
        (2000, 500): 2000 / 448,  # fills the width of a narrower input
    }
    expected_px = project_px(people_m(ONE)[0], HD_VIEW) / frame_px_per_input_px[HD]
    for pose in poses:
        (person,) = pose.people
        input_px = person.joints_px / frame_px_per_input_px[pose.size_wh]
        assert np.nanmax(np.abs(input_px - expected_px)) < 4


def test_positions_are_in_pixels_of_the_source_when_the_producer_scaled_the_image(camera):
    camera.admit(jpeg(ONE))
    camera.admit(jpeg(ONE), encode_meta(FrameMeta(source_wh=(2560, 1440), captured_ms=1234)))
    camera.drained()
    small, large = camera.poses()

    assert (large.size_wh, large.captured_ms) == ((2560, 1440), 1234)
    np.testing.assert_allclose(large.people[0].joints_px, 2 * small.people[0].joints_px, rtol=1e-5)
    np.testing.assert_allclose(large.people[0].joints_m, small.people[0].joints_m, atol=1e-3)


def test_a_working_worker_is_live_and_ready_and_counts_what_it_does(camera, worker):
    before = worker.metrics()
    for case in (TWO, ONE):
        camera.admit(jpeg(case))
    camera.admit(b"")
    camera.drained()
    eventually(lambda: worker.metrics()["posestream_worker_slots_busy",] == 0, "no slot is busy")
    gained = {key: value - before.get(key, 0) for key, value in worker.metrics().items()}

    assert gained["posestream_worker_frames_total", "posed"] == 2
    assert gained["posestream_worker_dead_letters_total", "empty"] == 1
    assert gained["posestream_worker_people_total",] == 3
    for stage in ("load", "decode_image", "infer", "decode_poses", "finish"):
        expected = 2 if stage in ("infer", "decode_poses") else 3
        assert gained["posestream_stage_seconds_count", stage] == expected
    assert gained["posestream_worker_frame_age_seconds_count",] == 3
    status, silence = worker.probe("/live")
    assert status == 200
    assert "heartbeat" in silence
    assert len(silence) == worker.metrics()["posestream_worker_slots",] + 1
    assert worker.probe("/ready") == (200, {})


# Starting and stopping ------------------------------------------------------------------------------------------------


def pending(shard: Shard) -> int:
    return shard.client.xpending(shard.keys.work, WORK_GROUP)["pending"]


def with_a_frame_in_hand(worker: Service, shard: Shard) -> None:
    """Freeze the worker at a moment when, by the server's books, it has a frame in hand."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        worker.process.send_signal(signal.SIGSTOP)
        os.waitpid(worker.process.pid, os.WUNTRACED)
        shard.client.ping()  # what it had sent is read before what is asked next
        if pending(shard):
            return
        worker.process.send_signal(signal.SIGCONT)
        time.sleep(0.005)
    raise AssertionError("the worker never had a frame in hand")


def test_a_worker_survives_its_start_with_frames_waiting_for_every_slot(services, shard, model):
    """The first inferences of a process once met in several threads, and hung there for good."""
    camera = Camera(shard, "waiting")
    services.start("track")
    for starts, slots in enumerate((2, 3, 4, 6, 8), start=1):
        for _ in range(12):
            camera.admit(jpeg(ONE))
        worker = services.start("pose", "--model", model, "--slots", str(slots))
        assert camera.drained().outcomes[Outcome.POSED] == 12 * starts
        worker.kill()


def test_a_worker_that_is_asked_to_stop_ends_what_it_has_in_hand_and_leaves_the_rest(services, shard, model):
    camera = Camera(shard, "long")
    for _ in range(300):
        camera.admit(jpeg(ONE))
    worker = services.start("pose", "--model", model)
    eventually(lambda: camera.status().records >= 5, "some frames are posed")
    began = time.monotonic()

    assert worker.stop() == 0
    assert time.monotonic() - began < 5
    assert "stopped" in worker.messages()
    status = camera.status()
    assert 0 < status.waiting == status.tokens < 300, "nothing is in hand any more"
    assert pending(shard) == 0
    assert shard.client.xinfo_consumers(shard.keys.work, WORK_GROUP) == []


def test_a_worker_that_is_killed_loses_nothing_and_another_finishes_its_frames(services, shard, model):
    camera = Camera(shard, "killed")
    services.start("track")
    first = services.start("pose", "--model", model)
    for _ in range(100):
        camera.admit(jpeg(ONE))
    with_a_frame_in_hand(first, shard)
    stranded = pending(shard)
    first.kill()

    second = services.start("pose", "--model", model, "--claim-after-ms", "1000")
    status = camera.drained()
    assert status.outcomes[Outcome.POSED] == 100
    assert camera.seqs() == list(range(1, 101))
    assert second.metrics()["posestream_worker_reclaimed_frames_total",] >= stranded > 0


# Trouble with the server ----------------------------------------------------------------------------------------------


def test_a_worker_waits_for_its_server_and_goes_on_when_it_comes_back_empty(own_server, prefix, model, tmp_path):
    with Services(own_server.url, prefix, tmp_path) as services:
        worker, tracker = services.start("pose", "--model", model), services.start("track")
        for service in (worker, tracker):
            status, problems = eventually(lambda s=service: p if "broker" in (p := s.probe("/ready"))[1] else None, "?")
            assert (status, problems["broker"]) == (503, "not reached yet")
            assert service.probe("/live")[0] == 200

        own_server.start()
        worker.wait_for("ready to work")
        play_through(own_server.url, prefix, "before")
        own_server.kill()
        eventually(lambda: worker.probe("/ready")[0] == 503, "the worker says that it is not ready")
        assert worker.probe("/live")[0] == 200
        assert tracker.metrics()["posestream_tracker_leading", "0"] == 0

        own_server.start()  # without persistence: data, group and functions are gone
        play_through(own_server.url, prefix, "after")
        assert eventually(lambda: worker.probe("/ready")[0] == 200, "the worker is ready again")
        assert "server reached again" in worker.messages()
        assert worker.stop() == tracker.stop() == 0


def play_through(url: str, prefix: str, name: str) -> None:
    """One camera's ten frames, from admission to their poses."""
    client = connect(url, name="test")
    shard = Shard(client, ShardKeys(prefix, 0))
    shard.prepare()
    camera = Camera(shard, name)
    for _ in range(10):
        camera.admit(jpeg(ONE))
    assert camera.drained().outcomes[Outcome.POSED] == 10
    assert camera.seqs() == list(range(1, 11))
    client.close()


def test_cutting_every_connection_while_frames_flow_loses_and_repeats_nothing(own_server, prefix, model, tmp_path):
    own_server.start()
    client = redis.Redis.from_url(own_server.url)
    shard = Shard(client, ShardKeys(prefix, 0))
    shard.prepare()
    camera = Camera(shard, "cut")
    with Services(own_server.url, prefix, tmp_path) as services:
        worker = services.start("pose", "--model", model, "--claim-after-ms", "1000").wait_for("ready to work")
        tracker = services.start("track", "--lease-ms", "1000").wait_for("leading")
        cut = 0
        for index in range(200):
            camera.admit(jpeg(ONE))
            if index % 20 == 10:
                cut += int(client.client_kill_filter(_type="normal", skipme=True))
                assert camera.status().conserved
        status = camera.drained()

        assert cut >= 10
        assert status.outcomes[Outcome.POSED] == 200
        assert camera.seqs() == list(range(1, 201))
        assert worker.stop() == tracker.stop() == 0
        assert pending(shard) == 0
