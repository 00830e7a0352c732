"""What the decoder accepts, and what it makes of values that are no numbers."""

from __future__ import annotations

import numpy as np
import pytest

from workers.pose.decoding.maps import MAX_MAP_SIDE, check_maps, usable


def maps(hw=(4, 6)):
    return [np.zeros((channels, *hw), np.float32) for channels in (57, 19, 38)]


def test_maps_of_one_size_pass() -> None:
    check_maps(*maps())


@pytest.mark.parametrize(
    ("which", "wrong", "message"),
    [
        (0, np.zeros((56, 4, 6), np.float32), r"features have shape \(56, 4, 6\), not \(57, H, W\)"),
        (1, np.zeros((18, 4, 6), np.float32), "heatmaps have shape"),
        (2, np.zeros((19, 4, 6), np.float32), "pafs have shape"),
        (0, np.zeros((1, 57, 4, 6), np.float32), "without a batch"),  # straight from the network
        (2, np.zeros((38, 4, 7), np.float32), "they must agree"),
        (0, np.zeros((57, 6, 4), np.float32), "they must agree"),
        (1, np.zeros((19, 4, 6), np.float16), "heatmaps are float16, not float32"),
        (2, np.zeros((38, 4, 6), np.float64), "pafs are float64"),
    ],
)
def test_a_map_of_another_shape_or_type_is_named_with_what_it_should_be(which, wrong, message) -> None:
    given = maps()
    given[which] = wrong
    with pytest.raises(ValueError, match=message):
        check_maps(*given)


@pytest.mark.parametrize("hw", [(0, 6), (4, 0), (MAX_MAP_SIDE + 1, 6)])
def test_maps_without_cells_or_with_far_too_many_are_refused(hw) -> None:
    with pytest.raises(ValueError, match="each side must have"):
        check_maps(*maps(hw))


def test_usable_values_are_handed_back_without_a_copy() -> None:
    values = np.linspace(-2, 2, 60, dtype=np.float32).reshape(3, 4, 5)
    assert usable(values) is values


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e6, -3e38])
def test_a_bad_value_becomes_0_and_its_neighbours_and_the_input_stay(bad) -> None:
    values = np.ones((3, 4, 5), np.float32)
    values[1, 2, 3] = bad
    before = values.copy()

    cleaned = usable(values)

    assert cleaned[1, 2, 3] == 0
    assert cleaned.sum() == values.size - 1
    np.testing.assert_array_equal(values, before)


def test_what_is_bad_does_not_depend_on_what_else_is_there() -> None:
    just_good = np.float32(999_999)
    np.testing.assert_array_equal(
        usable(np.array([just_good, -just_good, np.nan], np.float32)), [just_good, -just_good, 0]
    )
    np.testing.assert_array_equal(usable(np.array([just_good, -just_good, 0], np.float32)), [just_good, -just_good, 0])


def test_no_values_are_usable() -> None:
    assert usable(np.zeros((0, 19, 3), np.float32)).shape == (0, 19, 3)
