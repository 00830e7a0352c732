"""Locations are read where the reference reads them, and translations put a body where it is seen."""

from __future__ import annotations

import numpy as np
import pytest

from posestream.messages import Intrinsics
from posestream.skeleton import JOINT_INDEX, JOINT_NAMES
from tests.unit.workers.pose.decoding import oracle
from tests.unit.workers.pose.decoding.comparison import truly_named
from workers.pose.decoding import View
from workers.pose.decoding.lifting import READ_AT, READ_TOGETHER, read_locations, translations

# Every cell says where it is: x of any joint is its column, y its row, z the joint's number; all in units of 1.8 m.
CELLS = np.stack(
    [plane for joint in range(19) for plane in (*np.indices((8, 19), np.float32)[::-1], np.full((8, 19), joint))]
).astype(np.float32)


def read_at(**column_of_joint: int) -> np.ndarray:
    """Which column each joint of a person was read at, given the columns where joints are seen."""
    joints_fine_px = np.full((1, 19, 2), np.nan, np.float32)
    score = np.zeros((1, 19), np.float32)
    for name, column in column_of_joint.items():
        joints_fine_px[0, JOINT_INDEX[name]] = (4 * column + 0.5, 4 * 3 + 3.5)
        score[0, JOINT_INDEX[name]] = 0.5
    locations = read_locations(CELLS, joints_fine_px, score)[0] / 1.8
    np.testing.assert_allclose(locations[:, 1], 3)  # the row all are in
    np.testing.assert_allclose(locations[:, 2], np.arange(19), rtol=1e-6)  # each joint from its own channels
    return locations[:, 0].round().astype(int)


def columns(read: np.ndarray, *names: str) -> list[int]:
    return [int(read[JOINT_INDEX[name]]) for name in names]


def test_the_groups_are_the_references() -> None:
    assert tuple(map(tuple, READ_TOGETHER.tolist())) == oracle.READ_TOGETHER


def test_the_groups_are_read_at_the_references_peaks() -> None:
    openpose = np.full(19, -1)
    openpose[list(oracle.PANOPTIC)] = range(18)  # which heatmap each of the reference's 2D joints comes from
    np.testing.assert_array_equal(truly_named(openpose)[READ_AT], openpose[list(oracle.READ_TOGETHER)])
    assert [JOINT_NAMES[joint] for joint in READ_AT[0]] == ["l_ear", "r_ear", "nose"]
    assert [JOINT_NAMES[joint] for joint in READ_AT[1]] == ["l_eye", "r_eye", "nose"]
    np.testing.assert_array_equal(READ_AT[2:], READ_TOGETHER[2:])


def test_a_person_of_whom_only_the_neck_is_seen_is_read_there() -> None:
    assert (read_at(neck=5) == 5).all()


def test_a_limb_is_read_at_its_outermost_joint_all_of_it() -> None:
    read = read_at(neck=5, l_shoulder=6, l_elbow=7, l_wrist=8, r_shoulder=4, r_elbow=3)
    assert columns(read, "l_shoulder", "l_elbow", "l_wrist") == [8, 8, 8]
    assert columns(read, "r_shoulder", "r_elbow", "r_wrist") == [3, 3, 3]  # the wrist was not seen
    assert columns(read, "neck", "pelvis", "l_hip", "nose") == [5, 5, 5, 5]


@pytest.mark.parametrize(
    ("seen", "right_and_nose_and_left"),
    [
        ({"l_ear": 2, "r_ear": 9, "l_eye": 3, "r_eye": 8, "nose": 6}, [2, 2, 3, 3, 3]),
        ({"r_ear": 9, "r_eye": 8, "nose": 6}, [9, 9, 8, 8, 8]),
        ({"r_ear": 9, "nose": 6}, [9, 9, 6, 6, 6]),
        ({"l_eye": 3}, [5, 5, 3, 3, 3]),
        ({"l_ear": 2}, [2, 2, 2, 5, 5]),  # the nose goes with the later half, unless nothing of that is seen
    ],
)
def test_the_faces_right_is_read_at_an_ear_and_its_left_at_an_eye(seen, right_and_nose_and_left) -> None:
    read = read_at(neck=5, **seen)
    assert columns(read, "r_ear", "r_eye", "nose", "l_eye", "l_ear") == right_and_nose_and_left


