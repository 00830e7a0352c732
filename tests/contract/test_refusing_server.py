"""A server that takes no writes just now, for want of replicas or of a disk: waited for, as if it were away."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable

import pytest

from posestream.errors import BrokerUnavailableError
from posestream.messages import Outcome
from tests.contract.roles import LIVE, Roles
from tests.servers import Server


@pytest.fixture(params=["no replicas", "no disk"])
def refusing(request: pytest.FixtureRequest, own_server: Server, own_roles: Roles) -> Roles:
    """A shard with a frame in hand, one that waits and one that has ended, on a server that refuses writes since."""
    for position in range(3):
        own_roles.admit(position)
    own_roles.finish_next()
    own_roles.take()
    own_roles.lead()
    if request.param == "no replicas":
        own_roles.client.config_set("min-replicas-to-write", 1)
    else:
        _break_saving(own_server, own_roles)
    return own_roles


def _break_saving(server: Server, roles: Roles) -> None:
    """Let a snapshot fail, after which a server that is to make them takes no writes."""
    shutil.rmtree(server.folder)
    roles.client.config_set("save", "3600 1")
    roles.client.bgsave()
    until_s = time.monotonic() + 20
    while roles.client.info("persistence")["rdb_last_bgsave_status"] != "err":
        assert time.monotonic() < until_s, "the snapshot did not fail"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "writes",
    [
        lambda roles: roles.offer(3),
        lambda roles: roles.intake.register("cam", "producer", 60_000, {}),
        lambda roles: roles.intake.end(LIVE, complete=False, keep=False),
        lambda roles: roles.take(),
        lambda roles: roles.worker().heartbeat(roles.worker().in_hand()),
        lambda roles: roles.worker().finish(roles.worker().in_hand()[0], Outcome.POSED, b"pose"),
        lambda roles: roles.lead(),
        lambda roles: roles.results.publish(1, 1000, [roles.release_all()]),
    ],
    ids=["admit", "register", "end", "take", "heartbeat", "finish", "lead", "publish"],
)
def test_whoever_writes_hears_that_waiting_may_help(refusing: Roles, writes: Callable[[Roles], object]) -> None:
    with pytest.raises(BrokerUnavailableError, match=r"NOREPLICAS|MISCONF"):
        writes(refusing)
