"""People are put where the image shows them: synthetic ones, seen and lifted more or less well."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from posestream.calibration import Distortion, Extrinsics, Intrinsics, LensModel
from posestream.skeleton import JOINT_INDEX, PELVIS
from producer.synthetic.options import SceneOptions
from producer.synthetic.view import SyntheticView
from workers.pose.decoding import People
from workers.pose.decoding.lifting import translations
from workers.pose.placing import Placing, placed

VIEW = SyntheticView(SceneOptions(people=4, seed=31))
LENS = VIEW.intrinsics
PLACE = VIEW.extrinsics
SCALE = 720 / 256
BARREL = Distortion(LensModel.STANDARD, (-0.32, 0.12, 0.0, 0.0, -0.02))
ANKLES = [JOINT_INDEX["l_ankle"], JOINT_INDEX["r_ankle"]]
WRISTS = [JOINT_INDEX["l_wrist"], JOINT_INDEX["r_wrist"]]


def truth_m(index: int = 40) -> np.ndarray:
    return VIEW.truth(index).joints_m.astype(np.float64)


def seen(true_m: np.ndarray, lens: Intrinsics = LENS, distortion: Distortion | None = None) -> np.ndarray:
    """Return joints (P, 19, 2) where the camera shows them, the pelvis not."""
    matrix = np.array([[lens.fx, 0, lens.cx], [0, lens.fy, lens.cy], [0, 0, 1]])
    coefficients = np.array(distortion.coefficients if distortion else [0.0] * 5)
    joints_px, _ = cv2.projectPoints(true_m.reshape(-1, 1, 3), np.zeros(3), np.zeros(3), matrix, coefficients)
    joints_px = joints_px.reshape(*true_m.shape[:2], 2)
    joints_px[:, PELVIS] = np.nan
    return joints_px


def people(joints_px: np.ndarray, body_m: np.ndarray, lens: Intrinsics = LENS) -> People:
    """Return people as the decoder gives them: of this build, placed by how large they look."""
    rays = ((joints_px - (lens.cx, lens.cy)) / (lens.fx, lens.fy)).astype(np.float32)
    body_m = (body_m - body_m[:, PELVIS, None]).astype(np.float32)
    joints_m = body_m + translations(body_m, rays)[:, None]
    confidence = np.where(np.isfinite(joints_px[..., 0]), 0.8, 0).astype(np.float32)
    return People(joints_px.astype(np.float32), confidence, joints_m, np.ones(len(body_m), np.float32))


def off_m(given: People, true_m: np.ndarray) -> np.ndarray:
    """Return how far every pelvis is off, (P,)."""
    return np.linalg.norm(given.joints_m[:, PELVIS] - true_m[:, PELVIS], axis=1)


def fitted(found: People, lens: Intrinsics = LENS, distortion: Distortion | None = None) -> People:
    return placed(found, Placing.FIT, lens, distortion, None, SCALE)


def test_people_who_are_seen_and_lifted_exactly_are_placed_exactly() -> None:
    true_m = truth_m()
    found = people(seen(true_m), true_m)
    assert off_m(found, true_m).max() > 0.05  # they are neither flat nor parallel to the image
    np.testing.assert_allclose(fitted(found).joints_m, true_m, atol=0.005)


@pytest.mark.parametrize("focal_px", [500.0, 947.0, 2400.0])
def test_distortion_is_taken_out(focal_px: float) -> None:
    lens = Intrinsics(focal_px, focal_px, 630, 365, calibrated=True)
    true_m = truth_m()
    found = people(seen(true_m, lens, BARREL), true_m, lens)
    assert off_m(fitted(found, lens, BARREL), true_m).max() < 0.005
    if focal_px == 500:
        assert off_m(fitted(found, lens, None), true_m).max() > 0.1


def test_joints_seen_better_than_they_are_lifted_come_nearer_and_keep_their_depth(monkeypatch) -> None:
    rng = np.random.default_rng(5)
    found = []
    for index in range(0, 200, 10):
        true_m = truth_m(index)
        body_m = true_m + rng.normal(0, 0.05, true_m.shape)
        found.append((true_m, people(seen(true_m) + rng.normal(0, SCALE, (*true_m.shape[:2], 2)), body_m)))
    moved = [fitted(one).joints_m for _, one in found]
    monkeypatch.setattr("workers.pose.placing.towards_sight", lambda placed_m, *_: placed_m)
    left = [fitted(one).joints_m for _, one in found]

    def apart_m(given: list[np.ndarray]) -> float:
        lateral_m = [one_m - true_m for one_m, (true_m, _) in zip(given, found, strict=True)]
        return float(np.mean([np.linalg.norm(each[..., :2], axis=2).mean() for each in lateral_m]))

    assert apart_m(moved) < 0.75 * apart_m(left)
    for moved_m, left_m in zip(moved, left, strict=True):
        np.testing.assert_allclose(moved_m[..., 2], left_m[..., 2], atol=1e-5)
        np.testing.assert_array_equal(moved_m[:, PELVIS], left_m[:, PELVIS])


def test_a_joint_that_is_seen_somewhere_else_altogether_stays_with_its_body() -> None:
    true_m = truth_m()
    joints_px = seen(true_m)
    joints_px[0, WRISTS[0]] += (LENS.fx / true_m[0, WRISTS[0], 2] * 1.5, 0)  # a metre and a half aside
    given_m = fitted(people(joints_px, true_m)).joints_m
    assert np.linalg.norm(given_m[0, WRISTS[0]] - true_m[0, WRISTS[0]]) < 0.1


def test_joints_that_are_not_seen_are_not_missed() -> None:
    true_m = truth_m()
    joints_px = seen(true_m)
    joints_px[:, 3:12] = np.nan
    assert off_m(fitted(people(joints_px, true_m)), true_m).max() < 0.005


def test_a_third_of_the_joints_may_be_anywhere() -> None:
    true_m, rng = truth_m(), np.random.default_rng(4)
    joints_px = seen(true_m)
    wrong = np.argsort(rng.random(joints_px.shape[:2]), axis=1)[:, :6]
    for person, joints in enumerate(wrong):
        joints_px[person, joints] += rng.uniform(60, 400, (6, 2)) * rng.choice((-1, 1), (6, 2))
    found = people(joints_px, true_m)
    assert off_m(found, true_m).min() > 0.5
    assert off_m(fitted(found), true_m).max() < 0.06


def test_somebody_elses_arm_does_not_pull_anybody_along() -> None:
    true_m = truth_m()
    joints_px = seen(true_m)
    arm = [JOINT_INDEX[name] for name in ("r_elbow", "r_wrist")]
    joints_px[0, arm] = joints_px[1, arm]
    assert off_m(fitted(people(joints_px, true_m)), true_m).max() < 0.03


def test_a_joint_without_confidence_counts_for_nothing() -> None:
    true_m = truth_m()
    joints_px = seen(true_m)
    joints_px[:, WRISTS] += 15
    found = people(joints_px, true_m)
    found.confidence[:, WRISTS] = 0.001
    assert off_m(fitted(found), true_m).max() < 0.005


def test_noise_puts_nobody_nearer_or_farther_on_average() -> None:
    true_m, rng = truth_m() + np.array((0, 0, 6)), np.random.default_rng(5)  # 10 m away: a pixel is a centimetre
    noisy = [
        people(seen(true_m) + rng.normal(0, 5, (4, 19, 2)), true_m + rng.normal(0, 0.06, true_m.shape))
        for _ in range(250)
    ]
    depths_m = np.array([fitted(found).joints_m[:, PELVIS, 2] for found in noisy])  # (250, P)
    plain_m = np.array([plain_depths_m(found) for found in noisy])
    assert (np.abs(depths_m.mean(axis=0) / true_m[:, PELVIS, 2] - 1) < 0.015).all()
    assert (plain_m.mean(axis=0) / true_m[:, PELVIS, 2] < 0.985).all()


def plain_depths_m(found: People) -> list[float]:
    """Return the depths that ordinary least squares finds, by NumPy's own solver."""
    depths_m = []
    for joints_px, joints_m in zip(found.joints_px, found.joints_m, strict=True):
        body_m = joints_m - joints_m[PELVIS]
        equations, values = [], []
        for (u, v), (x, y, z) in zip((joints_px - (LENS.cx, LENS.cy)) / LENS.fx, body_m, strict=True):
            if np.isfinite(u):
                equations += [(1, 0, -u), (0, 1, -v)]
                values += [u * z - x, v * z - y]
        depths_m.append(np.linalg.lstsq(np.array(equations), np.array(values))[0][2])
    return depths_m


