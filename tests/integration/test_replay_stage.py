"""A replay at the contract: what one that was killed has left, and somebody who gets in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from posestream.broker import Shard, ShardOperations, WorkQueue, connect
from posestream.errors import BrokerError, ConfigurationError
from posestream.keys import FrameId, ShardKeys
from posestream.recording.replay import ReplayStage
from tests.unit.posestream.golden import POSE

Opener = Callable[[], ReplayStage]


@pytest.fixture
def open_stage(redis_url: str, prefix: str) -> Iterator[Opener]:
    opened: list[Shard] = []

    def open_() -> ReplayStage:
        opened.append(Shard(connect(redis_url, name="replay"), ShardKeys(prefix, 0)))
        return ReplayStage(opened[-1], retain=100)

    yield open_
    for shard in opened:
        shard.close()


def killed_with_a_frame_in_hand(stage: ReplayStage) -> None:
    """Leave a stage as its death and the end of its leases do."""
    stage._begin(POSE)
    stage._last = FrameId(stage._shard.server_ms() + 1)
    stage._intake.admit(stage._request("lobby"), 0, stage._last, b"image", b"")
    stage._intake.end(stage._request("lobby"), complete=False)
    stage._results.lead(stage._holder, 0)


def test_what_a_killed_replay_has_left_is_taken_away(open_stage: Opener, shard: Shard):
    first = open_stage()
    first.open(["lobby"])
    first.publish([POSE])
    killed_with_a_frame_in_hand(first)
    assert ShardOperations(shard).status().cameras["lobby"].in_flight == 1
    second = open_stage()
    second.open(["lobby"])
    second.publish([POSE, replace(POSE, seq=9)])
    second.close()
    counts = ShardOperations(shard).status().cameras["lobby"]
    assert (counts.admitted, counts.in_flight, counts.conserved) == (2, 0, True)


def test_two_replays_at_once_are_told_apart(open_stage: Opener):
    first, second = open_stage(), open_stage()
    first.open(["lobby"])
    with pytest.raises(ConfigurationError, match="is in use"):
        second.open(["lobby"])


def test_a_worker_that_takes_a_frame_of_the_replay_ends_it_with_what_is_wrong(
    open_stage: Opener, shard: Shard, monkeypatch
):
    stage, thief = open_stage(), WorkQueue(shard, "thief")
    stage.open(["lobby"])
    take = stage._queue.take

    def too_late(block_ms: int):
        thief.take(1)
        return take(1)

    monkeypatch.setattr(stage._queue, "take", too_late)
    with pytest.raises(BrokerError, match="somebody else is at work"):
        stage.publish([POSE])
