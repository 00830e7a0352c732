"""The heartbeat of a worker on a real server: who it speaks for, and what it says."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from posestream.broker import AdmissionRequest, FrameIntake, ShardOperations, Token, WorkQueue
from posestream.broker.clock import ServerClock
from posestream.keys import FrameId, ShardKeys
from posestream.messages import Policy
from posestream.service.health import Health
from posestream.service.metrics import WorkerMetrics
from posestream.service.process import StopSignal
from workers.pose.heartbeat import Heartbeat
from workers.pose.settings import PoseSettings

SILENT_MS = 3_600_000


@dataclass
class Hand:
    """What the heartbeat knows of a slot."""

    name: str
    shard_keys: ShardKeys
    in_hand: Token | None = None


@pytest.fixture
def hands(shard) -> list[Hand]:
    return [Hand(f"slot-{number}", shard.keys) for number in range(2)]


@pytest.fixture
def heartbeat(hands, redis_url, prefix) -> Heartbeat:
    settings = PoseSettings(redis_url=redis_url, prefix=prefix)
    return Heartbeat(hands, settings, ServerClock(), Health(), StopSignal(), WorkerMetrics())


def take(shard, hand: Hand, position: int) -> Token:
    """Put a frame into a slot's hand, where it has been for an hour."""
    request = AdmissionRequest("film", "p", "run", Policy.LOSSLESS, depth=10)
    FrameIntake(shard).admit(request, position, FrameId(shard.server_ms(), position), b"pixels", b"meta")
    token = WorkQueue(shard, hand.name).take(100)
    assert token is not None
    shard.client.xclaim(shard.keys.work, "pose", hand.name, 0, [token.id], idle=SILENT_MS, justid=True)
    return token


def test_a_frame_that_takes_long_stays_with_the_slot_that_has_it(shard, hands, heartbeat):
    for position, hand in enumerate(hands):
        hand.in_hand = take(shard, hand, position)
    heartbeat.step()

    assert not WorkQueue(shard, "another").stranded(SILENT_MS)


def test_a_frame_that_no_slot_has_in_hand_any_more_is_left_to_others(shard, hands, heartbeat):
    """As after a lost reply, until the slot has asked what it holds."""
    token = take(shard, hands[0], 0)
    heartbeat.step()

    reclaimed = WorkQueue(shard, "another").reclaim(SILENT_MS, 3)
    assert reclaimed is not None
    assert reclaimed.id == token.id


def test_idle_slots_are_heard_of_too(shard, hands, heartbeat):
    heartbeat.step()
    assert ShardOperations(shard).status().workers == len(hands)