def test_with_little_noise_the_fit_is_the_least_squares() -> None:
    true_m, rng = truth_m(), np.random.default_rng(6)
    found = people(seen(true_m) + rng.normal(0, 0.3, (4, 19, 2)), true_m + rng.normal(0, 0.004, true_m.shape))
    depths_m = fitted(found).joints_m[:, PELVIS, 2]
    np.testing.assert_allclose(depths_m, plain_depths_m(found), rtol=0.001)


def test_somebody_of_whom_too_little_is_seen_stays_where_the_decoder_has_them() -> None:
    true_m = truth_m()
    joints_px = seen(true_m)
    joints_px[2, 3:] = np.nan  # neck and nose are left
    found = people(joints_px, true_m)
    given = fitted(found)
    np.testing.assert_array_equal(given.joints_m[2], found.joints_m[2])
    assert off_m(given, true_m)[[0, 1, 3]].max() < 0.005


def test_whatever_the_network_says_the_result_is_finite() -> None:
    rng = np.random.default_rng(7)
    for scale in (0.0, 1e-9, 1.0, 1e6):
        joints_px = rng.uniform(0, 720, (3, 19, 2))
        joints_px[1] = joints_px[1, 0]  # all at one place
        found = People(
            joints_px.astype(np.float32),
            np.ones((3, 19), np.float32),
            (scale * rng.normal(size=(3, 19, 3)) + (0, 0, 3)).astype(np.float32),
            np.ones(3, np.float32),
        )
        for method in Placing:
            joints_m = placed(found, method, LENS, BARREL, PLACE, SCALE).joints_m
            assert joints_m.dtype == np.float32
            assert np.isfinite(joints_m).all()


