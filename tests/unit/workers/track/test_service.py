"""One shard's tracker on a real server: leading, standing by, and what it says of the shard meanwhile."""

from __future__ import annotations

import time

import msgpack
import numpy as np
import pytest

from posestream.broker import AdmissionRequest, FrameIntake, PoseLog, ResultLog, ShardOperations, Token, WorkQueue
from posestream.errors import BrokerUnavailableError
from posestream.keys import FrameId
from posestream.messages import (
    CaptureClock,
    Intrinsics,
    Outcome,
    Person,
    Policy,
    PoseFrame,
    decode_pose,
    encode_pose,
)
from posestream.service.health import Health
from posestream.service.metrics import TrackerMetrics
from posestream.service.process import StopSignal
from workers.track import service
from workers.track.service import ShardTracker
from workers.track.settings import TrackSettings
from workers.track.tracks import CameraTracks

LEASE_MS = 600


@pytest.fixture(autouse=True)
def _report_at_every_step(monkeypatch):
    monkeypatch.setattr(service, "STATUS_INTERVAL_S", 0)
    monkeypatch.setattr(service, "BLOCK_MS", 10)


class Tracked:
    """A tracker whose loop the test turns, and what it exports."""

    def __init__(self, name: str, shard, redis_url: str) -> None:
        self.metrics = TrackerMetrics()
        self.health = Health()
        settings = TrackSettings(redis_url=redis_url, prefix=shard.keys.prefix, lease_ms=LEASE_MS, reorder_wait_ms=500)
        self.tracker = ShardTracker(name, shard.keys, settings, self.metrics, self.health, StopSignal())

    def turn(self) -> None:
        if self.tracker._lead():
            self.tracker.step()

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"posestream_{name}", labels)

    @property
    def leading(self) -> float | None:
        return self.value("tracker_leading", shard="0")


@pytest.fixture
def make(shard, redis_url):
    return lambda name: Tracked(name, shard, redis_url)


@pytest.fixture
def produce(shard):
    """Admits a frame of a camera and ends it as posed; returns its seq."""
    intake = FrameIntake(shard)
    queue = WorkQueue(shard, "worker")

    def produce(camera: str = "lobby", *, finish: bool = True, pose: bytes | None = None) -> int:
        request = AdmissionRequest(camera, "p", "run", Policy.LIVE, depth=64)
        last = intake.register(camera, "p", 5000).last_id or FrameId(0)
        admission = intake.admit(request, position(camera), last.next(shard.server_ms()), b"pixels", b"")
        token = queue.take(100)
        assert token is not None
        if finish:
            assert queue.finish(token, Outcome.POSED, pose or pose_of(token))
        return admission.seq

    positions: dict[str, int] = {}

    def position(camera: str) -> int:
        positions[camera] = positions.get(camera, -1) + 1
        return positions[camera]

    return produce


def pose_of(token: Token) -> bytes:
    """A pose message with one person, 50 ms after the frame before."""
    body_m = np.random.default_rng(0).normal(0, 0.3, (19, 3)).astype(np.float32)
    person = Person(None, 1.0, np.full((19, 2), 100, np.float32), np.full(19, 0.5, np.float32), body_m)
    size_wh = (640, 480)
    camera = Intrinsics.assumed(*size_wh)
    captured_ms = 50 * token.seq
    return encode_pose(
        PoseFrame(token.camera, token.frame_id, token.seq, captured_ms, CaptureClock.FILE, size_wh, camera, (person,))
    )


def test_the_leader_alone_exports_what_drives_autoscaling(make, shard):
    first, second = make("first"), make("second")
    FrameIntake(shard).register("film", "p", 5000)
    request = AdmissionRequest("film", "p", "run", Policy.LOSSLESS, depth=64)
    for position in range(16):
        FrameIntake(shard).admit(request, position, FrameId(shard.server_ms() + position), b"pixels", b"")
    first.turn()
    second.turn()

    assert first.value("backlog_seconds", shard="0") == 16 / first.value("assumed_worker_fps", shard="0")
    assert first.value("offered_load", shard="0") is None  # not yet
    assert second.value("backlog_seconds", shard="0") is None


def expire_lease() -> None:
    time.sleep((LEASE_MS + 20) / 1000)


