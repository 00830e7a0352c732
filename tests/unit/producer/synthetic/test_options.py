"""What a `synthetic:` address may say, and what is said of one that is wrong."""

from __future__ import annotations

import pytest

from posestream.errors import ConfigurationError
from producer.synthetic.options import SceneOptions, parse_options


def test_everything_may_be_left_out() -> None:
    assert parse_options("synthetic:") == parse_options("synthetic:?") == SceneOptions()


def test_everything_may_be_given() -> None:
    text = "synthetic:?people=5&seed=11&fps=12.5&size=640x480&camera=2&frames=300&start=1700000000000"

    assert parse_options(text) == SceneOptions(5, 11, 12.5, (640, 480), 2, 300, 1_700_000_000_000)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("people=13", "people must be a whole number from 0 to 12, not '13'"),
        ("people=-1", "people"),
        ("people=", "people"),
        ("seed=1.5", "seed"),
        ("fps=0", "fps must be a number from 0.1 to 1000, not '0'"),
        ("fps=nan", "fps"),
        ("size=1280", "size must be <width>x<height>"),
        ("size=10x10", "size"),
        ("size=99999x99999", "size"),
        ("camera=4", "camera must be a whole number from 0 to 3"),
        ("frames=0", "frames"),
        ("start=soon", "start"),
        ("persons=3", "unknown option 'persons'; there are people, seed, fps, size, camera, frames, start"),
        ("seed=1&seed=2", "seed is given twice"),
    ],
)
def test_a_wrong_option_is_named_with_what_it_may_be(query: str, named: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        parse_options(f"synthetic:?{query}")

    assert named in str(error.value)


@pytest.mark.parametrize("text", ["synthetic:people=3", "synthetic://?people=3", "synthetic"])
def test_another_form_of_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"write synthetic:\?people=3&seed=7"):
        parse_options(text)


@pytest.mark.parametrize("fps", [0.7, 12.5, 15.0, 29.97, 60.0, 240.0])
def test_the_capture_time_tells_the_frame(fps: float) -> None:
    options = SceneOptions(fps=fps)

    for index in (*range(200), 10**6, 10**6 + 1):
        assert options.index_at(options.captured_ms(index, 1_700_000_000_123), 1_700_000_000_123) == index
