"""People walk as people do: at a walker's speed, facing where they go, apart from each other, for ever."""

from __future__ import annotations

import numpy as np
import pytest

from producer.synthetic.body import POINT, Bodies, Posture, stand
from producer.synthetic.motion import PERIOD_S, Itinerary, plan

ROOM_M = (2.0, 1.8)


def planned(seed: int, people: int = 3) -> tuple[Bodies, list[Itinerary]]:
    rng = np.random.default_rng(seed)
    bodies = Bodies.random(people, rng)
    return bodies, plan(bodies.height_m, ROOM_M, rng)


def feet_of(bodies: Bodies, ways: list[Itinerary], time_s: float) -> np.ndarray:
    return stand(bodies, Posture.stacked([way.posture(time_s) for way in ways])).points_m


@pytest.mark.parametrize("seed", range(4))
def test_people_stay_in_the_room_and_walk_no_faster_than_people_do(seed: int) -> None:
    bodies, ways = planned(seed)
    times_s = np.arange(0, 2 * PERIOD_S, 0.1)
    pelvis = np.array([feet_of(bodies, ways, float(time_s))[:, POINT["pelvis"], :2] for time_s in times_s])

    assert (np.abs(pelvis) <= np.array(ROOM_M) + 0.05).all()
    speed = np.linalg.norm(np.diff(pelvis, axis=0), axis=2) / 0.1  # also over the moment at which rounds begin again
    assert speed.max() < 2.6
    assert (np.median(speed, axis=0) > 0.3).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_same_moment_of_the_next_round_is_the_same(seed: int) -> None:
    bodies, ways = planned(seed)

    np.testing.assert_allclose(feet_of(bodies, ways, 3.21), feet_of(bodies, ways, 3.21 + PERIOD_S), atol=1e-9)


def test_nothing_jumps_from_one_moment_to_the_next() -> None:
    bodies, ways = planned(5)
    times_s = np.arange(0, 2 * PERIOD_S, 1 / 60)
    points = np.array([feet_of(bodies, ways, float(time_s)) for time_s in times_s])

    assert (
        np.linalg.norm(np.diff(points, axis=0), axis=3).max() < 0.30
    )  # a hand that waves moves at some 10 m/s at most


def test_somebody_who_walks_looks_where_they_go() -> None:
    _, ways = planned(2, people=1)
    track = ways[0].track
    step = np.diff(track[:, :2], axis=0)
    walks = (np.linalg.norm(step, axis=1) > 0.5 / 30) & (track[1:, 4] == 1)
    ahead = np.stack((-np.sin(track[:-1, 2]), np.cos(track[:-1, 2])), axis=1)

    along = (step * ahead).sum(axis=1) / np.maximum(np.linalg.norm(step, axis=1), 1e-9)
    assert walks.sum() > 300
    assert (along[walks] > 0.95).mean() > 0.98


def test_people_do_not_walk_through_each_other() -> None:
    gaps = []
    for seed in range(6):
        _, ways = planned(seed)
        tracks = np.array([way.track[:, :2] for way in ways])
        gaps += [np.linalg.norm(tracks[a] - tracks[b], axis=1).min() for a in range(3) for b in range(a)]

    assert min(gaps) > 0.5
