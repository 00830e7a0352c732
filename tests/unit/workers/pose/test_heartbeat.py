"""The heartbeat of a worker on a real server: who it speaks for, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from posestream.broker import AdmissionRequest, FrameIntake, Shard, ShardOperations, Token, WorkQueue
from posestream.broker.clock import ServerClock
from posestream.errors import BrokerUnavailableError
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


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Shards whose server can not be reached, as that of a Cluster's node that is gone."""
    gone: set[int] = set()

    def unless_away(method: Callable[..., object]) -> Callable[..., object]:
        def asked(shard: Shard, *arguments: object, **options: object) -> object:
            if shard.keys.shard in gone:
                raise BrokerUnavailableError("away")
            return method(shard, *arguments, **options)

        return asked

    monkeypatch.setattr(Shard, "server_ms", unless_away(Shard.server_ms))
    monkeypatch.setattr(Shard, "recovering", unless_away(Shard.recovering))
    return gone


def test_a_shard_whose_server_is_away_does_not_silence_the_slots_of_others(client, redis_url, prefix, away):
    shards = [Shard(client, ShardKeys(prefix, number)) for number in range(3)]
    for shard in shards:
        shard.prepare()
    hands = [Hand(f"slot-{keys.shard}", keys) for keys in (shard.keys for shard in shards)]
    settings = PoseSettings(redis_url=redis_url, prefix=prefix)
    metrics = WorkerMetrics()
    heartbeat = Heartbeat(hands, settings, ServerClock(), Health(), StopSignal(), metrics)
    away |= {0, 1}
    for _ in range(4):
        heartbeat.step()
    assert metrics.registry.get_sample_value("posestream_broker_errors_total", {"doing": "heartbeat"}) == 4
    assert [ShardOperations(shard).status().workers for shard in shards[2:]] == [1]

    away.clear()
    for _ in range(3):
        heartbeat.step()
    assert [ShardOperations(shard).status().workers for shard in shards] == [1, 1, 1]

    away |= {0, 1, 2}
    with pytest.raises(BrokerUnavailableError):
        heartbeat.step()
