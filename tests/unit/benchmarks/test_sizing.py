"""What a fleet takes, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posestream.keys import FrameId
from posestream.messages import CaptureClock, Intrinsics, PoseFrame, encode_pose
from tests.benchmarks.scale.sizing import Costs, Fleet, size
from tests.benchmarks.tracker import walking

COSTS = Costs(worker_fps=20, server_us=400, tracker_us=300, pose_bytes=1000, overhead_bytes=0)


def test_workers_are_for_the_frames_a_second_with_room_to_spare() -> None:
    assert size(Fleet(10, 15, 75_000), COSTS).worker_cores == 10  # 150 frames/s, 15 of a core's 20


def test_a_shard_is_filled_by_the_slower_of_server_and_tracker() -> None:
    assert size(Fleet(100, 12.5, 75_000), COSTS).shards == 1  # 1250 x 400 us is half a core
    assert size(Fleet(101, 12.5, 75_000), COSTS).shards == 2


def test_memory_is_that_of_waiting_frames_and_kept_poses() -> None:
    assert size(Fleet(1, 1, 98_976), COSTS).memory_mib == pytest.approx((5 * 100_000 + 3000 * 1256 + 16_384) / 2**20)


def test_network_is_pixels_and_poses() -> None:
    assert size(Fleet(1, 10, 99_000), COSTS).mbit_s == pytest.approx(8)


def test_a_pose_is_as_large_as_one_that_is_published() -> None:
    people = tuple(replace(person, id=100, smooth_m=person.joints_m) for person in walking(0))
    lens = Intrinsics.assumed(1280, 720)
    pose = PoseFrame("camera-100", FrameId(2**40), 10_000, 600_000, CaptureClock.FILE, (1280, 720), lens, people)
    assert len(encode_pose(pose)) == pytest.approx(Costs(35, 461, 757).pose_bytes, abs=20)
