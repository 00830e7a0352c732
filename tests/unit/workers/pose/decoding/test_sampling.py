"""Single fine pixels of the maps are those of the maps upsampled whole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from workers.pose.decoding.sampling import MAX_POINTS_PER_ROW, FineSampler


@pytest.mark.parametrize(
    "hw",
    [
        (32, 56),
        (32, 42),
        (3, 5),
        (1, 1),  # nothing but border
    ],
)
def test_every_fine_pixel_is_that_of_the_upsampled_map(hw) -> None:
    height, width = hw
    maps = np.random.default_rng(1).normal(size=(4, height, width)).astype(np.float32)
    upsampled = np.stack([cv2.resize(m, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC) for m in maps])

    channel, y, x = np.indices(upsampled.shape)

    np.testing.assert_allclose(FineSampler(maps).sample(channel, x, y), upsampled, rtol=0, atol=2e-6)


def test_channels_do_not_reach_into_each_other() -> None:
    maps = np.zeros((3, 4, 4), np.float32)
    maps[1] = 100
    edge = np.array([0, 15])
    assert (FineSampler(maps).sample(np.array([[0], [2]]), edge, edge) == 0).all()


def test_more_points_than_fit_a_row_come_back_in_order() -> None:
    maps = np.random.default_rng(2).normal(size=(2, 8, 8)).astype(np.float32)
    sampler = FineSampler(maps)
    count = 2 * MAX_POINTS_PER_ROW + 7  # three rows, the last one not full
    channel, x, y = np.random.default_rng(3).integers((2, 32, 32), size=(count, 3)).T

    values = sampler.sample(channel, x, y)

    some = slice(None, None, 1009)
    np.testing.assert_array_equal(values[some], sampler.sample(channel[some], x[some], y[some]))
    assert values.shape == (count,)


def test_no_points_give_no_values() -> None:
    nobody = np.zeros((10, 0), np.intp)
    assert FineSampler(np.zeros((2, 8, 8), np.float32)).sample(nobody[None], nobody, nobody).shape == (1, 10, 0)