def test_a_joint_at_the_threshold_itself_is_not_read_at() -> None:
    joints_fine_px = np.full((1, 19, 2), 2.5, np.float32)
    joints_fine_px[0, JOINT_INDEX["l_wrist"]] = 10.5
    score = np.full((1, 19), 0.1, np.float32)
    assert read_locations(CELLS, joints_fine_px, score)[0, JOINT_INDEX["l_wrist"], 0] == 0


def test_each_person_is_read_at_its_own_joints() -> None:
    joints_fine_px = np.full((2, 19, 2), np.nan, np.float32)
    joints_fine_px[:, 0] = [(4.5, 0.5), (40.5, 4.5)]
    joints_fine_px[1, JOINT_INDEX["l_wrist"]] = (60.5, 8.5)
    score = np.where(np.isnan(joints_fine_px[..., 0]), 0, 0.5).astype(np.float32)
    cells = read_locations(CELLS, joints_fine_px, score)[:, [JOINT_INDEX["pelvis"], JOINT_INDEX["l_elbow"]], :2] / 1.8
    np.testing.assert_allclose(cells, [[(1, 0), (1, 0)], [(10, 1), (15, 2)]], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_a_location_that_is_no_number_is_0(bad) -> None:
    features = np.full_like(CELLS, bad)
    joints_fine_px = np.full((1, 19, 2), 2.5, np.float32)
    assert (read_locations(features, joints_fine_px, np.ones((1, 19), np.float32)) == 0).all()


def flat_body(neck_m) -> np.ndarray:
    """A flat body (1, 19, 3) in metres whose image is exact in any pinhole camera."""
    body = np.random.default_rng(7).uniform(-0.8, 0.8, (1, 19, 3)).astype(np.float32)
    body[..., 2] = 0
    return body - body[:, :1] + np.array(neck_m, np.float32)


@pytest.mark.parametrize(
    "camera",
    [
        Intrinsics(1024, 1024, 640, 360, calibrated=False),
        Intrinsics(1024, 1024, 200, 500, calibrated=True),  # looking past the centre
        Intrinsics(900, 1100, 600, 380, calibrated=True),  # pixels that are not square
    ],
)
def test_a_flat_body_is_found_where_it_is_by_the_joints_seen(camera) -> None:
    body_m = flat_body((0.7, -0.4, 4.2))
    pixels = body_m[..., :2] / body_m[..., 2:] * (camera.fx, camera.fy) + (camera.cx, camera.cy)
    pixels[:, [2, 5, 9]] = np.nan
    rays = View((1.0, 1.0), (0.0, 0.0), camera).rays(pixels.astype(np.float32))
    about_somewhere_m = body_m - np.array([0.5, -0.25, 4.2], np.float32)

    found_m = about_somewhere_m + translations(about_somewhere_m, rays)[:, None]

    np.testing.assert_allclose(found_m, body_m, atol=1e-4)


@pytest.mark.parametrize("face", [(), (15,), (16, 18), (15, 17, 18)])
def test_a_face_seen_in_part_counts_as_it_does_in_the_reference(face) -> None:
    body_m = flat_body((0.3, 0.2, 3.0))[0]
    xy = [tuple(point) if joint < 15 or joint in face else None for joint, point in enumerate(body_m[:, :2] / 3)]
    rays = truly_named(np.array([(np.nan, np.nan) if point is None else point for point in xy], np.float32))

    expected_m = oracle.translation_m(body_m.tolist(), xy, (1.0, 1.0), (0.0, 0.0))

    np.testing.assert_allclose(translations(body_m[None], rays[None])[0], expected_m, rtol=1e-4, atol=1e-5)


def test_nobody_is_nowhere() -> None:
    assert read_locations(CELLS, np.zeros((0, 19, 2), np.float32), np.zeros((0, 19), np.float32)).shape == (0, 19, 3)
    assert translations(np.zeros((0, 19, 3), np.float32), np.zeros((0, 19, 2), np.float32)).shape == (0, 3)
