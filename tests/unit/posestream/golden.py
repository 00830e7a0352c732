"""The messages of the golden files, as values; the files are the bytes that every language has to agree on.

`python -m tests.unit.posestream.golden` writes the files anew: only for a change that `docs/wire-format.md` tells of.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posestream.keys import FrameId
from posestream.messages import (
    CaptureClock,
    FrameMeta,
    Intrinsics,
    Person,
    PoseFrame,
    encode_meta,
    encode_pose,
)
from posestream.skeleton import JOINT_COUNT, PELVIS

FOLDER = Path(__file__).parents[2] / "golden"
META_FILE = FOLDER / "frame_meta.msgpack"
POSE_FILE = FOLDER / "pose.msgpack"

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

if __name__ == "__main__":
    META_FILE.write_bytes(encode_meta(META))
    POSE_FILE.write_bytes(encode_pose(POSE))
