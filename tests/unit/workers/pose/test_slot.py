"""One slot on a real server, with a stand-in for the stages: what becomes of the frame in its hand."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from threading import Thread

import numpy as np
import pytest

from posestream.broker import AdmissionRequest, Frame, FrameIntake, ShardOperations, Token, WorkQueue
from posestream.broker.clock import ServerClock
from posestream.errors import BrokerUnavailableError
from posestream.keys import FrameId
from posestream.messages import CaptureClock, Intrinsics, Policy, PoseFrame, decode_pose
from posestream.service.health import Health
from posestream.service.metrics import WorkerMetrics
from posestream.service.process import StopSignal
from workers.pose.frame import UnusableFrameError
from workers.pose.gate import Gate
from workers.pose.settings import PoseSettings
from workers.pose.slot import Shared, Slot, StrayWatch

CAMERA = "lobby"


@dataclass
class Stages:
    """Processes nothing: answers with nobody, or does what the test wants."""

    seen: list[tuple[Token, Frame]] = field(default_factory=list)
    failure: Exception | None = None

    def process(self, token: Token, frame: Frame) -> PoseFrame:
        self.seen.append((token, frame))
        if self.failure is not None:
            raise self.failure
        size_wh = (640, 480)
        return PoseFrame(
            CAMERA, token.frame_id, token.seq, 1, CaptureClock.RECEIVE, size_wh, Intrinsics.assumed(*size_wh), ()
        )


@pytest.fixture
def stages():
    return Stages()


@pytest.fixture
def shared(redis_url, prefix):
    settings = PoseSettings(redis_url=redis_url, prefix=prefix, claim_after_ms=500, max_deliveries=2)
    return Shared(
        settings=settings,
        gate=Gate(),
        strays=StrayWatch(settings.claim_after_ms),
        clock=ServerClock(),
        metrics=WorkerMetrics(),
        health=Health(),
        stop=StopSignal(),
    )


@pytest.fixture
def slot(shard, stages, shared):
    return Slot("slot-0", shard.keys, stages, shared)


@pytest.fixture
def admit(shard):
    intake = FrameIntake(shard)
    admitted = []

    def admit(image: bytes = b"pixels", max_age_ms: int = 0, age_ms: int = 0) -> FrameId:
        request = AdmissionRequest(CAMERA, "p", "run", Policy.LIVE, depth=10, max_age_ms=max_age_ms)
        frame_id = FrameId(shard.server_ms() - age_ms, len(admitted))
        admitted.append(intake.admit(request, len(admitted), frame_id, image, b"meta"))
        assert admitted[-1].id == frame_id
        return frame_id

    return admit


def counted(shared: Shared, outcome: str) -> float:
    return shared.metrics.registry.get_sample_value("posestream_worker_frames_total", {"outcome": outcome}) or 0


def results(shard) -> list[tuple[str, bytes]]:
    return [(entry[b"outcome"].decode(), entry[b"data"]) for _, entry in shard.client.xrange(shard.keys.results)]


def letters(shard) -> list[tuple[str, str]]:
    return [(letter["reason"], letter["error"]) for letter in ShardOperations(shard).dead_letters()]


# What becomes of a frame ----------------------------------------------------------------------------------------------


def test_a_frame_is_taken_with_its_pixels_and_ends_as_posed(shard, slot, stages, shared, admit):
    frame_id = admit(b"pixels")
    slot.step()

    ((token, frame),) = stages.seen
    assert (token.frame_id, frame) == (frame_id, Frame(b"pixels", b"meta"))
    ((outcome, data),) = results(shard)
    assert (outcome, decode_pose(data).id) == ("posed", frame_id)
    assert counted(shared, "posed") == 1
    assert slot.in_hand is None


def test_an_unusable_frame_is_dead_at_once_with_its_reason(shard, slot, stages, shared, admit):
    stages.failure = UnusableFrameError("the image is empty", reason="empty")
    admit()
    slot.step()

    assert results(shard) == [("dead", b"empty")]
    assert letters(shard) == [("empty", "the image is empty")]
    assert counted(shared, "dead") == 1


def test_a_frame_older_than_its_policy_wants_is_stale_and_not_looked_at(shard, slot, stages, shared, admit):
    admit(max_age_ms=100, age_ms=5000)
    slot.step()

    assert results(shard) == [("stale", b"max_age")]
    assert stages.seen == []
    assert counted(shared, "stale") == 1


def test_a_frame_whose_pixels_are_gone_is_dead(shard, slot, stages, admit):
    admit()
    shard.client.delete(shard.keys.frames(CAMERA))
    slot.step()

    assert results(shard) == [("dead", b"missing")]


def test_a_frame_that_fails_is_given_back_and_dead_after_as_many_deliveries_as_allowed(shard, slot, stages, admit):
    stages.failure = ZeroDivisionError("division by zero")
    admit()
    slot.step()
    assert results(shard) == []
    assert WorkQueue(shard, "slot-0").in_hand() == []

    slot._reclaim()
    assert results(shard) == [("dead", b"failed")]
    assert letters(shard) == [("failed", "ZeroDivisionError: division by zero")]
    assert len(stages.seen) == 2


def test_a_frame_that_another_worker_has_taken_over_is_counted_as_lost(shard, slot, stages, shared, admit):
    admit()
    token = slot.queue.take(100)
    thief = WorkQueue(shard, "thief")
    deadline = time.monotonic() + 5
    while (stolen := thief.reclaim(1, 5)) is None and time.monotonic() < deadline:
        time.sleep(0.005)
    assert stolen is not None
    slot._process(token)

    assert results(shard) == []
    assert counted(shared, "lost") == 1
    assert counted(shared, "posed") == 0


def test_a_slot_whose_frame_the_server_does_not_know_ends_what_the_server_thinks_it_has(shard, slot, stages, admit):
    """A replica that became the server may have missed that one frame was ended and the next one taken."""
    forgotten = admit()
    slot.queue.take(100)  # ended by the slot, says its old server; in its hand, says the new one
    slot._process(replace(slot.queue.in_hand()[0], id="9999999999999-0", frame_id=FrameId(1)))
    assert results(shard) == []
    slot.step()

    assert stages.seen[-1][0].frame_id == forgotten
    assert [outcome for outcome, _ in results(shard)] == ["posed"]


# Lost replies ---------------------------------------------------------------------------------------------------------


def lose_the_reply(slot, shared, monkeypatch) -> None:
    """One turn of the loop in which a frame is taken, but the reply does not arrive."""
    take = slot.queue.take

    def lossy(block_ms: int) -> Token | None:
        assert take(block_ms) is not None
        shared.stop.set()
        raise BrokerUnavailableError("connection reset")

    with monkeypatch.context() as patch:
        patch.setattr(slot.queue, "take", lossy)
        patch.setattr(slot, "_leave", lambda: None)
        slot.run()


def test_a_frame_whose_delivery_was_lost_is_found_in_the_servers_books(shard, slot, stages, shared, admit, monkeypatch):
    frame_id = admit()
    lose_the_reply(slot, shared, monkeypatch)
    assert stages.seen == []
    slot.step()

    assert [token.frame_id for token, _ in stages.seen] == [frame_id]
    assert [outcome for outcome, _ in results(shard)] == ["posed"]
    assert shared.health.readiness()[0] is False


def test_a_slot_that_stops_during_an_outage_gives_back_what_it_holds_without_a_failed_delivery(
    shard, slot, shared, admit, monkeypatch
):
    admit()
    lose_the_reply(slot, shared, monkeypatch)
    slot._leave()

    taken = WorkQueue(shard, "other").reclaim(60_000, 1)
    assert taken is not None
    assert taken.failures == 0
    assert b"slot-0" not in [each["name"] for each in shard.client.xinfo_consumers(shard.keys.work, "pose")]


def test_a_slot_that_leaves_is_no_longer_in_the_group(shard, slot, shared):
    slot.step()
    shared.stop.set()
    slot.run()

    assert shard.client.xinfo_consumers(shard.keys.work, "pose") == []


def test_after_a_flush_a_slot_goes_on(shard, slot, stages, shared, admit):
    """Group and functions are gone, as after a restart without persistence; here by hand, as others use the server."""
    shard.client.xgroup_destroy(shard.keys.work, "pose")
    admit()
    slot.step()

    assert len(stages.seen) == 1
    recoveries = shared.metrics.registry.get_sample_value("posestream_broker_recoveries_total", {"what": "group"})
    assert recoveries == 1


# Frames that have failed before ---------------------------------------------------------------------------------------


class Crowd(Stages):
    """Notes how many frames are in the hands of the process while one that has failed before is."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[Token] = []
        self.company: list[int] = []
        self.most = 0

    def process(self, token: Token, frame: Frame) -> PoseFrame:
        self.inside.append(token)
        self.note()
        time.sleep(0.01)
        self.note()
        self.inside.remove(token)
        return super().process(token, frame)

    def note(self) -> None:
        inside = list(self.inside)
        self.most = max(self.most, len(inside))
        if any(token.failures for token in inside):
            self.company.append(len(inside) - 1)


