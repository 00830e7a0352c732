"""People's movements at an even rate, in the axes that are wanted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posestream.export.motion import LONGEST_GAP_S, Motion, motions, resampled
from posestream.messages import Person
from posestream.skeleton import JOINT_COUNT, PELVIS
from tests.unit.posestream.golden import EXTRINSICS
from tests.unit.posestream_subscriber.frames import frame


def somebody(track_id: int | None, x: float, **more) -> Person:
    joints_m = np.full((JOINT_COUNT, 3), (x, 2.0, 3.0), np.float32)
    nowhere = np.full((JOINT_COUNT, 2), np.nan, np.float32)
    return Person(track_id, 1.0, nowhere, np.zeros(JOINT_COUNT, np.float32), joints_m, **more)


def at(captured_ms: int, seq: int, *people: Person):
    return replace(frame(seq, None), captured_ms=captured_ms, people=people)


def test_the_rate_is_the_cameras_even_where_frames_have_no_pose():
    (motion,) = motions([at(1000, 1, somebody(1, 0)), at(1040, 2, somebody(1, 1)), at(1200, 6, somebody(1, 5))])
    assert motion.rate_hz == 25
    assert motion.joints_m[:, PELVIS, 0] == pytest.approx([0, 1, 2, 3, 4, 5], abs=1e-4), "the gap is short"


def test_everybody_has_samples_of_their_own_on_the_cameras_time():
    early, late = motions(
        [at(0, 1, somebody(1, 0)), at(100, 2, somebody(1, 1), somebody(7, 5)), at(200, 3, somebody(7, 6))]
    )
    assert (early.person, early.first, len(early.joints_m)) == (1, 0, 2)
    assert (late.person, late.first, len(late.joints_m)) == (7, 1, 2)


def test_people_without_an_id_and_times_that_go_back_are_left_out():
    (motion,) = motions(
        [
            at(0, 1, somebody(None, 9)),
            at(100, 2, somebody(1, 1)),
            at(50, 2, somebody(1, 7)),
            at(200, 3, somebody(1, 2)),
        ],
        rate_hz=10,
    )
    assert motion.joints_m[:, PELVIS, 0] == pytest.approx([1, 2], abs=1e-4)


def test_smoothed_joints_are_taken_unless_the_raw_ones_are_wanted():
    smooth = np.full((JOINT_COUNT, 3), 42, np.float32)
    frames = [at(0, 1, somebody(1, 1, smooth_m=smooth))]
    assert motions(frames)[0].joints_m[0, 0, 0] == 42
    assert motions(frames, raw=True)[0].joints_m[0, 0, 0] == 1


def test_the_world_is_taken_where_it_is_known_and_the_camera_where_it_is_wanted():
    person = somebody(1, 1)
    placed = replace(person, world_m=EXTRINSICS.to_world(person.joints_m))
    (world,) = motions([at(0, 1, placed)])
    (camera,) = motions([at(0, 1, placed)], space="camera")
    assert (world.space, camera.space) == ("world", "camera")
    assert world.joints_m[0] == pytest.approx(placed.world_m)
    assert camera.joints_m[0] == pytest.approx(person.joints_m)
    assert len(motions([at(0, 1, person)], space="world")[0].joints_m) == 0


RIGHT_DOWN_FORWARD = np.array([[1, 2, 3]], np.float32)


@pytest.mark.parametrize(
    ("space", "up", "turned"),
    [
        ("camera", "y", (1, -2, -3)),  # x right, y up, z towards the camera
        ("camera", "z", (1, 3, -2)),  # x right, y away from the camera, z up
        ("world", "z", (1, 2, 3)),
        ("world", "y", (1, 3, -2)),
    ],
)
def test_axes_are_turned_and_stay_right_handed(space, up, turned):
    def of(points: np.ndarray) -> np.ndarray:
        return Motion("hall", 1, space, 25.0, 0, points[:, None]).turned(up)[:, 0]

    assert of(RIGHT_DOWN_FORWARD)[0] == pytest.approx(turned)
    x, y, z = of(np.eye(3, dtype=np.float32))
    assert np.cross(x, y) == pytest.approx(z)


def test_resampling_is_linear_between_neighbours_and_empty_in_long_gaps():
    times_s = np.array([0.0, 0.1, 0.2, 0.2 + 2 * LONGEST_GAP_S])
    joints_m = np.array([0, 1, 3, 9], np.float32)[:, None, None] * np.ones((1, JOINT_COUNT, 3), np.float32)
    at_s = np.array([0, 0.05, 0.1, 0.15, 0.2, 0.2 + LONGEST_GAP_S, 0.2 + 2 * LONGEST_GAP_S])
    expected = [0, 0.5, 1, 2, 3, np.nan, 9]
    assert resampled(times_s, joints_m, at_s)[:, 4, 1] == pytest.approx(expected, nan_ok=True)


def test_a_joint_that_is_missing_spoils_only_what_is_between():
    joints_m = np.array([0, np.nan, 2], np.float32)[:, None, None] * np.ones((1, JOINT_COUNT, 3), np.float32)
    got = resampled(np.array([0.0, 0.1, 0.2]), joints_m, np.array([0, 0.05, 0.1, 0.15, 0.2]))
    assert got[:, 0, 0] == pytest.approx([0, np.nan, np.nan, np.nan, 2], nan_ok=True)


def test_a_file_that_starts_again_keeps_its_rate_and_what_is_left_out_is_counted():
    times_ms = [*range(0, 2000, 40), *range(0, 2000, 40), *range(0, 2000, 40)]
    frames = [at(ms, seq, somebody(1, 0), somebody(2 + seq // 51, 1)) for seq, ms in enumerate(times_ms, start=1)]
    first, second, third, fourth = motions(frames)
    assert {motion.rate_hz for motion in (first, second, third, fourth)} == {25.0}
    assert (first.person, len(first.joints_m), first.went_back) == (1, 50, 100)
    assert (second.person, len(second.joints_m), second.went_back) == (2, 50, 0)


def test_frames_without_coordinates_in_a_space_are_counted():
    person = somebody(1, 1)
    placed = replace(person, world_m=EXTRINSICS.to_world(person.joints_m))
    (motion,) = motions([at(0, 1, placed), at(40, 2, person), at(80, 3, placed)])
    assert (motion.space, motion.without_place) == ("world", 1)
    (nothing,) = motions([at(0, 1, person)], space="world")
    assert (nothing.seconds, nothing.without_place) == (0, 1)
