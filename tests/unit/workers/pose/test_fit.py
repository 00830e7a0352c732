"""How frames of any size lie in the network's input."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.pose.fit import INPUT_HEIGHT, MAX_WIDTH, MIN_WIDTH, WIDTH_STEP, choose_width, fit, natural_width

sizes = st.tuples(st.integers(1, 10_000), st.integers(1, 10_000))
widths = st.integers(MIN_WIDTH // WIDTH_STEP, MAX_WIDTH // WIDTH_STEP).map(lambda steps: steps * WIDTH_STEP)


@pytest.mark.parametrize(
    ("frame_wh", "width"),
    [
        ((1280, 720), 448),  # 455.1, cut to the step
        ((1920, 1080), 448),
        ((3840, 2160), 448),
        ((640, 480), 336),  # 341.3
        ((1024, 1024), 256),
        ((1080, 1920), 144),  # portrait
        ((720, 1280), 144),
        ((2560, 1080), 600),
        ((7680, 1080), MAX_WIDTH),  # a panorama
        ((100, 5000), MIN_WIDTH),
        ((1, 1), 256),
        ((1, 10_000), MIN_WIDTH),
        ((10_000, 1), MAX_WIDTH),
    ],
)
def test_the_natural_width_follows_the_aspect_ratio(frame_wh, width):
    assert natural_width(frame_wh) == width


@given(sizes)
def test_every_natural_width_is_one_the_network_takes(frame_wh):
    width = natural_width(frame_wh)

    assert MIN_WIDTH <= width <= MAX_WIDTH
    assert width % WIDTH_STEP == 0


def test_a_720p_frame_fills_its_input_and_loses_20_columns_on_the_right():
    place = fit((1280, 720), 448)

    assert not place.padded
    assert place.content_wh == (448, 256)
    assert (1 - place.used_wh[0]) * 1280 == pytest.approx(20)
    assert place.scale_xy((1280, 720)) == pytest.approx((2.8125, 2.8125))


def test_a_frame_in_an_input_too_wide_for_it_is_padded_on_the_right():
    place = fit((640, 480), 448)

    assert place.padded
    assert place.content_wh == (341, 256)
    assert place.used_wh == (1, 1)


def test_a_frame_in_an_input_too_narrow_for_it_is_padded_at_the_bottom():
    place = fit((1280, 720), 336)

    assert place.padded
    assert place.content_wh == (336, 189)


@given(sizes, widths)
def test_the_content_lies_inside_the_input_and_touches_it_in_one_direction(frame_wh, input_width):
    place = fit(frame_wh, input_width)
    width, height = place.content_wh

    assert 1 <= width <= input_width
    assert 1 <= height <= INPUT_HEIGHT
    assert width == input_width or height == INPUT_HEIGHT


@given(sizes)
def test_at_its_natural_width_less_than_one_step_of_a_frame_is_cut_off(frame_wh):
    place = fit(frame_wh, natural_width(frame_wh))
    cut_px = (1 - place.used_wh[0]) * frame_wh[0] / place.scale_xy(frame_wh)[0]

    assert 0 <= cut_px < WIDTH_STEP
    assert place.used_wh[1] == 1


@given(sizes, widths)
def test_the_corners_of_what_is_shown_map_onto_the_corners_of_the_content(frame_wh, input_width):
    place = fit(frame_wh, input_width)
    scale = place.scale_xy(frame_wh)
    shown_px = (frame_wh[0] * place.used_wh[0], frame_wh[1] * place.used_wh[1])

    for axis in (0, 1):
        assert shown_px[axis] / scale[axis] == pytest.approx(place.content_wh[axis], abs=1e-6)


@given(sizes, widths)
def test_proportions_are_kept_to_half_a_pixel_of_the_input(frame_wh, input_width):
    """The slow way: one scale for both axes, with the content's size not rounded."""
    place = fit(frame_wh, input_width)
    exact = min(input_width / (frame_wh[0] * place.used_wh[0]), INPUT_HEIGHT / frame_wh[1])

    for axis in (0, 1):
        at_the_edge = frame_wh[axis] * place.used_wh[axis]
        by_fit = at_the_edge / place.scale_xy(frame_wh)[axis]
        if place.content_wh[axis] > 1:  # a line is at least a pixel wide
            assert by_fit == pytest.approx(at_the_edge * exact, abs=0.5 + 1e-6)


@given(sizes, widths, st.sampled_from([2, 3, 4]))
def test_the_scale_for_the_source_frame_is_that_of_the_image_times_how_much_it_was_scaled(frame_wh, width, factor):
    place = fit(frame_wh, width)
    source_wh = (frame_wh[0] * factor, frame_wh[1] * factor)

    for source, image in zip(place.scale_xy(source_wh), place.scale_xy(frame_wh), strict=True):
        assert source == pytest.approx(factor * image)


# Which networks are used ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("natural", "compiled", "limit", "chosen"),
    [
        (448, [], 1, 448),  # the first
        (336, [448], 2, 336),  # room for another
        (336, [448], 1, 448),  # no room: the narrowest that is wide enough
        (336, [344, 448, 600], 3, 344),
        (336, [336, 448], 2, 336),  # there already
        (600, [144, 448], 2, 448),  # none is wide enough: the widest
    ],
)
def test_a_frame_gets_its_natural_width_or_the_best_there_is(natural, compiled, limit, chosen):
    assert choose_width(natural, compiled, limit) == chosen


@given(st.lists(widths, max_size=60), st.integers(1, 6))
def test_whatever_comes_no_more_networks_are_compiled_than_allowed(naturals, limit):
    compiled: set[int] = set()
    for natural in naturals:
        compiled.add(choose_width(natural, compiled, limit))

    assert len(compiled) <= limit
