"""A run: everything started, the faults injected in their turn, everything watched until the last frame has ended."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from posestream.broker import Shard, connect
from posestream.keys import ShardKeys
from tests.chaos.crew import Crew
from tests.chaos.frames import FPS, START_MS, behaviours, write_frames
from tests.chaos.observer import Observer
from tests.chaos.proxy import CuttingProxy
from tests.chaos.reference import Expected, expect
from tests.chaos.saboteur import PRODUCERS, TRACKERS, WORKERS, Saboteur
from tests.chaos.schedule import CLAIM_AFTER_MS, LEASE_MS, make_schedule
from tests.chaos.verdict import Observations, Verdict, judge
from tests.servers import EmbeddedValkey

CAMERA: Final = "film"

_PREFIX: Final = "chaos"
_RECORDING: Final = "recording"
_DEPTH: Final = 64

_REAL_SLOTS: Final = 2

_TURN_S: Final = 0.03
_AFTERWARDS_S: Final = 1.5  # for zombies to do what they must not
# What has been answered must outlast a kill -9 of the server: fsync before the answer, not once a second.
_PERSISTENCE: Final = {"appendonly": "yes", "appendfsync": "always"}


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
    """Make a run with the stand-in and judge it. It ends after `limit_s` seconds; recording and logs go to `folder`."""
    misbehaving = behaviours(plan.seed, plan.frames, plan.misbehaving)
    write_frames(folder / _RECORDING, plan.frames, misbehaving)
    commands = _commands(str(folder / _RECORDING), ("--fps", str(FPS)), ("tests.chaos.worker",))
    expected = expect(CAMERA, plan.frames, misbehaving)
    seen = _run(plan, commands, folder, limit_s)
    return judge(expected, seen), seen


def carry_out_for_real(plan: Plan, folder: Path, limit_s: float) -> tuple[Verdict, Observations]:
    """Make a run with the demo network on synthetic people, and hold it against one in which nothing is broken.

    No frame of it misbehaves. Each of the two runs ends after `limit_s` seconds.
    """
    source = f"synthetic:?people=3&seed={plan.seed}&fps={FPS}&size=640x360&frames={plan.frames}&start={START_MS}"
    commands = _commands(source, (), ("workers", "pose", "--model", "demo", "--slots", str(_REAL_SLOTS)))
    undisturbed, disturbed = folder / "undisturbed", folder / "disturbed"
    poses = []
    for each, faults in ((undisturbed, 0), (disturbed, plan.faults)):
        each.mkdir()
        seen = _run(replace(plan, faults=faults), commands, each, limit_s)
        poses.append(seen)
    expected = Expected(plan.frames, {entry.pose.number: entry.pose for entry in poses[0].published}, {})
    return judge(expected, poses[1]), poses[1]


def _commands(source: str, flags: Sequence[str], worker: Sequence[str]) -> dict[str, Sequence[str]]:
    pose = (*worker, "--claim-after-ms", str(CLAIM_AFTER_MS))
    track = ("workers", "track", "--lease-ms", str(LEASE_MS), "--retain", "5000")
    run = ("producer", "run", source, "--camera", CAMERA, *flags, "--depth", str(_DEPTH))
    return {**dict.fromkeys(WORKERS, pose), **dict.fromkeys(TRACKERS, track), **dict.fromkeys(PRODUCERS, run)}


def _run(plan: Plan, commands: Mapping[str, Sequence[str]], folder: Path, limit_s: float) -> Observations:
    """Send the recording through, breaking things meanwhile."""
    with ExitStack() as stack:
        server = stack.enter_context(EmbeddedValkey(**_PERSISTENCE))
        shard = Shard(connect(server.url, name="chaos"), ShardKeys(_PREFIX, 0))
        shard.prepare()
        proxy = stack.enter_context(CuttingProxy(server.port, plan.seed))
        settings = {"POSESTREAM_REDIS_URL": proxy.url, "POSESTREAM_PREFIX": _PREFIX}
        crew = stack.enter_context(Crew(commands, settings, folder))
        observer = Observer(shard, CAMERA)
        faults = make_schedule(plan.seed, plan.frames, plan.faults)
        saboteur = Saboteur(faults, crew, server, proxy, shard.client)
        for name in (*WORKERS, *TRACKERS, saboteur.producer):
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
            crew.revive(saboteur.producer)
        time.sleep(_TURN_S)
