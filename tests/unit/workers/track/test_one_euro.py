"""The One-Euro filter: smooth at rest, quick in motion, and right for whatever time has passed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workers.track.one_euro import OneEuro

FILTER = OneEuro(min_cutoff_hz=1.0, beta=2.0)


def run(values: np.ndarray, times_s: np.ndarray, one_euro: OneEuro = FILTER) -> np.ndarray:
    """Filter vectors `(N, 3)`, one point, beginning with the first."""
    value, speed = values[:1].astype(np.float32), np.zeros((1, 3), np.float32)
    results = [value]
    for step in range(1, len(values)):
        dt_s = np.full((1, 1), times_s[step] - times_s[step - 1], np.float32)
        value, speed = one_euro.step(value, speed, values[step : step + 1].astype(np.float32), dt_s)
        results.append(value)
    return np.concatenate(results)


def plainly(values: list[float], times_s: list[float], min_cutoff: float, beta: float) -> list[float]:
    """The authors' filter of a scalar, word for word."""

    def alpha(dt: float, cutoff: float) -> float:
        return 1 / (1 + 1 / (2 * math.pi * cutoff) / dt)

    filtered, speed = [values[0]], 0.0
    for index in range(1, len(values)):
        dt = times_s[index] - times_s[index - 1]
        raw_speed = (values[index] - filtered[-1]) / dt
        speed = alpha(dt, 1.0) * raw_speed + (1 - alpha(dt, 1.0)) * speed
        weight = alpha(dt, min_cutoff + beta * abs(speed))
        filtered.append(weight * values[index] + (1 - weight) * filtered[-1])
    return filtered


def test_along_one_axis_it_is_the_authors_filter() -> None:
    rng = np.random.default_rng(1)
    times_s = np.cumsum(rng.uniform(0.01, 0.2, 80))
    values = np.cumsum(rng.normal(0, 0.1, 80))

    ours = run(np.stack((values, 0 * values, 0 * values), axis=1), times_s)[:, 0]

    np.testing.assert_allclose(ours, plainly(values.tolist(), times_s.tolist(), 1.0, 2.0), atol=1e-4)


def test_noise_at_rest_is_mostly_gone() -> None:
    noise = np.random.default_rng(2).normal(0, 0.02, (400, 3))

    filtered = run(noise, np.arange(400) / 30)

    assert filtered[50:].std() < 0.5 * noise[50:].std()


def test_fast_motion_lags_less_with_beta_than_without() -> None:
    times_s = np.arange(60) / 30
    moving = np.stack((2.0 * times_s, 0 * times_s, 0 * times_s), axis=1)

    with_beta, without = (run(moving, times_s, OneEuro(1.0, beta))[-1, 0] for beta in (2.0, 0.0))

    assert moving[-1, 0] - with_beta < 0.4 * (moving[-1, 0] - without)


@pytest.mark.parametrize("turn", [0.3, 1.2, 2.5])
def test_turning_the_axes_turns_the_result_and_nothing_else(turn: float) -> None:
    rotation = np.array(
        [[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]], np.float32
    )
    way = np.cumsum(np.random.default_rng(3).normal(0, 0.1, (50, 3)), axis=0)
    times_s = np.arange(50) / 15

    np.testing.assert_allclose(run(way @ rotation, times_s), run(way, times_s) @ rotation, atol=1e-4)
