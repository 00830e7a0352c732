"""When the server has no memory left, frames are refused and everything that drains the shard goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from posestream.broker import Registration
from posestream.errors import BrokerFullError
from posestream.messages import Outcome
from tests.contract.roles import LIVE, Roles


@pytest.fixture
def full(own_roles: Roles) -> Iterator[Roles]:
    """A shard with five frames on a server that has since run out of memory."""
    for position in range(5):
        own_roles.admit(position, replace(LIVE, depth=5))
    own_roles.client.config_set("maxmemory", 1)
    yield own_roles
    own_roles.client.config_set("maxmemory", 0)


def test_a_frame_is_refused_as_full_and_leaves_nothing(full: Roles) -> None:
    before = full.snapshot()
    with pytest.raises(BrokerFullError, match="out of memory"):
        full.offer(5)
    assert full.snapshot() == before


def test_a_raw_call_of_admit_is_refused_too(full: Roles) -> None:
    with pytest.raises(BrokerFullError):
        full.shard.call("admit", "cam", str(full.next_id()))


def test_the_frame_is_admitted_when_there_is_memory_again(full: Roles) -> None:
    frame_id = full.next_id()
    with pytest.raises(BrokerFullError):
        full.offer(5, frame_id=frame_id)
    full.client.config_set("maxmemory", 0)
    assert full.admit(5, frame_id=frame_id) == frame_id


def test_everything_that_drains_or_holds_a_lease_goes_on(full: Roles) -> None:
    worker = full.worker()

    posed = full.take()
    assert worker.heartbeat([posed]) == {posed.id}
    assert worker.finish(posed, Outcome.POSED, b"pose" * 100)
    dead = full.take()
    assert worker.finish(dead, Outcome.DEAD, "corrupt", "why")
    returned = full.take()
    worker.release(returned, 3, "broke")
    assert worker.stranded(60_000)
    again = worker.reclaim(60_000, 3)
    assert again is not None
    assert again.failures == 1
    full.age(full.take("crashed"))
    reclaimed = worker.reclaim(60_000, 3)
    assert reclaimed is not None
    assert {token.seq for token in worker.in_hand()} == {again.seq, reclaimed.seq}
    assert full.publish_all() == 2
    assert full.lead() > 0

    assert isinstance(full.intake.register("cam", "producer", 1000, {"fps": 30}), Registration)
    assert full.intake.unfinished("cam") == 3
    status = full.operations.status().cameras["cam"]
    assert (status.outcomes[Outcome.POSED], status.outcomes[Outcome.DEAD], status.in_flight) == (1, 1, 3)
    assert len(full.operations.dead_letters()) == 1

    assert worker.retire_absent(60_000) == 0
    full.intake.end(LIVE, complete=False)
    assert full.operations.remove("cam") is True
