"""A run: everything started, the faults injected in their turn, everything watched until the last frame has ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from posestream.broker import Shard, connect
from posestream.keys import ShardKeys
from tests.chaos.crew import Crew
from tests.chaos.frames import FPS, behaviours, write_frames
from tests.chaos.observer import Observer
from tests.chaos.proxy import CuttingProxy
from tests.chaos.reference import expect
from tests.chaos.saboteur import PRODUCER, TRACKERS, WORKERS, Saboteur
from tests.chaos.schedule import CLAIM_AFTER_MS, LEASE_MS, make_schedule
from tests.chaos.verdict import Observations, Verdict, judge
from tests.servers import EmbeddedValkey

CAMERA: Final = "film"

_PREFIX: Final = "chaos"
_RECORDING: Final = "recording"
_DEPTH: Final = 64

_TURN_S: Final = 0.03
_AFTERWARDS_S: Final = 1.5  # for zombies to do what they must not
# What has been answered must outlast a kill -9 of the server: fsync before the answer, not once a second.
_PERSISTENCE: Final = {"appendonly": "yes", "appendfsync": "always"}


def _commands(recording: Path) -> dict[str, Sequence[str]]:
    pose = ("tests.chaos.worker", "--claim-after-ms", str(CLAIM_AFTER_MS))
    track = ("workers", "track", "--lease-ms", str(LEASE_MS), "--retain", "5000")
    run = ("producer", "run", str(recording), "--camera", CAMERA, "--fps", str(FPS), "--depth", str(_DEPTH))
    return {**dict.fromkeys(WORKERS, pose), **dict.fromkeys(TRACKERS, track), PRODUCER: run}


@dataclass(frozen=True, slots=True)
class Plan:
    """A run to be made; everything in it follows from the seed.

    Attributes:
        frames: length of the recording.
        faults: how many to inject.
        misbehaving: how many frames misbehave, in each of the five ways.
    """

    frames: int
    faults: int
    misbehaving: int
    seed: int


def carry_out(plan: Plan, folder: Path, limit_s: float) -> tuple[Verdict, Observations]:
    """Make a run and judge it. Recording and logs go to `folder`; it ends after `limit_s` seconds at the latest."""
    misbehaving = behaviours(plan.seed, plan.frames, plan.misbehaving)
    write_frames(folder / _RECORDING, plan.frames, misbehaving)
    expected = expect(CAMERA, plan.frames, misbehaving)
    seen = _run(plan, folder, limit_s)
    return judge(expected, seen), seen


def _run(plan: Plan, folder: Path, limit_s: float) -> Observations:
    """Send the recording through, breaking things meanwhile."""
    with ExitStack() as stack:
        server = stack.enter_context(EmbeddedValkey(**_PERSISTENCE))
        shard = Shard(connect(server.url, name="chaos"), ShardKeys(_PREFIX, 0))
        shard.prepare()
        proxy = stack.enter_context(CuttingProxy(server.port, plan.seed))
        settings = {"POSESTREAM_REDIS_URL": proxy.url, "POSESTREAM_PREFIX": _PREFIX}
        crew = stack.enter_context(Crew(_commands(folder / _RECORDING), settings, folder))
        observer = Observer(shard, CAMERA)
        faults = make_schedule(plan.seed, plan.frames, plan.faults)
        saboteur = Saboteur(faults, crew, server, proxy, shard.client)
        for name in (*WORKERS, *TRACKERS, PRODUCER):
            crew.start(name)
        _drive(plan.frames, crew, observer, saboteur, time.monotonic() + limit_s)
        letters = observer.letters()
        return Observations(observer.looks, observer.published, letters, saboteur.injections, _DEPTH, crew.gave_up)


def _drive(frames: int, crew: Crew, observer: Observer, saboteur: Saboteur, until_s: float) -> None:
    """Look, break what is to be broken now, and start again what has crashed, until all is done."""
    rest_until_s: float | None = None
    while time.monotonic() < min(until_s, rest_until_s or until_s):
        look = observer.look()
        if look is not None:
            saboteur.take_note(look, room=frames - look.admitted > _DEPTH, leader=observer.leader)
            if look.ended == look.admitted == frames and saboteur.done and rest_until_s is None:
                rest_until_s = time.monotonic() + _AFTERWARDS_S
        saboteur.step()
        crew.revive(*WORKERS, *TRACKERS)
        if look is not None and look.admitted < frames:
            crew.revive(PRODUCER)
        time.sleep(_TURN_S)
