"""The recording of the chaos runs says what it should, to the stand-in and to the producer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from posestream.image import ImageLimits
from producer.sources import make_source
from tests.chaos.frames import FPS, Behaviour, behaviours, captured_ms, number_captured_at, read_frame, write_frames


def test_each_image_tells_its_number_and_behaviour_and_the_source_gives_them_in_order(tmp_path: Path) -> None:
    misbehaving = {3: Behaviour.CRASHES, 11: Behaviour.FAILS_ONCE}
    write_frames(tmp_path / "recording", 12, misbehaving)
    source = make_source(str(tmp_path / "recording"), ImageLimits(), FPS)
    source.open()
    for number in range(12):
        stamp = source.grab()
        assert stamp is not None
        assert stamp.captured_ms == captured_ms(number)
        assert number_captured_at(captured_ms(number)) == number
        image = source.retrieve()
        assert isinstance(image, bytes)
        assert read_frame(image) == (number, misbehaving.get(number, Behaviour.POSED))
    assert source.grab() is None


def test_so_many_frames_as_asked_for_misbehave_in_every_way() -> None:
    misbehaving = behaviours(seed=1, frames=100, each=5)
    assert Counter(misbehaving.values()) == {way: 5 for way in Behaviour if way is not Behaviour.POSED}
    assert misbehaving == behaviours(seed=1, frames=100, each=5)
    assert misbehaving != behaviours(seed=2, frames=100, each=5)
