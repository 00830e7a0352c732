"""Synthetic people as a source: a camera in real time, or a recording at any speed."""

from __future__ import annotations

import numpy as np
import pytest

from posestream.errors import ConfigurationError
from posestream.image import ImageLimits
from posestream.messages import CaptureClock
from producer.sources import SourceKind, make_source
from producer.sources.synthetic import SyntheticSource
from producer.synthetic.options import parse_options
from producer.synthetic.view import SyntheticView

SMALL = "synthetic:?people=2&size=320x192&fps=20"


class Clock:
    """A clock that a test moves on; asking for it takes a while, too."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        self.now_s += 0.004
        return self.now_s


def test_a_recording_gives_every_frame_once_and_ends() -> None:
    source = make_source(f"{SMALL}&frames=5&start=1000", ImageLimits())
    source.open()
    stamps = []
    while (stamp := source.grab()) is not None:
        stamps.append(stamp)

    assert source.kind is SourceKind.RECORDING
    assert source.facts.frames == 5
    assert [stamp.captured_ms for stamp in stamps] == [1000, 1050, 1100, 1150, 1200]
    assert [stamp.media_ms for stamp in stamps] == [0, 50, 100, 150, 200]
    assert {stamp.clock for stamp in stamps} == {CaptureClock.FILE}


def test_a_recording_opened_again_starts_anew_with_the_same_pictures() -> None:
    source = make_source(f"{SMALL}&frames=3", ImageLimits())
    rounds = []
    for _ in range(2):
        source.open()
        source.grab()
        rounds.append(source.retrieve())

    np.testing.assert_array_equal(rounds[0], rounds[1])
    assert source.identity == make_source(f"{SMALL}&frames=3", ImageLimits()).identity
    assert source.identity != make_source(f"{SMALL}&frames=4", ImageLimits()).identity


def test_a_camera_gives_the_frame_that_is_due_and_leaves_out_what_nobody_took() -> None:
    clock = Clock(1000.0)
    source = SyntheticSource(SMALL, clock)
    source.open()
    start_ms = 1_000_004
    first = source.grab()
    clock.now_s += 0.5
    late = source.grab()

    assert source.kind is SourceKind.CAMERA
    assert source.identity is None
    assert first is not None
    assert late is not None
    assert first.captured_ms == start_ms
    assert late.captured_ms == start_ms + 500
    assert late.clock is CaptureClock.SENSOR
    index = parse_options(SMALL).index_at(late.captured_ms, start_ms)
    picture = source.retrieve()
    np.testing.assert_array_equal(picture, SyntheticView(parse_options(SMALL)).image(index))


def test_a_camera_with_a_start_joins_in_where_the_scene_is() -> None:
    source = SyntheticSource(f"{SMALL}&start=1000000", Clock(1010.0))
    source.open()
    stamp = source.grab()

    assert stamp is not None
    assert stamp.captured_ms == 1_010_000


def test_a_camera_does_not_give_frames_before_their_time() -> None:
    clock = Clock(50.0)
    source = SyntheticSource(SMALL, clock)
    source.open()
    for _ in range(4):
        stamp = source.grab()
        assert stamp is not None
        assert stamp.captured_ms is not None
        assert stamp.captured_ms <= clock.now_s * 1000


def test_a_frame_rate_thins_it_and_its_camera_is_still_known() -> None:
    source = make_source(f"{SMALL}&frames=10", ImageLimits(), fps=10)
    source.open()
    taken = 0
    while source.grab() is not None:
        taken += 1

    assert taken == 5
    assert source.facts.intrinsics == SyntheticView(parse_options(SMALL)).intrinsics


def test_a_wrong_option_is_refused_before_anything_starts() -> None:
    with pytest.raises(ConfigurationError, match="people must be a whole number"):
        make_source("synthetic:?people=many", ImageLimits())
