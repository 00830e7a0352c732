"""The tracker as a real process on a real server; the test itself is the worker, and ends frames as it likes."""

from __future__ import annotations

import random
import signal
import time

import pytest

from posestream.broker import Shard, ShardOperations, WorkQueue, connect
from posestream.keys import ShardKeys
from posestream.messages import CaptureClock, Intrinsics, Outcome, Policy, PoseFrame, encode_pose
from tests.unit.posestream_service.services import Camera, Service, Services, eventually, take_all

REORDER_WAIT_MS = 700
LEASE_MS = 500


class HandWorker:
    """A worker that takes frames when it is told to, and ends each as and when it is told to."""

    def __init__(self, shard: Shard) -> None:
        self.queue = WorkQueue(shard, "by-hand")
        self.tokens = {}

    def take(self, camera: Camera) -> None:
        """Take every frame that waits; all must be of this camera."""
        taken = take_all(self.queue)
        assert all(token.camera == camera.name for token in taken.values())
        self.tokens |= taken

    def pose(self, *seqs: int) -> None:
        for seq in seqs:
            token = self.tokens[seq]
            size_wh = (640, 480)
            message = PoseFrame(
                token.camera, token.frame_id, seq, 1, CaptureClock.FILE, size_wh, Intrinsics.assumed(*size_wh), ()
            )
            assert self.queue.finish(token, Outcome.POSED, encode_pose(message))

    def end(self, seq: int, outcome: Outcome, reason: str) -> None:
        assert self.queue.finish(self.tokens[seq], outcome, reason)


@pytest.fixture(scope="module")
def fleet_shard(server):
    client = connect(server.url, name="test")
    shard = Shard(client, ShardKeys("test-tracker", 0))
    shard.prepare()
    yield shard
    client.close()


@pytest.fixture(scope="module")
def tracker(server, fleet_shard, tmp_path_factory):
    with Services(server.url, fleet_shard.keys.prefix, tmp_path_factory.mktemp("tracker")) as services:
        yield services.start("track", "--reorder-wait-ms", str(REORDER_WAIT_MS)).wait_for("leading")


@pytest.fixture
def worker(fleet_shard, tracker):
    return HandWorker(fleet_shard)


@pytest.fixture
def camera(fleet_shard, request):
    return Camera(fleet_shard, request.node.name[:100])


@pytest.fixture
def live_camera(fleet_shard, request):
    return Camera(fleet_shard, request.node.name[:100], Policy.LIVE)


# Order ----------------------------------------------------------------------------------------------------------------


def test_poses_are_published_in_the_order_of_frames_whatever_order_they_end_in(camera, worker):
    ids = [camera.admit() for _ in range(300)]
    worker.take(camera)
    seqs = list(range(1, 301))
    random.Random(7).shuffle(seqs)
    worker.pose(*seqs)
    status = camera.drained()

    assert [pose.id for pose in camera.poses()] == ids
    assert camera.seqs() == list(range(1, 301))
    assert status.outcomes[Outcome.POSED] == 300


def test_every_way_a_frame_can_end_is_counted_and_only_poses_are_published(fleet_shard, worker, tracker):
    camera = Camera(fleet_shard, "outcomes", Policy.LIVE, depth=4)
    for _ in range(3):
        camera.admit()
    worker.take(camera)
    for _ in range(6):  # only four may wait: two of these are superseded
        camera.admit()
    worker.take(camera)
    worker.pose(2, 6, 7, 8, 9)
    worker.end(3, Outcome.STALE, "max_age")
    worker.end(1, Outcome.DEAD, "corrupt")
    status = camera.drained()

    assert camera.seqs() == [2, 6, 7, 8, 9]
    assert status.outcomes == {
        Outcome.POSED: 5,
        Outcome.SUPERSEDED: 2,
        Outcome.STALE: 1,
        Outcome.LATE: 0,
        Outcome.DEAD: 1,
    }
    exported = {
        key[2]: value for key, value in scraped(tracker, "frames", "outcomes").items() if key[0].endswith("_total")
    }
    assert exported == {outcome.value: count for outcome, count in status.outcomes.items()}


def scraped(tracker: Service, name: str, camera: str) -> dict[tuple[str, ...], float]:
    """The tracker's samples of this camera, after it has looked at the shard once more."""
    known = f"posestream_{name}_total"
    eventually(lambda: tracker.metrics().get((known, camera, "posed")) == 5, "the tracker exports the counts")
    return {key: value for key, value in tracker.metrics().items() if key[:2] == (known, camera)}


def test_a_live_gap_is_given_up_on_after_the_wait_and_what_comes_later_is_late(live_camera, worker):
    for _ in range(4):
        live_camera.admit()
    worker.take(live_camera)
    began = time.monotonic()
    worker.pose(1, 3, 4)
    eventually(lambda: live_camera.seqs() == [1, 3, 4], "the gap is given up on")
    waited_s = time.monotonic() - began

    assert waited_s >= REORDER_WAIT_MS / 1000
    worker.pose(2)
    status = live_camera.drained()
    assert live_camera.seqs() == [1, 3, 4]
    assert status.outcomes[Outcome.LATE] == 1