@pytest.mark.parametrize("method", Placing)
def test_nobody_is_placed_nowhere(method: Placing) -> None:
    nobody = people(np.zeros((0, 19, 2)), np.zeros((0, 19, 3)))
    assert len(placed(nobody, method, LENS, BARREL, PLACE, SCALE)) == 0


def test_the_references_way_leaves_people_where_the_decoder_has_put_them() -> None:
    found = people(seen(truth_m()), truth_m())
    assert placed(found, Placing.REFERENCE, LENS, BARREL, PLACE, SCALE) is found


# The floor ------------------------------------------------------------------------------------------------------------


def on_floor(found: People, place: Extrinsics | None = PLACE) -> People:
    return placed(found, Placing.FLOOR, LENS, None, place, SCALE)


def test_feet_on_the_floor_tell_a_child_from_somebody_far_away() -> None:
    true_m = truth_m()
    found = people(seen(true_m), 1.12 * true_m)  # the network takes them for larger than they are
    without, with_floor = off_m(fitted(found), true_m), off_m(on_floor(found), true_m)
    assert without.min() > 0.3
    assert (with_floor < 0.45 * without).all()
    assert (
        np.linalg.norm(on_floor(found).joints_m - true_m, axis=2).mean()
        < 0.5 * np.linalg.norm(fitted(found).joints_m - true_m, axis=2).mean()
    )


def test_people_who_stand_where_they_seem_to_are_left_there() -> None:
    true_m = truth_m()
    found = people(seen(true_m), true_m)
    assert off_m(on_floor(found), true_m).max() < 0.12  # their ankles are not all as high above the floor


@pytest.mark.parametrize("unseen", [ANKLES, [*ANKLES, JOINT_INDEX["l_knee"], JOINT_INDEX["r_knee"]]])
def test_feet_that_are_not_seen_say_nothing(unseen: list[int]) -> None:
    true_m = truth_m()
    joints_px = seen(true_m)
    joints_px[:, unseen] = np.nan
    found = people(joints_px, 1.1 * true_m)
    np.testing.assert_array_equal(on_floor(found).joints_m, fitted(found).joints_m)


def test_somebody_on_a_table_stays_up_there() -> None:
    true_m = PLACE.to_camera(PLACE.to_world(truth_m()) + np.array((0, 0, 0.9)))
    found = people(seen(true_m), true_m)
    np.testing.assert_array_equal(on_floor(found).joints_m, fitted(found).joints_m)


def test_a_foot_in_the_air_is_not_put_on_the_floor() -> None:
    true_m = truth_m()
    found = people(seen(true_m), true_m)
    lifted_m = PLACE.to_world(true_m)
    lifted_m[:, ANKLES[0], 2] += 0.3
    lifted_m = PLACE.to_camera(lifted_m)
    shifted = off_m(on_floor(people(seen(lifted_m), lifted_m)), true_m)
    assert (shifted < off_m(on_floor(found), true_m) + 0.12).all()


def test_without_the_cameras_place_there_is_no_floor() -> None:
    true_m = truth_m()
    found = people(seen(true_m), 1.1 * true_m)
    np.testing.assert_array_equal(on_floor(found, None).joints_m, fitted(found).joints_m)


def test_a_camera_on_the_floor_learns_nothing_from_it() -> None:
    low = Extrinsics.of(PLACE.rotation, -np.array(PLACE.rotation) @ (0, -3, 0.08))
    true_m = truth_m()
    found = people(seen(true_m), 1.05 * true_m)
    np.testing.assert_allclose(on_floor(found, low).joints_m, fitted(found).joints_m, atol=0.1)
