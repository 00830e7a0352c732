"""Where people go: each walks round a loop of its own again and again, and stops now and then to do something.

Everything is a function of time alone, so that any moment can be asked for at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from producer.synthetic.body import Posture
from producer.synthetic.gait import STRIDE_PER_HEIGHT, Manner, posture_of
from producer.synthetic.rotations import FloatArray

PERIOD_S: Final = 48.0
_TABLE_HZ: Final = 30
_PERSONAL_SPACE_M: Final = 0.62
_ATTEMPTS: Final = 25
_COARSER: Final = 6  # steps of the table from one look for collisions to the next
_WALKING_M_PER_S: Final = 1.1


@dataclass(frozen=True, slots=True, eq=False)
class Itinerary:
    """One person's round, tabled at steps of 1 / 30 s; it begins again when it ends.

    Attributes:
        manner: how the person moves.
        track: (N, 7): x and y in metres, heading, phase of the walk (both unwrapped, radians), how much it walks and
            gestures (0..1), and how far it looks to the left (radians).
        turn: what heading and phase have gained at the round's end, whole turns.
    """

    manner: Manner
    track: FloatArray
    turn: FloatArray

    @property
    def period_s(self) -> float:
        """Duration of a round."""
        return len(self.track) / _TABLE_HZ

    def later(self, steps: int) -> Itinerary:
        """Return the same round, begun so many steps after its beginning."""
        return replace(self, track=np.concatenate((self.track[steps:], self.track[:steps] + self.turn)))

    def posture(self, time_s: float) -> Posture:
        """Return the person's posture at a moment."""
        step = (time_s % self.period_s) * _TABLE_HZ
        index = int(step)
        here, following = self.track[index % len(self.track)], self.track[(index + 1) % len(self.track)]
        if index + 1 >= len(self.track):
            following = following + self.turn
        x, y, heading, phase, walking, gesturing, look = (here + (step - index) * (following - here))[:, None]
        return posture_of(
            self.manner,
            x_m=x,
            y_m=y,
            heading=heading,
            phase=phase,
            walking=walking,
            gesturing=gesturing,
            look=look,
            time_s=np.array([time_s % self.period_s]),
        )


def plan(height_m: FloatArray, half_room_m: tuple[float, float], rng: np.random.Generator) -> list[Itinerary]:
    """Plan the rounds of people of heights `(P,)` so that their ways cross and they do not run into each other.

    `half_room_m` is how far they may go from the middle, along x and y.
    """
    planned: list[Itinerary] = []
    for height in height_m:
        best, best_gap_m = _itinerary(float(height), half_room_m, rng), -1.0
        for _ in range(_ATTEMPTS if planned else 0):
            attempt = _itinerary(float(height), half_room_m, rng)
            gaps_m = np.min([_closest_m(attempt, other) for other in planned], axis=0)
            later = int(gaps_m.argmax())
            if gaps_m[later] > best_gap_m:
                best, best_gap_m = attempt.later(later * _COARSER), gaps_m[later]
            if best_gap_m >= _PERSONAL_SPACE_M:
                break
        planned.append(best)
    return planned


def _closest_m(one: Itinerary, other: Itinerary) -> FloatArray:
    """Return how near two people come if the first sets out 0, 6, 12 … steps later; all rounds have the same period."""
    here, there = one.track[::_COARSER, :2], other.track[::_COARSER, :2]
    distance_m = np.linalg.norm(here[:, None] - there[None], axis=2)
    count = len(here)
    step = np.arange(count)
    closest: FloatArray = distance_m[(step[:, None] + step) % count, step[None]].min(axis=1)
    return closest


def _itinerary(height_m: float, half_room_m: tuple[float, float], rng: np.random.Generator) -> Itinerary:
    manner = Manner.random(rng)
    place = _loop(half_room_m, rng)
    time_s = np.arange(round(PERIOD_S * _TABLE_HZ)) / _TABLE_HZ
    pausing, gesturing = _pauses(time_s, rng)
    along = _progress(1 - pausing)
    loop_m = place(np.linspace(0, 1, 2049))
    way_m = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(loop_m, axis=0), axis=1))))
    walked_s = float((1 - pausing).sum()) / _TABLE_HZ
    laps = max(1, round(_WALKING_M_PER_S * walked_s / way_m[-1]))
    even = np.interp(along * laps % 1 * way_m[-1], way_m, np.linspace(0, 1, 2049))  # the loop's parameter
    position = place(even)
    ahead = place(even + 1e-4) - place(even - 1e-4)
    heading = np.unwrap(np.arctan2(-ahead[:, 0], ahead[:, 1]))
    heading = heading + pausing * rng.uniform(-1.2, 1.2)
    strides = max(1, round(laps * way_m[-1] / (STRIDE_PER_HEIGHT * height_m)))
    phase = 2 * np.pi * strides * along
    look = 0.35 * np.sin(2 * np.pi * rng.integers(3, 8) * time_s / PERIOD_S + rng.uniform(0, 7))
    track = np.column_stack((position, heading, phase, 1 - pausing, gesturing, look))
    turns = np.round((heading[-1] - heading[0]) / (2 * np.pi))
    return Itinerary(manner, track, np.array([0, 0, 2 * np.pi * turns, 2 * np.pi * strides, 0, 0, 0]))


def _loop(half_room_m: tuple[float, float], rng: np.random.Generator) -> Callable[[FloatArray], FloatArray]:
    """Return a smooth closed way through the room: parameters (N,) in 0..1 to places (N, 2) in metres."""
    sizes = rng.uniform(0.45, 1.0, 2) * half_room_m
    centre = rng.uniform(-1, 1, 2) * (np.array(half_room_m) - sizes)
    start, lobe, ripple = rng.uniform(0, 2 * np.pi, 3)
    direction = rng.choice((-1, 1))
    figure_eight = rng.random() < 0.3

    def place(parameter: FloatArray) -> FloatArray:
        angle = direction * 2 * np.pi * parameter + start
        x = 0.88 * np.cos(angle) + 0.12 * np.cos(2 * angle + ripple)
        y = np.sin(2 * angle) if figure_eight else 0.85 * np.sin(angle) + 0.15 * np.sin(2 * angle + lobe)
        places: FloatArray = centre + sizes * np.stack((x, y), axis=-1)
        return places

    return place


def _pauses(time_s: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return how much a person stands, and gestures, at each moment, both (N,) in 0..1."""
    standing = np.zeros_like(time_s)
    gesturing = np.zeros_like(time_s)
    stops = int(rng.integers(2, 5))
    first_s = rng.uniform(0, PERIOD_S)
    for stop in range(stops):
        middle_s = first_s + PERIOD_S * stop / stops + rng.uniform(-1.5, 1.5)
        half_s = rng.uniform(1.2, 3.0)
        away_s = np.abs((time_s - middle_s + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2)
        standing = np.maximum(standing, _smooth((half_s + 0.7 - away_s) / 0.7))
        gesturing = np.maximum(gesturing, _smooth((half_s - away_s) / 0.6))
    return standing, gesturing * float(rng.random() < 0.9)


def _smooth(value: FloatArray) -> FloatArray:
    value = np.clip(value, 0, 1)
    result: FloatArray = value * value * (3 - 2 * value)
    return result


def _progress(speed: FloatArray) -> FloatArray:
    """Return the part of the round done at each moment, `(N,)` in 0..1, from the relative speed."""
    done = np.concatenate(([0.0], np.cumsum(speed)))
    result: FloatArray = done[:-1] / done[-1]
    return result