def test_a_frame_that_has_failed_before_has_no_company_in_its_process(shard, shared):
    admit_many(shard, 60)
    departed = WorkQueue(shard, "departed")
    taken = [departed.take(100).id for _ in range(3)]
    shard.client.xclaim(shard.keys.work, "pose", "departed", 0, taken, idle=3_600_000, justid=True)
    shared = replace(shared, strays=StrayWatch(40))
    crowd = Crowd()
    threads = [Thread(target=Slot(f"slot-{number}", shard.keys, crowd, shared).run) for number in range(3)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while len(results(shard)) < 60 and time.monotonic() < deadline:
        time.sleep(0.02)
    shared.stop.set()
    for thread in threads:
        thread.join()

    assert len(results(shard)) == 60
    assert len(crowd.company) >= 6
    assert set(crowd.company) == {0}
    assert crowd.most > 1


def admit_many(shard, count: int) -> None:
    request = AdmissionRequest(CAMERA, "p", "run", Policy.LOSSLESS, depth=count)
    for position in range(count):
        FrameIntake(shard).admit(request, position, FrameId(shard.server_ms(), position), b"pixels", b"meta")


# When to look for strays ----------------------------------------------------------------------------------------------


@pytest.fixture
def now(monkeypatch):
    """The monotonic clock, moved by hand."""
    times = np.zeros(1)
    monkeypatch.setattr("workers.pose.slot.time.monotonic", lambda: 1000.0 + float(times[0]))
    return times


def test_nobody_looks_for_strays_until_everybody_had_time_to_report(now):
    watch = StrayWatch(claim_after_ms=8000)
    assert not watch.due(0)
    now[0] = 7.9
    assert not watch.due(0)
    now[0] = 8
    assert watch.due(0)


def test_one_slot_of_a_shard_looks_per_interval(now):
    watch = StrayWatch(claim_after_ms=8000)
    now[0] = 8
    assert [watch.due(0) for _ in range(4)] == [True, False, False, False]
    now[0] = 10
    assert [watch.due(0) for _ in range(4)] == [True, False, False, False]


def test_where_one_stray_was_found_the_next_is_looked_for_at_once(now):
    watch = StrayWatch(claim_after_ms=1000)
    now[0] += 1.1
    assert watch.due(0)
    assert not watch.due(0)
    watch.again(0)
    assert watch.due(0)


def test_a_busy_shard_does_not_keep_the_others_from_being_looked_at(now):
    watch = StrayWatch(claim_after_ms=8000)
    now[0] = 8
    assert (watch.due(0), watch.due(1), watch.due(0), watch.due(1)) == (True, True, False, False)


def test_an_outage_of_a_shard_starts_its_quiet_time_anew_and_no_other_ones(now):
    watch = StrayWatch(claim_after_ms=8000)
    now[0] = 9
    watch.outage(0)
    assert watch.due(1)
    now[0] = 16.9
    assert not watch.due(0)
    now[0] = 17
    assert watch.due(0)
