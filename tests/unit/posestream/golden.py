"""The messages of the golden files, as values; the files are the bytes that every language has to agree on.

`python -m tests.unit.posestream.golden` writes the files anew: only for a change that `docs/wire-format.md` tells of.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from posestream.keys import FrameId
from posestream.messages import (
    CaptureClock,
    Distortion,
    Extrinsics,
    FrameMeta,
    Intrinsics,
    LensModel,
    Person,
    PoseFrame,
    encode_meta,
    encode_pose,
)
from posestream.skeleton import JOINT_COUNT, PELVIS

FOLDER = Path(__file__).parents[2] / "golden"
META_FILE = FOLDER / "frame_meta.msgpack"
POSE_FILE = FOLDER / "pose.msgpack"
PLACED_META_FILE = FOLDER / "frame_meta_placed.msgpack"
PLACED_POSE_FILE = FOLDER / "pose_placed.msgpack"

META = FrameMeta(
    captured_ms=1_700_000_000_123,
    clock=CaptureClock.SENSOR,
    source_wh=(1920, 1080),
    intrinsics=Intrinsics(1400.5, 1401.25, 960.0, 540.5, calibrated=True),
)


def _person(track_id: int | None, first: float, seen: int) -> Person:
    """Somebody whose numbers are halves and quarters, exact in float32; only `seen` joints are seen in 2D."""
    joints_px = (first + np.arange(JOINT_COUNT * 2, dtype=np.float32) / 2).reshape(JOINT_COUNT, 2)
    confidence = np.full(JOINT_COUNT, 0.75, np.float32)
    joints_m = (np.arange(JOINT_COUNT * 3, dtype=np.float32) / 4 - first).reshape(JOINT_COUNT, 3)
    unseen = [PELVIS, *range(seen, JOINT_COUNT)]
    joints_px[unseen] = np.nan
    confidence[unseen] = 0
    smooth_m = None if track_id is None else joints_m + np.float32(0.125)
    return Person(track_id, 12.5, joints_px, confidence, joints_m, smooth_m)


POSE = PoseFrame(
    camera="lobby",
    id=FrameId(1_700_000_000_456, 2),
    seq=70_000,
    captured_ms=1_700_000_000_123,
    clock=CaptureClock.RECEIVE,
    size_wh=(1280, 720),
    intrinsics=Intrinsics.assumed(1280, 720),
    people=(_person(None, 100.0, seen=19), _person(7, -3.5, seen=11)),
)

# The same of a camera whose lens and place are known: it looks along the world's y axis, from 1.5 m above the floor.
DISTORTION = Distortion(LensModel.STANDARD, (-0.25, 0.125, 0.0, 0.5, -0.0625))
EXTRINSICS = Extrinsics(((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)), (0.25, 1.5, 4.0))
PLACED_META = replace(META, distortion=DISTORTION, extrinsics=EXTRINSICS)


def _in_the_world(person: Person) -> Person:
    world_m = EXTRINSICS.to_world(person.joints_m)
    smooth_world_m = None if person.smooth_m is None else EXTRINSICS.to_world(person.smooth_m)
    return replace(person, world_m=world_m, smooth_world_m=smooth_world_m)


PLACED_POSE = replace(
    POSE,
    intrinsics=Intrinsics(1400.5, 1401.25, 640.0, 360.5, calibrated=True),
    distortion=DISTORTION,
    extrinsics=EXTRINSICS,
    people=tuple(map(_in_the_world, POSE.people)),
)

if __name__ == "__main__":
    META_FILE.write_bytes(encode_meta(META))
    POSE_FILE.write_bytes(encode_pose(POSE))
    PLACED_META_FILE.write_bytes(encode_meta(PLACED_META))
    PLACED_POSE_FILE.write_bytes(encode_pose(PLACED_POSE))
