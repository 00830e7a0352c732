"""Frames with nobody in them, by their number."""

from __future__ import annotations

from collections.abc import Mapping

from posestream.keys import FrameId
from posestream.messages import CaptureClock, Intrinsics, Outcome, PoseFrame


def frame(
    seq: int, previous: int | None, skipped: Mapping[Outcome, int] | None = None, *, at: int | None = None
) -> PoseFrame:
    """Frame `seq` of camera `hall`; its id is `at`, or ten times its number, and so is that of `previous`."""
    return PoseFrame(
        "hall",
        FrameId(10 * seq if at is None else at),
        seq,
        1_700_000_000_000 + seq,
        CaptureClock.RECEIVE,
        (640, 480),
        Intrinsics.assumed(640, 480),
        (),
        previous=None if previous is None else FrameId(10 * previous),
        skipped=skipped or {},
    )
