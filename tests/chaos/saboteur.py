"""Breaks things when it is their turn, and mends what has to be mended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import redis

from tests.chaos.crew import Crew
from tests.chaos.proxy import CuttingProxy
from tests.chaos.schedule import Fault, Kind
from tests.chaos.verdict import Injection, Look
from tests.servers import Server

WORKERS: Final = ("worker-1", "worker-2", "worker-3")
TRACKERS: Final = ("tracker-1", "tracker-2")
PRODUCERS: Final = ("producer-1", "producer-2")

_MOST_REPLIES: Final = 8  # cut at a time
_RETRY_S: Final = 0.2
_ZOMBIE_S: Final = 2.0
_NEEDS_A_PRODUCER: Final = {Kind.PRODUCER_KILLED, Kind.PRODUCER_FROZEN}
_NEEDS_THE_SERVER: Final = {Kind.CONNECTIONS_CUT, Kind.REPLIES_CUT, Kind.SERVER_STOPPED, Kind.SERVER_KILLED}


class Saboteur:
    """Goes through a schedule; `injections` is what it has done, `producer` the one that is to be at work."""

    def __init__(
        self, faults: Sequence[Fault], crew: Crew, server: Server, proxy: CuttingProxy, client: redis.Redis
    ) -> None:
        """Work on a crew, and on a running server; `client` is connected to it without the proxy."""
        self.injections: list[Injection] = []
        self.producer = PRODUCERS[0]
        self._faults = list(faults)
        self._crew = crew
        self._server = server
        self._server_runs = True
        self._proxy = proxy
        self._client = client
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._ended = 0
        self._room = True
        self._leader = ""
        self._ways: dict[Kind, Callable[[Fault], None]] = {
            Kind.WORKER_KILLED: lambda fault: self._kill(self._one_of(WORKERS, fault), fault),
            Kind.WORKER_FROZEN: lambda fault: self._freeze(self._one_of(WORKERS, fault), fault),
            Kind.TRACKER_KILLED: lambda fault: self._kill(self._leading(fault), fault),
            Kind.TRACKER_FROZEN: lambda fault: self._freeze(self._leading(fault), fault),
            Kind.PRODUCER_KILLED: lambda fault: self._kill(self.producer, fault),
            Kind.PRODUCER_FROZEN: self._replace_producer,
            Kind.CONNECTIONS_CUT: self._cut_connections,
            Kind.REPLIES_CUT: self._cut_replies,
            Kind.SERVER_STOPPED: lambda fault: self._stop_server(fault, self._server.stop),
            Kind.SERVER_KILLED: lambda fault: self._stop_server(fault, self._server.kill),
        }

    @property
    def done(self) -> bool:
        """Whether nothing is left to break, and nothing to mend."""
        return not self._faults and not self._later

    def take_note(self, look: Look, *, room: bool, leader: str) -> None:
        """Learn how far things are, whether the producer has more to do, and which process leads the trackers."""
        self._ended, self._room, self._leader = look.ended, room, leader

    def step(self) -> None:
        """Do what is due."""
        while self._faults and self._faults[0].at <= self._ended:
            fault = self._faults.pop(0)
            self._after(fault.after_s, partial(self._inject, fault))
        now_s = time.monotonic()
        due = [action for at_s, action in self._later if at_s <= now_s]
        self._later = [each for each in self._later if each[0] > now_s]
        for action in due:
            action()

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, action))

    def _inject(self, fault: Fault) -> None:
        if fault.kind in _NEEDS_A_PRODUCER and not self._room:
            # One that has fed all its frames has ended its run: started again it would rightly play it again.
            return
        if self._must_wait(fault):
            self._after(_RETRY_S, partial(self._inject, fault))
            return
        at_s = time.monotonic()
        self._ways[fault.kind](fault)
        self.injections.append(Injection(fault.kind, at_s, self._ended))

    def _must_wait(self, fault: Fault) -> bool:
        if fault.kind is Kind.PRODUCER_FROZEN:
            return self._crew.runs(self._heir)  # one that was frozen before
        return fault.kind in _NEEDS_THE_SERVER and not self._server_runs

    @property
    def _heir(self) -> str:
        return next(name for name in PRODUCERS if name != self.producer)

    # Ways -----------------------------------------------------------------------------------------------------------

    def _one_of(self, names: Sequence[str], fault: Fault) -> str:
        running = [name for name in names if self._crew.runs(name)] or names
        return running[int(fault.pick * len(running))]

    def _leading(self, fault: Fault) -> str:
        """Return the tracker that leads, by the process id in its holder's name; any one when none does."""
        parts = self._leader.rsplit("-", 2)
        return (self._crew.named(int(parts[1])) if len(parts) == 3 else None) or self._one_of(TRACKERS, fault)

    def _kill(self, name: str, fault: Fault) -> None:
        self._crew.kill(name)
        self._after(fault.hold_s, lambda: self._crew.start(name))

    def _replace_producer(self, fault: Fault) -> None:
        zombie = self.producer
        self._freeze(zombie, fault)
        self.producer = self._heir
        self._crew.start(self.producer)
        # Awake again it waits for its turn to go on: an orchestrator lets it do so for a moment, and ends it.
        self._after(fault.hold_s + _ZOMBIE_S, lambda: self._crew.kill(zombie))

    def _freeze(self, name: str, fault: Fault) -> None:
        self._crew.freeze(name)
        self._after(fault.hold_s, lambda: self._crew.thaw(name))

    def _cut_connections(self, fault: Fault) -> None:
        self._client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def _cut_replies(self, fault: Fault) -> None:
        self._proxy.cut_replies(1 + int(fault.pick * _MOST_REPLIES))

    def _stop_server(self, fault: Fault, stop: Callable[[], None]) -> None:
        stop()
        self._server_runs = False
        self._after(fault.hold_s, self._start_server)

    def _start_server(self) -> None:
        self._server.start()
        self._server_runs = True