def test_the_first_tracker_leads_and_speaks_for_the_shard(make, produce):
    first = make("first")
    produce()
    first.turn()

    assert first.leading == 1
    assert first.value("frames_admitted_total", camera="lobby") == 1
    assert first.value("frames_total", camera="lobby", outcome="posed") == 1
    assert first.value("publish_age_seconds_count", policy="live") == 1
    assert first.value("camera_people_total", camera="lobby") == 1
    assert first.value("camera_age_seconds_total", camera="lobby") == first.value(
        "publish_age_seconds_sum", policy="live"
    )
    assert first.value("server_memory_bytes", shard="0") > 0


def test_a_second_tracker_stands_by_from_the_start_and_says_so(make, produce, caplog):
    make("first").turn()
    second = make("second")
    with caplog.at_level("INFO"):
        second.turn()
        second.turn()
    produce()

    assert second.leading == 0
    assert second.value("frames_admitted_total", camera="lobby") is None
    assert [(record.getMessage(), record.leader) for record in caplog.records] == [("standing by", "first")]


def test_a_tracker_that_was_replaced_while_it_slept_changes_nothing_and_falls_silent(make, produce, shard):
    zombie, successor = make("zombie"), make("successor")
    produce()
    zombie.turn()
    expire_lease()
    successor.turn()
    produce()
    zombie.tracker._renew_at_s = time.monotonic() + 60  # as if it had slept inside its step
    zombie.turn()

    assert zombie.value("tracker_mismatches_total", what="epoch") == 1
    successor.turn()
    zombie.turn()
    assert (zombie.leading, successor.leading) == (0, 1)
    assert zombie.value("frames_admitted_total", camera="lobby") is None
    assert successor.value("frames_total", camera="lobby", outcome="posed") == 2
    assert shard.client.xlen(shard.keys.poses("lobby")) == 2


def test_a_tracker_that_can_not_reach_the_server_does_not_speak_for_the_shard(make, produce, monkeypatch):
    tracked = make("first")
    produce()
    tracked.turn()
    stop = tracked.tracker._stop

    def unreachable() -> bool:
        stop.set()
        raise BrokerUnavailableError("connection refused")

    monkeypatch.setattr(tracked.tracker, "_lead", unreachable)
    tracked.tracker.run()

    assert tracked.leading == 0
    assert tracked.value("frames_admitted_total", camera="lobby") is None
    assert tracked.health.readiness() == (False, {"shard-0": "connection refused"})


def test_somebody_elses_publication_makes_it_reload_and_go_on(make, produce, shard):
    tracked = make("first")
    produce()
    tracked.turn()
    shard.client.hset(shard.keys.state("lobby"), "released", 5)  # not what it believes
    produce()
    tracked.turn()

    assert tracked.value("tracker_mismatches_total", what="released") == 1
    tracked.turn()
    assert tracked.value("frames_total", camera="lobby", outcome="late") == 1
    assert tracked.leading == 1


def test_the_age_of_a_frame_is_measured_when_it_is_published_and_not_when_it_is_late_or_dropped(make, produce, shard):
    tracked = make("first")
    produce()
    queue = WorkQueue(shard, "other")
    FrameIntake(shard).admit(
        AdmissionRequest("lobby", "p", "run", Policy.LIVE, depth=64),
        99,
        FrameId(shard.server_ms() + 10),
        b"pixels",
        b"",
    )
    token = queue.take(100)
    assert token is not None
    queue.finish(token, Outcome.DEAD, "corrupt")
    tracked.turn()

    assert tracked.value("frames_total", camera="lobby", outcome="dead") == 1
    assert tracked.value("publish_age_seconds_count", policy="live") == 1
    assert tracked.value("publish_age_seconds_count", policy="lossless") == 0


def test_a_gap_is_held_and_then_counted_as_skipped(make, produce):
    tracked = make("first")
    produce(finish=False)
    produce()
    tracked.turn()
    assert tracked.value("tracker_held_records", shard="0") == 1
    assert tracked.value("frames_total", camera="lobby", outcome="posed") == 0

    deadline = time.monotonic() + 20
    while tracked.value("frames_total", camera="lobby", outcome="posed") == 0 and time.monotonic() < deadline:
        tracked.turn()
    assert tracked.value("tracker_skipped_frames_total", camera="lobby") == 1


def test_a_camera_that_is_removed_and_comes_back_starts_anew(make, produce, shard):
    tracked = make("first")
    for _ in range(3):
        produce()
    tracked.turn()
    shard.call("remove", "lobby", 1)
    assert produce() == 1
    for _ in range(3):
        tracked.turn()

    assert tracked.value("frames_total", camera="lobby", outcome="posed") == 1
    assert shard.client.xlen(shard.keys.poses("lobby")) == 1


