"""Frame after frame: who was found, the measures of poses in space, and the worst frames to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from posestream.messages import Person
from producer.synthetic.truth import Visibility
from training.accuracy import MIN_VISIBLE_JOINTS, ROWS, match
from training.metrics import (
    Pair,
    SpatialFigures,
    aligned_errors_mm,
    open_model_zoo_mm,
    root_relative_errors_mm,
    spatial_figures,
)
from training.samples import HeldOut

WORST: Final = 8
"""How many frames are kept to look at."""

_MISSED_MM: Final = 500.0  # what somebody who was not found, or is nobody, weighs in a frame's place among the worst


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """A frame, who was found in it, and how bad that is."""

    badness: float
    frame: HeldOut
    people: tuple[Person, ...]


@dataclass(slots=True)
class Spatial:
    """Sums over frames; `add` one after the other.

    Attributes:
        pairs: of counted people who were found.
        open_model_zoo: that number of every image, millimetres.
        worst: the frames that went worst, the worst first.
    """

    pairs: list[Pair] = field(default_factory=list)
    open_model_zoo: list[float] = field(default_factory=list)
    worst: list[Looked] = field(default_factory=list)

    def add(self, frame: HeldOut, people: Sequence[Person], as_reference: Sequence[Person]) -> None:
        """Take in a frame and the people found in it; `as_reference` are the same, placed as Open Model Zoo does."""
        truth = frame.truth
        self.open_model_zoo.append(open_model_zoo_mm(as_reference, truth.joints_px, truth.joints_m))
        counted = (truth.visibility == Visibility.VISIBLE).sum(axis=1) >= MIN_VISIBLE_JOINTS
        matched = match(truth, people, ROWS / frame.image.shape[0])
        true_m = truth.joints_m.astype(float)
        if frame.known is not None:
            true_m[~frame.known] = np.nan
        badness = _MISSED_MM * (len(people) - len(matched) + counted.sum())
        for true, found in matched:
            if counted[true]:
                pair = Pair(people[found].joints_m.astype(float), true_m[true])
                self.pairs.append(pair)
                badness += _error_mm(pair) - _MISSED_MM
        self.worst.append(Looked(float(badness), frame, tuple(people)))
        self.worst.sort(key=lambda looked: -looked.badness)
        del self.worst[WORST:]

    @property
    def figures(self) -> SpatialFigures:
        """The standard measures."""
        return spatial_figures(self.pairs)

    @property
    def open_model_zoo_mm(self) -> float:
        """What Open Model Zoo's accuracy checker calls MPJPE: the mean over images."""
        return float(np.mean(self.open_model_zoo)) if self.open_model_zoo else float("nan")


def _error_mm(pair: Pair) -> float:
    """Return how wrong a body is: after alignment where the truth does not know the pelvis to put on each other."""
    relative = root_relative_errors_mm(pair)
    return float(np.nanmean(relative if np.isfinite(relative).any() else aligned_errors_mm(pair)))
