"""What is broken, and when: a function of the seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from producer.lease import LEASE_MS as PRODUCER_LEASE_MS

CLAIM_AFTER_MS: Final = 2000
LEASE_MS: Final = 1500

_FIRST, _LAST = 0.02, 0.9  # of the frames; the end is for what the last fault has left behind
_COMPANY: Final = 0.25  # of the faults come while the one before is not over


class Kind(StrEnum):
    """A way of breaking something."""

    WORKER_KILLED = "pose worker killed (-9)"
    WORKER_FROZEN = "pose worker frozen past its claim"
    TRACKER_KILLED = "tracker killed (-9)"
    TRACKER_FROZEN = "tracker frozen past its lease"
    PRODUCER_KILLED = "producer killed (-9)"
    PRODUCER_FROZEN = "producer frozen while another takes over"
    CONNECTIONS_CUT = "all connections cut"
    REPLIES_CUT = "replies cut in the middle"
    SERVER_STOPPED = "server stopped and started"
    SERVER_KILLED = "server killed (-9) and started"


_HOLD_S: Final = {
    Kind.WORKER_KILLED: (0.0, 1.5),
    Kind.WORKER_FROZEN: (1.2 * CLAIM_AFTER_MS / 1000, 2 * CLAIM_AFTER_MS / 1000),
    Kind.TRACKER_KILLED: (0.0, 1.5),
    Kind.TRACKER_FROZEN: (1.2 * LEASE_MS / 1000, 2 * LEASE_MS / 1000),
    Kind.PRODUCER_KILLED: (0.0, 1.0),
    Kind.PRODUCER_FROZEN: (1.2 * PRODUCER_LEASE_MS / 1000, 2 * PRODUCER_LEASE_MS / 1000),
    Kind.CONNECTIONS_CUT: (0.0, 0.0),
    Kind.REPLIES_CUT: (0.0, 0.0),
    Kind.SERVER_STOPPED: (0.0, 1.5),
    Kind.SERVER_KILLED: (0.0, 1.5),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to break.

    Attributes:
        kind: what.
        at: once so many frames have been published,
        after_s: and so many seconds more have passed.
        pick: 0 to 1: which of several processes, and how much of a reply.
        hold_s: for how long it stays frozen or away.
    """

    kind: Kind
    at: int
    after_s: float
    pick: float
    hold_s: float


def make_schedule(seed: int, frames: int, count: int) -> list[Fault]:
    """Return `count` faults in the order of their moments, every kind about as often."""
    chance = random.Random(f"faults {seed}")
    kinds: list[Kind] = []
    while len(kinds) < count:
        kinds += chance.sample(list(Kind), len(Kind))
    moments = sorted(chance.randint(int(_FIRST * frames), int(_LAST * frames)) for _ in range(count))
    faults: list[Fault] = []
    for kind, at in zip(kinds[:count], moments, strict=True):
        company = bool(faults) and chance.random() < _COMPANY
        faults.append(
            Fault(
                kind,
                faults[-1].at if company else at,
                faults[-1].after_s + chance.uniform(0, 1.5) if company else chance.uniform(0, 0.2),
                chance.random(),
                chance.uniform(*_HOLD_S[kind]),
            )
        )
    return faults
