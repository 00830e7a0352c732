"""Where people are on the level stage of the view in space, and how they are told to the page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posestream.calibration import Extrinsics
from posestream.messages import Person
from posestream.skeleton import JOINT_INDEX, PELVIS
from posestream.view.stage import Floors, Stage
from posestream.view.wire import staged
from producer.synthetic.options import parse_options
from producer.synthetic.view import SyntheticView
from tests.unit.posestream_view.test_floor import people_seen
from tests.unit.posestream_view.test_matching import pose


def person(joints_m: np.ndarray, number: int = 1) -> Person:
    joints_m = joints_m.astype(np.float32)
    return Person(number, 1.0, np.full((19, 2), np.nan, np.float32), np.zeros(19, np.float32), joints_m)


def test_with_extrinsics_the_stage_is_the_world_with_up_as_its_second_axis():
    view = SyntheticView(parse_options("synthetic:?people=2&seed=3"))
    stage = Stage.of_world(view.extrinsics)
    camera_m = view.truth(0).joints_m.astype(float)
    x, y, z = np.moveaxis(view.extrinsics.to_world(camera_m), -1, 0)
    assert np.allclose(stage.place(camera_m), np.stack((x, z, y), axis=-1), atol=1e-5)
    assert stage.place(camera_m)[..., JOINT_INDEX["l_ankle"], 1].max() < 0.5
    assert stage.position_m[1] == pytest.approx(2.35, abs=0.01)  # where the scene hangs its cameras
    assert stage.world


def test_all_cameras_of_a_room_agree_on_the_stage():
    views = [SyntheticView(parse_options(f"synthetic:?people=3&seed=3&camera={n}")) for n in (0, 1)]
    first, second = (Stage.of_world(view.extrinsics).place(view.truth(4).joints_m) for view in views)
    assert np.allclose(first, second, atol=1e-3)


def test_without_them_people_stand_upright_on_the_floor_under_the_camera():
    people_m = people_seen(tilt_deg=25.0, height_m=2.2)
    stage = Stage.of_floor(Floors().seen([person(joints_m) for joints_m in people_m], 0))
    level_m = stage.place(people_m)
    assert np.allclose(level_m[:, PELVIS, 1], 0.95, atol=0.03)
    assert stage.position_m == pytest.approx((0, 2.2, 0), abs=0.03)
    assert not stage.world


def test_the_floor_does_not_jump_when_it_is_found_to_be_elsewhere():
    floors = Floors()
    before = floors.seen([person(joints_m) for joints_m in people_seen(0.0, 2.0)], 0)
    lower = [person(joints_m) for joints_m in people_seen(0.0, 3.0)]
    for step in range(200):
        after = floors.seen(lower, 10 + step)
    assert after.height_m == before.height_m  # looked for once a second
    after = floors.seen(lower, 1500)
    assert before.height_m + 0.05 < after.height_m < before.height_m + 0.6
    for second in range(2, 30):
        after = floors.seen(lower, second * 1000)
    assert after.height_m == pytest.approx(3.0, abs=0.1)


def test_nobody_and_people_who_are_not_known_in_space_move_no_floor():
    floors = Floors()
    assert floors.seen([], 0).height_m == 1.6
    assert floors.seen([person(np.full((19, 3), np.nan))], 5000).height_m == 1.6


def test_the_page_is_told_what_is_not_known_as_null():
    joints_m = people_seen(0.0, 2.0)[0]
    joints_m[JOINT_INDEX["nose"]] = np.nan
    stage = Stage.of_world(Extrinsics.of(np.eye(3), np.zeros(3)))
    told = staged(replace(pose(1), people=(person(joints_m),)), stage)
    assert told["people"][0]["stage_m"][JOINT_INDEX["nose"]] == [None, None, None]
    assert told["people"][0]["joints_px"] == [[None, None]] * 19
    assert told["place"] == {
        "position": [0, 0, 0],
        "axes": [[1, 0, 0], [0, 0, 1], [0, 1, 0]],
        "field": (0.625, pytest.approx(0.352)),
    }


def test_smoothed_joints_are_preferred():
    joints_m = people_seen(0.0, 2.0)[0]
    smooth = replace(person(joints_m), smooth_m=(joints_m + 1).astype(np.float32))
    stage = Stage.of_world(Extrinsics.of(np.eye(3), np.zeros(3)))
    told = staged(replace(pose(1), people=(smooth,)), stage)
    x, y, z = joints_m[0] + 1
    assert told["people"][0]["stage_m"][0] == pytest.approx([x, z, y], abs=0.001)
