"""Bodies stand on the floor, have the lengths they should, and know left from right."""

from __future__ import annotations

import numpy as np
import pytest

from posestream.skeleton import BONES, JOINT_INDEX
from producer.synthetic.body import LEFT, POINT, RIGHT, Bodies, Posture, stand

RNG = np.random.default_rng(0)


def upright(people: int = 1, **angles: float) -> Posture:
    """Return people who stand upright; `angles` holds for all of them."""
    posture = Posture.stacked([])
    for name in Posture.__slots__:
        shape = (people, *getattr(posture, name).shape[1:])
        setattr(posture, name, np.full(shape, angles.get(name, 0.0)))
    return posture


def joint(points: np.ndarray, name: str) -> np.ndarray:
    return points[0, POINT[name]]


def test_somebody_upright_is_as_tall_as_the_body_says_and_stands_on_the_floor() -> None:
    bodies = Bodies.random(20, RNG)

    figures = stand(bodies, upright(20))

    crown = figures.points_m[:, POINT["crown"], 2]
    np.testing.assert_allclose(crown, bodies.height_m, rtol=0.03)
    assert (figures.points_m[:, [POINT["l_ankle"], POINT["r_ankle"]], 2] > 0.04).all()
    np.testing.assert_allclose(
        figures.points_m[:, [POINT["l_toe"], POINT["r_toe"]], 2].min(axis=1), 0.012 * 1.7, atol=0.02
    )


def test_left_is_to_the_left_of_somebody_who_looks_along_y() -> None:
    points = stand(Bodies.random(1, RNG), upright()).points_m

    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "eye", "ear"):
        assert joint(points, f"l_{part}")[0] < 0 < joint(points, f"r_{part}")[0]
    assert joint(points, "nose")[1] > joint(points, "l_ear")[1]


def test_a_quarter_turn_to_the_left_looks_along_minus_x() -> None:
    points = stand(Bodies.random(1, RNG), upright(heading=np.pi / 2)).points_m

    ahead = joint(points, "nose") - (joint(points, "l_ear") + joint(points, "r_ear")) / 2
    assert ahead[0] < -0.05
    assert abs(ahead[1]) < 1e-9
    assert joint(points, "l_hip")[1] < joint(points, "r_hip")[1]


@pytest.mark.parametrize("side", [LEFT, RIGHT])
def test_a_raised_arm_is_above_the_head_and_bent_knees_lower_it(side: int) -> None:
    bodies = Bodies.random(1, RNG)
    posture = upright()
    posture.arm_swing[0, side] = np.pi
    straight = stand(bodies, posture).points_m
    name = "lr"[side]
    assert joint(straight, f"{name}_wrist")[2] > joint(straight, "crown")[2]
    assert joint(straight, f"{'rl'[side]}_wrist")[2] < joint(straight, "pelvis")[2] + 0.1

    crouching = stand(bodies, upright(leg_swing=0.8, knee=1.6, foot=0.8)).points_m
    assert joint(crouching, "pelvis")[2] < joint(straight, "pelvis")[2] - 0.2
    assert joint(crouching, "l_knee")[1] > joint(crouching, "l_hip")[1] + 0.2


def test_bones_keep_their_length_whatever_the_posture() -> None:
    bodies = Bodies.random(1, RNG)
    rigid = [(a, b) for a, b in BONES if JOINT_INDEX["neck"] not in (a, b)]
    lengths = []
    for _ in range(10):
        posture = upright()
        for name in Posture.__slots__:
            angle = getattr(posture, name)
            angle += RNG.normal(0, 0.5, angle.shape)
        points = stand(bodies, posture).points_m[0]
        lengths.append([np.linalg.norm(points[a] - points[b]) for a, b in rigid])

    np.testing.assert_allclose(lengths, np.tile(lengths[0], (10, 1)), rtol=1e-9)


def test_nobody_at_all_is_a_figure_too() -> None:
    assert stand(Bodies.random(0, RNG), Posture.stacked([])).points_m.shape == (0, len(POINT), 3)
