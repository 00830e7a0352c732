"""The stage: coordinates of the view in space, in which the floor is level, whatever way the camera hangs.

Metres to the right, up and forward, the floor at up = 0. Where a camera's place in the world is known the stage is the
world, seen with its y axis forward; of any other camera it is the floor under its people, right below the camera.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from posestream.calibration import Extrinsics
from posestream.messages import Person
from posestream.view.floor import FloatArray, Floor, floor_under

_WORLD_TO_STAGE: Final = np.array([(1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)])
_REMEMBERED_PEOPLE: Final = 400
_EVERY_MS: Final = 1000
_EASE: Final = 0.35  # of the way to what the last look says


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Where a camera is on the stage.

    Attributes:
        axes: (3, 3), the columns are the camera's right, down and forward.
        position_m: (3,) of the camera.
        world: whether the stage is the world, and so shared by every camera of which this is true.
    """

    axes: FloatArray
    position_m: FloatArray
    world: bool

    @classmethod
    def of_world(cls, extrinsics: Extrinsics) -> Stage:
        """Return the stage of a camera whose place in the world is known."""
        camera_to_world = np.array(extrinsics.rotation).T
        return cls(_WORLD_TO_STAGE @ camera_to_world, _WORLD_TO_STAGE @ extrinsics.position_m, world=True)

    @classmethod
    def of_floor(cls, floor: Floor) -> Stage:
        """Return the stage of a camera above a floor."""
        return cls(floor.axes, np.array((0.0, floor.height_m, 0.0)), world=False)

    def place(self, camera_m: FloatArray) -> FloatArray:
        """Return points `(..., 3)` of the camera's frame on the stage, metres."""
        placed: FloatArray = camera_m @ self.axes.T + self.position_m
        return placed


class Floors:
    """Finds the floor under a camera's people, from those of the last seconds, so slowly that it does not sway."""

    def __init__(self) -> None:
        self._people: deque[FloatArray] = deque(maxlen=_REMEMBERED_PEOPLE)
        self._next_ms = 0.0
        self._floor: Floor | None = None

    def seen(self, people: Iterable[Person], now_ms: float) -> Floor:
        """Take in the people of a frame; returns the floor, which is looked for anew once a second."""
        self._people.extend(best_m(person) for person in people if np.isfinite(best_m(person)).all())
        if self._floor is None or (now_ms >= self._next_ms and self._people):
            found = floor_under(np.array(self._people).reshape(-1, 19, 3))
            # The first ones seen decide at once; nobody seen decides nothing for good.
            self._floor = found if self._next_ms == 0 else _between(self._floor or found, found)
            if self._people:
                self._next_ms = now_ms + _EVERY_MS
        return self._floor


def best_m(person: Person) -> FloatArray:
    """Return the joints (19, 3) in the camera's frame that are the steadiest, metres."""
    return person.joints_m if person.smooth_m is None else person.smooth_m


def _between(old: Floor, new: Floor) -> Floor:
    """Return a floor on the way from one to another."""
    up = old.axes[1] + _EASE * (new.axes[1] - old.axes[1])
    up /= np.linalg.norm(up)
    forward = np.array((0.0, 0.0, 1.0)) - up * up[2]
    forward /= np.linalg.norm(forward)
    axes = np.stack((np.cross(forward, up), up, forward))
    return Floor(axes, old.height_m + _EASE * (new.height_m - old.height_m))
