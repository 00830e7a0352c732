"""What a viewer sees by reading alone: the same as the server function says, and frames while they wait."""

from __future__ import annotations

import pytest

from posestream.broker import FrameLog, Lookout, Shard
from posestream.errors import BrokerError
from posestream.keys import FrameId
from posestream.messages import Outcome
from tests.contract.conftest import UserShards
from tests.contract.roles import Roles


@pytest.fixture
def roles(shard: Shard, users: UserShards) -> Roles:
    return Roles(shard, users.__getitem__)


def test_a_look_says_what_the_status_says(roles: Roles, users: UserShards) -> None:
    for position in range(6):
        roles.admit(position)
    roles.worker().heartbeat([])
    roles.finish_next()
    roles.finish_next(b"corrupt", Outcome.DEAD)
    roles.publish_all()
    status, sight = roles.operations.status(), Lookout(users["viewer"]).look()
    known, seen = status.cameras["cam"], sight.cameras["cam"]
    assert (sight.workers, sight.tracker) == (status.workers, bool(status.tracker)) == (1, True)
    assert (seen.online, seen.heard_ms) == (bool(known.holder), known.heard_ms)
    assert (seen.admitted, dict(seen.outcomes)) == (known.admitted, dict(known.outcomes))
    assert seen.outcomes[Outcome.DEAD] == seen.outcomes[Outcome.POSED] == 1


def test_an_empty_shard_has_nothing_to_see(users: UserShards) -> None:
    sight = Lookout(users["viewer"]).look()
    assert (dict(sight.cameras), sight.workers, sight.tracker) == ({}, 0, False)


def test_a_camera_whose_lease_has_run_out_is_offline(roles: Roles, users: UserShards) -> None:
    roles.admit(0)
    assert Lookout(users["viewer"]).look().cameras["cam"].online
    roles.client.hset(roles.keys.state("cam"), "lease_until", "1")
    assert not Lookout(users["viewer"]).look().cameras["cam"].online


def test_a_counter_that_no_function_has_written_is_an_error_that_says_where(roles: Roles, users: UserShards) -> None:
    roles.admit(0)
    roles.client.hset(roles.keys.state("cam"), "posed", "many")
    with pytest.raises(BrokerError, match=r"state:\* is no number"):
        Lookout(users["viewer"]).look()


def test_frames_are_read_while_they_wait_and_are_gone_when_a_worker_has_done_with_them(
    roles: Roles, users: UserShards
) -> None:
    log = FrameLog(users["viewer"])
    first, second = (roles.admit(n, image=b"picture %d" % n) for n in range(2))
    assert log.read("cam", FrameId(0), count=10, block_ms=1) == [(first, b"picture 0"), (second, b"picture 1")]
    assert log.read("cam", FrameId(0), count=1, block_ms=1) == [(first, b"picture 0")]
    roles.finish_next()
    assert log.read("cam", FrameId(0), count=10, block_ms=1) == [(second, b"picture 1")]
    assert log.read("cam", second, count=10, block_ms=1) == []
