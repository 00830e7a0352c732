"""What must come out: the same frames, in order, one after the other in one process where nothing breaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import msgpack

from posestream.keys import FrameId
from posestream.messages import Outcome, encode_pose
from tests.chaos.frames import DEAD, LENGTHY, Behaviour, captured_ms, number_captured_at
from tests.chaos.standin import pose_of
from workers.track.tracks import CameraTracks, TrackOptions


@dataclass(frozen=True, slots=True)
class Pose:
    """What a published pose says, but for frame ids.

    Attributes:
        number: of the frame.
        tracks: the people's track ids, in the order of the message.
        digest: of the whole message without its own frame id and the previous one.
    """

    number: int
    tracks: tuple[int, ...]
    digest: bytes


@dataclass(frozen=True, slots=True)
class Expected:
    """What must become of each frame: its pose, by number, or the reasons its dead letter may have.

    `lengthy` are frames that are waited for though nothing is broken.
    """

    frames: int
    poses: Mapping[int, Pose]
    dead: Mapping[int, frozenset[str]]
    lengthy: frozenset[int] = frozenset()


def read_pose(packed: bytes) -> Pose:
    """Read a published message."""
    message: dict[str, Any] = msgpack.unpackb(packed)
    for frame_id in ("id", "previous"):
        del message[frame_id]
    return Pose(
        number_captured_at(message["captured_ms"]),
        tuple(person["id"] for person in message["people"]),
        blake2b(msgpack.packb(message), digest_size=12).digest(),
    )


def expect(camera: str, frames: int, misbehaving: Mapping[int, Behaviour]) -> Expected:
    """Compute what must come out of a recording."""
    tracks, skipped = CameraTracks(TrackOptions()), Counter[Outcome]()
    dead = {number: DEAD[way] for number, way in misbehaving.items() if way in DEAD}
    poses = {}
    for number in range(frames):
        if number in dead:
            skipped[Outcome.DEAD] += 1
            continue
        pose = pose_of(number, captured_ms(number), camera, FrameId(0), seq=number + 1)
        people = tracks.update(pose.captured_ms, pose.people)
        message = replace(pose, people=people, previous=FrameId(0), skipped=dict(skipped))
        poses[number] = read_pose(encode_pose(message))
        skipped.clear()
    lengthy = frozenset(number for number, way in misbehaving.items() if way in LENGTHY)
    return Expected(frames, poses, dead, lengthy)
