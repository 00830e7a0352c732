"""A server that is away: a large fleet knocks seldom, and all of it goes on when the server is back."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from posestream.broker import Shard, connect
from posestream.keys import WORK_GROUP, FrameId, ShardKeys, Topology
from posestream.service.process import MAX_WAIT_S
from tests.contract.roles import Roles
from tests.fleet import wait_until
from tests.servers import EmbeddedValkey
from tests.slots import Workers
from tests.unit.posestream_service.services import Camera

WORKERS, SLOTS = 20, 3
CONNECTIONS = WORKERS * (SLOTS + 1)  # and one for each heartbeat
WARM_UP = 5  # attempts after which everybody waits for as long as they ever do


class Doorman:
    """Listens where the server did, hangs up on everybody, and counts."""

    def __init__(self, port: int) -> None:
        self.attempts = 0
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1000)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:
                return
            self.attempts += 1
            visitor.close()

    def leave(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()


@pytest.fixture
def own_server() -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey() as server:
        yield server


def roles_on(server: EmbeddedValkey, prefix: str) -> Roles:
    shard = Shard(connect(server.url, name="test"), ShardKeys(prefix, 0))
    shard.prepare()
    return Roles(shard)


@pytest.mark.timeout(300)
def test_twenty_workers_knock_seldom_and_all_of_them_go_on(own_server: EmbeddedValkey, prefix: str) -> None:
    roles_on(own_server, prefix).shard.close()
    with Workers(own_server.url, Topology(prefix), WORKERS, SLOTS) as workers:

        def at_work() -> bool:
            roles = roles_on(own_server, prefix)
            waiting = len(roles.consumers()) >= workers.slots and roles.operations.status().workers == workers.slots
            roles.shard.close()
            return waiting

        wait_until(at_work, seconds=60, what="every slot asks for work")
        own_server.kill()
        doorman = Doorman(own_server.port)
        wait_until(lambda: doorman.attempts >= WARM_UP * CONNECTIONS, seconds=60, what="all have tried for a while")
        tried_s = time.monotonic()
        wait_until(lambda: time.monotonic() - tried_s > MAX_WAIT_S, seconds=60, what="the last of them is patient, too")
        began_s, before = time.monotonic(), doorman.attempts
        wait_until(lambda: doorman.attempts >= before + 3 * CONNECTIONS, seconds=100, what="all have tried thrice more")
        attempts, lasted_s = doorman.attempts - before, time.monotonic() - began_s
        # Each waits for at least half of the longest wait, so that this holds on a machine of any speed.
        assert attempts <= CONNECTIONS * (1 + lasted_s / (MAX_WAIT_S / 2))
        doorman.leave()

        own_server.start()  # without its data
        wait_until(at_work, seconds=100, what="every slot asks for work again")
        roles = roles_on(own_server, prefix)
        camera = Camera(roles.shard, "yard")
        for _ in range(50):
            camera.admit()
        wait_until(lambda: roles.client.xlen(roles.keys.results) == 50, seconds=60, what="the frames are worked off")
        assert roles.results.read(FrameId(0), count=1)[0].outcome == "posed"
        assert roles.client.xpending(roles.keys.work, WORK_GROUP)["pending"] == 0
        roles.shard.close()
