"""Pictures from all over a source."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from posestream.image import ImageLimits
from producer.sources import SourceFacts, SourceKind, make_source
from producer.sources.spread import spread
from tests.unit.producer.media import encoded, write_folder


class Numbers:
    """A source whose pictures are their places."""

    kind = SourceKind.RECORDING
    name, identity = "numbers", None

    def __init__(self, frames: int, told: int | None) -> None:
        self._frames = frames
        self.facts = SourceFacts(frames=told)
        self.closed = False

    def open(self) -> None:
        self._place = -1

    def grab(self) -> Any:
        self._place += 1
        return SimpleNamespace() if self._place < self._frames else None

    def retrieve(self) -> Any:
        return self._place

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("frames", "most", "expected"),
    [
        (10, 4, [0, 2, 5, 7]),
        (10, 6, [0, 1, 3, 5, 6, 8]),  # not the first six
        (3, 5, [0, 1, 2]),
        (5, 5, [0, 1, 2, 3, 4]),
        (7, 1, [0]),
    ],
)
def test_pictures_are_spread_over_the_whole_of_a_recording(frames: int, most: int, expected: list[int]) -> None:
    source = Numbers(frames, frames)
    assert list(spread(source, most)) == expected
    assert source.closed


def test_of_one_whose_length_nobody_knows_every_picture_comes_until_the_caller_has_enough() -> None:
    source = Numbers(9, None)
    with closing(spread(source, 3)) as pictures:
        assert list(islice(pictures, 4)) == [0, 1, 2, 3]
    assert source.closed


def test_a_recording_that_ends_early_gives_what_there_is() -> None:
    assert list(spread(Numbers(6, 10), 5)) == [0, 2, 4]


def test_the_last_part_of_a_folder_is_looked_at(tmp_path: Path) -> None:
    images = {f"{number}.jpg": encoded(number) for number in range(9)}
    source = make_source(str(write_folder(tmp_path / "images", images)), ImageLimits())
    assert list(spread(source, 5)) == [images[f"{number}.jpg"] for number in (0, 1, 3, 5, 7)]