def test_leaving_gives_the_lease_up_at_once(make):
    first, second = make("first"), make("second")
    first.turn()
    first.tracker._stop.set()
    first.tracker.run()
    second.turn()

    assert second.leading == 1


def test_a_lease_is_renewed_before_it_runs_out(make, shard):
    first, second = make("first"), make("second")
    deadline = time.monotonic() + 2.5 * LEASE_MS / 1000
    while time.monotonic() < deadline:
        first.turn()
        second.turn()

    assert (first.leading, second.leading) == (1, 0)
    assert ResultLog(shard).lead("third", 100).holder == "first"


# People ---------------------------------------------------------------------------------------------------------------


def published(shard, camera: str = "lobby") -> list[PoseFrame]:
    return [decode_pose(pose) for _, pose in PoseLog(shard).read(camera, FrameId(0), count=100)]


def test_people_are_published_with_ids_and_smoothed_joints(make, produce, shard):
    tracked = make("first")
    for _ in range(3):
        produce()
    tracked.turn()

    poses = published(shard)
    assert [[person.id for person in pose.people] for pose in poses] == [[1], [1], [1]]
    assert all(pose.people[0].smooth_m is not None for pose in poses)


def test_the_next_tracker_goes_on_with_the_same_ids(make, produce, shard):
    produce()
    make("first").turn()
    expire_lease()
    produce()
    make("second").turn()

    assert [pose.people[0].id for pose in published(shard)] == [1, 1]


def test_the_next_tracker_knows_what_had_no_pose_before_it_came(make, produce, shard):
    produce()
    produce(pose=b"no pose")
    make("first").turn()
    expire_lease()
    produce()
    make("second").turn()

    first, last = published(shard)
    assert (last.previous, last.skipped) == (first.id, {Outcome.DEAD: 1})


@pytest.mark.parametrize(
    "state",
    [b"\xc1nonsense", *map(msgpack.packb, (7, [1, 2], [b"", 2], [b"no tracks", {}], [b"", {"eaten": 1}]))],
)
def test_a_state_that_no_tracker_wrote_is_a_fresh_start_and_is_said(make, produce, shard, caplog, state):
    produce()
    shard.client.hset(shard.keys.state("lobby"), "tracker", state)
    make("first").turn()

    assert [pose.people[0].id for pose in published(shard)] == [1]
    assert "the people get new ids" in caplog.text


def test_a_record_that_is_no_pose_becomes_a_dead_letter_and_its_neighbours_are_published(make, produce, shard):
    tracked = make("first")
    produce()
    produce(pose=b"\x01\x02")
    produce()
    tracked.turn()

    assert [pose.seq for pose in published(shard)] == [1, 3]
    (letter,) = ShardOperations(shard).dead_letters()
    assert (letter["seq"], letter["reason"]) == ("2", "untrackable")
    assert tracked.value("frames_total", camera="lobby", outcome="dead") == 1


class Poison(BaseException):
    """Stands for what ends a whole process: a crash in native code, the kernel's killer."""


def test_a_record_that_ends_trackers_is_set_aside_and_its_neighbours_are_published(make, produce, shard, monkeypatch):
    def update(self, time_ms, people, _update=CameraTracks.update):
        if time_ms == 150:
            raise Poison
        return _update(self, time_ms, people)

    monkeypatch.setattr(CameraTracks, "update", update)
    for _ in range(6):
        produce()
    ended = 0
    for number in range(10):
        tracked = make(f"tracker-{number}")
        try:
            for _ in range(8):
                tracked.turn()
        except Poison:
            ended += 1
            expire_lease()
        else:
            break

    assert [pose.seq for pose in published(shard)] == [1, 2, 4, 5, 6]
    (letter,) = ShardOperations(shard).dead_letters()
    assert (letter["seq"], letter["reason"]) == ("3", "untrackable")
    assert "has ended 2 trackers" in letter["error"]
    assert 3 <= ended <= 6
    status = ShardOperations(shard).status().cameras["lobby"]
    assert status.conserved
    assert (status.outcomes[Outcome.POSED], status.outcomes[Outcome.DEAD], status.in_flight) == (5, 1, 0)


def test_a_careful_tracker_is_a_quick_one_again_when_it_has_caught_up(make, produce, shard):
    for name in "abc":
        make(name).turn()
        expire_lease()
    produce()
    careful = make("careful")
    for _ in range(4):
        careful.turn()

    assert [pose.seq for pose in published(shard)] == [1]
    assert careful.tracker._careful is False