def test_a_live_gap_that_closes_in_time_costs_nothing(live_camera, worker):
    for _ in range(3):
        live_camera.admit()
    worker.take(live_camera)
    worker.pose(3, 2)
    worker.pose(1)
    status = live_camera.drained()

    assert live_camera.seqs() == [1, 2, 3]
    assert status.outcomes[Outcome.LATE] == 0


def test_a_lossless_gap_is_waited_for_while_other_cameras_go_on(camera, worker, fleet_shard):
    for _ in range(3):
        camera.admit()
    worker.take(camera)
    worker.pose(1, 3)

    beside = Camera(fleet_shard, "beside-the-gap", Policy.LIVE)
    for _ in range(2):
        beside.admit()
    neighbour = HandWorker(fleet_shard)
    neighbour.take(beside)
    neighbour.pose(2)
    eventually(lambda: beside.seqs() == [2], "a live gap of the same age is given up on")
    assert camera.seqs() == [1]

    worker.pose(2)
    camera.drained()
    assert camera.seqs() == [1, 2, 3]


def test_a_camera_that_is_removed_and_comes_back_starts_at_one(fleet_shard, worker):
    for _ in range(2):
        camera = Camera(fleet_shard, "removed")
        for _ in range(3):
            camera.admit()
        worker.take(camera)
        worker.pose(3, 1, 2)
        camera.drained()
        assert camera.seqs() == [1, 2, 3]
        assert ShardOperations(fleet_shard).remove("removed", force=True) is True


def test_a_leading_tracker_is_live_and_ready(tracker):
    assert tracker.probe("/ready") == (200, {})
    status, silence = tracker.probe("/live")
    assert (status, silence.keys()) == (200, {"shard-0"})
    assert tracker.metrics()["posestream_tracker_leading", "0"] == 1
    assert tracker.metrics()["posestream_shards",] == 1


# Restarts and successors ----------------------------------------------------------------------------------------------


@pytest.fixture
def services(redis_url, prefix, tmp_path):
    with Services(redis_url, prefix, tmp_path) as started:
        yield started


def start_tracker(services: Services) -> Service:
    return services.start("track", "--reorder-wait-ms", str(REORDER_WAIT_MS), "--lease-ms", str(LEASE_MS))


def test_a_tracker_that_is_stopped_hands_over_at_once_and_the_next_resumes(services, shard):
    camera, worker = Camera(shard, "resumed"), HandWorker(shard)
    for _ in range(6):
        camera.admit()
    worker.take(camera)
    first = start_tracker(services)
    worker.pose(2, 1, 4)
    eventually(lambda: camera.seqs() == [1, 2], "the first publishes")
    assert first.stop() == 0
    assert ShardOperations(shard).status().tracker == ""

    worker.pose(3, 6, 5)  # nobody listens
    start_tracker(services)
    camera.drained()
    assert camera.seqs() == [1, 2, 3, 4, 5, 6]


def test_a_second_tracker_stands_by_and_takes_over_when_the_first_is_killed(services, shard):
    camera, worker = Camera(shard, "taken-over"), HandWorker(shard)
    first = start_tracker(services).wait_for("leading")
    second = start_tracker(services).wait_for("standing by")
    assert second.probe("/ready") == (200, {})
    assert second.metrics()["posestream_tracker_leading", "0"] == 0

    for _ in range(200):
        camera.admit()
    worker.take(camera)
    seqs = list(range(1, 201))
    random.Random(3).shuffle(seqs)
    worker.pose(*seqs[:150])
    first.kill()
    worker.pose(*seqs[150:])
    second.wait_for("leading", seconds=10)
    status = camera.drained()

    assert camera.seqs() == list(range(1, 201))
    assert status.outcomes[Outcome.POSED] == 200
    assert second.metrics()["posestream_tracker_leading", "0"] == 1


def test_a_tracker_that_freezes_and_wakes_up_after_its_lease_changes_nothing(services, shard):
    camera, worker = Camera(shard, "frozen"), HandWorker(shard)
    zombie = start_tracker(services).wait_for("leading")
    for _ in range(100):
        camera.admit()
    worker.take(camera)
    worker.pose(*range(1, 51))
    zombie.process.send_signal(signal.SIGSTOP)
    successor = start_tracker(services).wait_for("leading", seconds=10)
    worker.pose(*range(100, 50, -1))
    camera.drained()
    zombie.process.send_signal(signal.SIGCONT)
    zombie.wait_for("standing by")

    assert camera.seqs() == list(range(1, 101))
    assert camera.status().outcomes[Outcome.POSED] == 100
    assert (zombie.stop(), successor.stop()) == (0, 0)
