"""Who is who is decided for all together, at the least cost, and never at any price."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from workers.track.association import assign, costs

RNG = np.random.default_rng(5)


def people(*places_m: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return joints on the image and in space of people of one posture with their necks at these places."""
    body_m = np.random.default_rng(0).normal(0, 0.3, (19, 3)).astype(np.float32)
    joints_m = body_m - body_m[0] + np.array(places_m, np.float32).reshape(-1, 1, 3)
    joints_px = (joints_m[..., :2] / joints_m[..., 2:] * 900 + (640, 360)).astype(np.float32)
    return joints_px, joints_m


def cost(tracks: tuple[np.ndarray, np.ndarray], found: tuple[np.ndarray, np.ndarray], age_s: float = 0.0) -> np.ndarray:
    return costs(*tracks, np.full(len(tracks[0]), age_s, np.float32), *found)


def least(table: np.ndarray) -> float:
    """The least total, a track or person left alone costing a half, by trying everything."""
    tracks, found = table.shape
    best = (tracks + found) / 2
    for count in range(1, min(table.shape) + 1):
        for rows in itertools.combinations(range(tracks), count):
            for columns in itertools.permutations(range(found), count):
                paired = sum(table[row, column] for row, column in zip(rows, columns, strict=True))
                best = min(best, paired + (tracks + found - 2 * count) / 2)
    return best


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (3, 3), (4, 2), (4, 4)])
def test_no_other_assignment_costs_less(shape: tuple[int, int]) -> None:
    for _ in range(30):
        table = RNG.uniform(0, 1.6, shape).astype(np.float32)
        pairs = assign(table)

        assert len({track for track, _ in pairs}) == len({person for _, person in pairs}) == len(pairs)
        total = sum(table[pair] for pair in pairs) + (sum(shape) - 2 * len(pairs)) / 2
        assert total == pytest.approx(least(table), abs=1e-5)


def test_what_costs_more_than_one_is_left_alone() -> None:
    assert assign(np.array([[1.01]], np.float32)) == []
    assert assign(np.array([[0.99]], np.float32)) == [(0, 0)]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 0)])
def test_nobody_is_nobody(shape: tuple[int, int]) -> None:
    assert assign(np.zeros(shape, np.float32)) == []


def test_where_the_nearest_would_leave_somebody_alone_the_whole_decides() -> None:
    table = np.array([[0.2, 0.3], [0.25, 2.0]], np.float32)  # the greedy choice, 0.2, leaves both others alone

    assert assign(table) == [(0, 1), (1, 0)]


def test_the_same_people_cost_nothing_and_people_across_the_room_too_much() -> None:
    here = people((0, 0, 4), (1.5, 0, 4))

    table = cost(here, here)

    np.testing.assert_allclose(np.diag(table), 0, atol=1e-6)
    assert table[0, 1] > 1
    assert table[1, 0] > 1


def test_an_error_in_depth_costs_less_than_one_aside() -> None:
    track, deeper, aside = people((0, 0, 4)), people((0, 0, 4.4)), people((0.4, 0, 4))

    assert cost(track, deeper)[0, 0] < cost(track, aside)[0, 0]


def test_a_depth_that_leaps_rules_nobody_out() -> None:
    track, found = people((0, 0, 4)), people((0, 0, 4))
    found[1][:] *= 2.5  # half hidden, somebody seems much farther away; on the image nothing has changed

    assert cost(track, found)[0, 0] < 1


def test_who_was_out_of_sight_may_be_found_farther_away() -> None:
    track, found = people((0, 0, 4)), people((1.4, 0, 4))

    assert cost(track, found)[0, 0] > 1
    assert cost(track, found, age_s=1.0)[0, 0] < 1


def test_joints_that_only_one_of_them_has_do_not_count() -> None:
    track, found = people((0, 0, 4)), people((0.1, 0, 4))
    whole = cost(track, found)[0, 0]
    track[0][0, 10:] = np.nan
    found[0][0, :5] = np.nan

    assert cost(track, found)[0, 0] == pytest.approx(whole, abs=0.15)
    assert np.isfinite(cost((np.full_like(track[0], np.nan), track[1]), found)).all()
