"""The view in 3D."""

from __future__ import annotations

import numpy as np

from deploy.local.colours import PALETTE
from deploy.local.space import Extent, SpaceView
from posestream.view.floor import floor_under
from tests.unit.deploy.local.shots import standing_m

SIZE_WH = (800, 450)
LEFT, RIGHT = standing_m(-1.0, 1.5, 4.0), standing_m(1.0, 1.5, 4.0)
NOBODY = np.zeros((0, 19, 3))


def view_of(people_m: np.ndarray) -> SpaceView:
    floor = floor_under(people_m)
    return SpaceView(SIZE_WH, floor, Extent.around(floor.level(people_m)))


def place_of(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Return the middle (x, y) of the pixels that have exactly this colour."""
    rows, columns = np.nonzero((image == colour).all(axis=2))
    assert len(rows) > 50
    return np.array((columns.mean(), rows.mean()))


def test_who_is_on_the_left_of_the_camera_is_drawn_on_the_left():
    image = view_of(np.array([LEFT, RIGHT])).draw([LEFT, RIGHT], PALETTE[:2], NOBODY, turn=0.0)
    assert image.shape == (450, 800, 3)
    assert place_of(image, PALETTE[0])[0] < place_of(image, PALETTE[1])[0] - 50


def test_who_is_farther_away_is_smaller_and_higher_up():
    near, far = standing_m(0.0, 1.5, 3.0), standing_m(0.0, 1.5, 7.0)
    image = view_of(np.array([near, far])).draw([near, far], PALETTE[:2], NOBODY, turn=0.0)
    counts = [(image == colour).all(axis=2).sum() for colour in PALETTE[:2]]
    assert counts[0] > 1.3 * counts[1]
    assert place_of(image, PALETTE[0])[1] > place_of(image, PALETTE[1])[1]


def test_everybody_fits_in_and_fills_the_view_whatever_the_extent():
    for spread in (0.1, 2.0, 5.0):
        people_m = np.array([standing_m(x * spread, 1.5, 5.0 + z * spread) for x in (-1, 1) for z in (-0.9, 0.9)])
        view = view_of(people_m)
        image = view.draw(list(people_m), PALETTE[:4], NOBODY, turn=0.0)
        seen = np.argwhere(np.isin(image.reshape(-1, 3) @ (1, 1000, 10**6), np.array(PALETTE[:4]) @ (1, 1000, 10**6)))
        rows, columns = seen[:, 0] // SIZE_WH[0], seen[:, 0] % SIZE_WH[0]
        assert rows.min() > 5
        assert rows.max() < SIZE_WH[1] - 5
        assert columns.min() > 5
        assert columns.max() < SIZE_WH[0] - 5
        assert max(np.ptp(rows) / SIZE_WH[1], np.ptp(columns) / SIZE_WH[0]) > 0.3


def test_the_truth_is_drawn_where_nobody_was_found():
    view = view_of(np.array([LEFT, RIGHT]))
    found = view.draw([LEFT], PALETTE[:1], NOBODY, turn=0.0)
    with_truth = view.draw([LEFT], PALETTE[:1], np.array([RIGHT]), turn=0.0)
    columns = np.nonzero((found != with_truth).any(axis=(0, 2)))[0]
    assert columns.mean() > 400


def test_the_viewpoint_moves():
    view = view_of(np.array([LEFT, RIGHT]))
    images = [view.draw([LEFT, RIGHT], PALETTE[:2], NOBODY, turn=turn) for turn in (-0.2, 0.2)]
    gaps = [place_of(image, PALETTE[1])[0] - place_of(image, PALETTE[0])[0] for image in images]
    assert abs(gaps[0] - gaps[1]) > 5


def test_an_empty_room_is_a_floor():
    image = view_of(NOBODY).draw([], [], NOBODY, turn=0.0)
    assert image.std() > 2


def test_a_person_thrown_far_away_by_an_error_does_not_shrink_the_others():
    people_m = np.array([LEFT, RIGHT] * 100 + [standing_m(0.0, 1.5, 500.0)])
    floor = floor_under(people_m)
    extent = Extent.around(floor.level(people_m))
    assert extent.forward_m[1] < 10
