"""One camera's row: the frame with its people, and the same people in space."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.local.colours import PALETTE
from deploy.local.panels import CAPTION_PX, PANEL_WH, ROW_WH, Panels
from posestream.messages import CaptureClock
from posestream.skeleton import JOINT_INDEX, NECK
from tests.unit.deploy.local.shots import grey_jpeg, person_at, pose_of, shot_of, standing_m, truth_of

LEFT_M, RIGHT_M = standing_m(-1.0, 1.0, 4.0), standing_m(1.0, 1.0, 4.0)


def near(row: np.ndarray, panel_px: np.ndarray, colour: tuple[int, int, int]) -> bool:
    """Tell whether a colour is at a place of the frame's panel."""
    x, y = np.round(panel_px).astype(int)
    spot = row[CAPTION_PX + y - 3 : CAPTION_PX + y + 4, x - 3 : x + 4].astype(int)
    return bool((np.abs(spot - colour).sum(axis=2) < 30).any())


def test_joints_are_drawn_where_the_pose_says_the_left_side_bright_and_the_right_side_dark():
    person = person_at(LEFT_M)
    row = Panels("hall", [shot_of(pose_of([person]))]).row(0)
    assert row.shape == (ROW_WH[1], ROW_WH[0], 3)
    scale = PANEL_WH[0] / 1280
    wrists_px = [person.joints_px[JOINT_INDEX[name]] * scale for name in ("l_wrist", "r_wrist")]
    dark = tuple(round(value * 0.55) for value in PALETTE[0])
    assert near(row, wrists_px[0], PALETTE[0])
    assert near(row, wrists_px[1], dark)
    assert not near(row, wrists_px[1], PALETTE[0])


@pytest.mark.parametrize("size_wh", [(640, 480), (360, 640), (1920, 1080)])
def test_a_frame_of_any_shape_is_shown_whole_with_its_people_in_place(size_wh: tuple[int, int]):
    person = person_at(standing_m(-0.8, 0.3, 4.0))  # on the left of the image's centre at (640, 360)
    place = np.array(size_wh) / (1280, 720)
    moved = type(person)(None, 1.0, (person.joints_px * place).astype(np.float32), person.confidence, person.joints_m)
    row = Panels("hall", [shot_of(pose_of([moved], size_wh=size_wh), grey_jpeg(200, size_wh))]).row(0)

    panel = row[CAPTION_PX:, : PANEL_WH[0]]
    bright = np.argwhere((panel > 150).all(axis=2))
    shown_wh = np.ptp(bright[:, 1]) + 1, np.ptp(bright[:, 0]) + 1
    scale = min(PANEL_WH[0] / size_wh[0], PANEL_WH[1] / size_wh[1])
    assert np.allclose(shown_wh, np.array(size_wh) * scale, atol=3)
    corner_px = (np.array(PANEL_WH) - np.array(size_wh) * scale) / 2
    assert near(row, moved.joints_px[NECK] * scale + corner_px, PALETTE[0])


def test_a_smaller_image_than_the_source_gave_is_scaled_up_to_where_the_joints_are():
    person = person_at(LEFT_M)
    row = Panels("hall", [shot_of(pose_of([person]), grey_jpeg(200, (320, 180)))]).row(0)
    assert near(row, person.joints_px[JOINT_INDEX["l_wrist"]] * PANEL_WH[0] / 1280, PALETTE[0])


def test_cameras_of_one_scene_give_a_person_the_same_colour():
    people_m = np.array([LEFT_M, RIGHT_M])
    left, right = (person_at(joints_m) for joints_m in people_m)
    one = shot_of(pose_of([left, right]), truth=truth_of(people_m, [4, 6]))
    other = shot_of(pose_of([right, left]), truth=truth_of(people_m, [6, 4]))  # seen from behind: sides are swapped
    rows = [Panels("hall", [shot]).row(0) for shot in (one, other)]
    wrist_px = left.joints_px[JOINT_INDEX["l_wrist"]] * PANEL_WH[0] / 1280
    assert near(rows[0], wrist_px, PALETTE[4])
    assert near(rows[1], wrist_px, PALETTE[6])


def test_what_can_not_be_drawn_leaves_a_gap_and_not_an_error():
    unseen = person_at(LEFT_M)
    unseen.joints_px[:] = np.nan
    shots = [
        shot_of(pose_of([unseen]), b"no image"),
        shot_of(pose_of([], number=1), truth=truth_of(np.zeros((0, 19, 3)), [])),
        shot_of(pose_of([unseen], number=2, clock=CaptureClock.FILE)),
    ]
    panels = Panels("kamera-ü", shots)
    assert all(panels.row(index).shape == (ROW_WH[1], ROW_WH[0], 3) for index in range(3))


def test_the_newest_shot_of_a_moment_is_shown():
    shots = [shot_of(pose_of([], number=number)) for number in range(3)]
    panels = Panels("hall", shots)
    first_ms = shots[0].moment_ms
    assert [panels.index_at(first_ms + offset) for offset in (-500, 0, 99, 100, 5000)] == [0, 0, 0, 1, 2]
