"""A colour for every person that stays the same from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from posestream.messages import Person
from posestream.skeleton import NECK

Colour = tuple[int, int, int]

# Blue, green, red: far apart from each other, and bright enough for a dark background and a picture alike.
PALETTE: Final[tuple[Colour, ...]] = (
    (66, 176, 255),
    (232, 190, 60),
    (130, 110, 255),
    (120, 220, 90),
    (230, 130, 220),
    (80, 235, 250),
    (250, 140, 110),
    (170, 235, 200),
)
_REACH_M: Final = 0.8
_MEMORY_FRAMES: Final = 10


class Identities:
    """Numbers people by what is known of them, or else by where their necks were in the frames before."""

    def __init__(self) -> None:
        self._frame = 0
        self._next = 0
        self._last: dict[int, tuple[int, np.ndarray]] = {}  # number: frame, neck (3,) m

    def of(self, people: Sequence[Person], known: Sequence[int | None]) -> list[int]:
        """Return a number for each person of the next frame: the known one, or the same as in the frames before."""
        self._frame += 1
        self._last = {n: seen for n, seen in self._last.items() if seen[0] >= self._frame - _MEMORY_FRAMES}
        numbers = list(known)
        self._next = max([self._next, *(number + 1 for number in known if number is not None)])
        necks_m = [person.joints_m[NECK] for person in people]
        pairs = sorted(
            (float(np.linalg.norm(neck_m - seen_m)), index, number)
            for index, neck_m in enumerate(necks_m)
            for number, (_, seen_m) in self._last.items()
            if numbers[index] is None
        )
        for distance_m, index, number in pairs:
            if distance_m <= _REACH_M and numbers[index] is None and number not in numbers:
                numbers[index] = number
        return [self._note(number, neck_m) for number, neck_m in zip(numbers, necks_m, strict=True)]

    def _note(self, number: int | None, neck_m: np.ndarray) -> int:
        if number is None:
            number, self._next = self._next, self._next + 1
        self._last[number] = (self._frame, neck_m)
        return number


def colour_of(number: int) -> Colour:
    """Return the colour of a person's number."""
    return PALETTE[number % len(PALETTE)]


def shaded(colour: Colour, share: float) -> Colour:
    """Return a colour darkened to this share of its brightness."""
    blue, green, red = (round(value * share) for value in colour)
    return blue, green, red
