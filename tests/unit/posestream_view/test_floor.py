"""Finding the floor under people."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from posestream.skeleton import JOINT_INDEX, PELVIS
from posestream.view.floor import floor_under
from tests.unit.deploy.local.shots import standing_m


def people_seen(tilt_deg: float, height_m: float) -> np.ndarray:
    """Return people (P, 19, 3) on one floor, seen by a camera so high above it that looks down by so much."""
    places = [(-1.5, 3.0), (0.0, 4.0), (1.2, 5.5), (0.4, 3.5)]
    level_m = np.array([standing_m(right, height_m, forward) for right, forward in places])
    turn, _ = cv2.Rodrigues(np.array((np.radians(tilt_deg), 0.0, 0.0)))
    return level_m @ turn.T


@pytest.mark.parametrize("tilt_deg", [-10.0, 0.0, 20.0, 40.0])
@pytest.mark.parametrize("height_m", [1.2, 2.5])
def test_people_stand_upright_on_it_however_the_camera_hangs(tilt_deg: float, height_m: float):
    people_m = people_seen(tilt_deg, height_m)
    floor = floor_under(people_m)
    level_m = floor.level(people_m)

    assert floor.height_m == pytest.approx(height_m, abs=0.02)
    assert np.allclose(level_m[:, PELVIS, 1], 0.95, atol=0.02)
    assert np.allclose(level_m[:, JOINT_INDEX["l_ankle"], 1], 0.08, atol=0.02)
    assert np.allclose(level_m[:, PELVIS, 0], [-1.5, 0.0, 1.2, 0.4], atol=0.02)  # right stays right
    assert np.allclose(level_m[:, PELVIS, 2], [3.0, 4.0, 5.5, 3.5], atol=0.02)


def test_noise_and_somebody_who_bends_down_do_not_tilt_it():
    rng = np.random.default_rng(3)
    people_m = np.tile(people_seen(15.0, 2.0), (20, 1, 1)) + rng.normal(0, 0.04, (80, 19, 3))
    people_m[::8, 0] += (0.0, 0.4, -0.5)  # the neck forward and down
    level_m = floor_under(people_m).level(people_m)
    assert np.abs(np.median(level_m[:, PELVIS, 1]) - 0.95) < 0.08


def test_without_anybody_the_camera_is_taken_as_level():
    floor = floor_under(np.zeros((0, 19, 3)))
    assert np.allclose(floor.axes, [(1, 0, 0), (0, -1, 0), (0, 0, 1)])
    assert np.allclose(floor.level(np.array([(1.0, floor.height_m, 3.0)])), [(1.0, 0.0, 3.0)])
