"""How far two networks agree on frames of which nobody knows the truth: one is held against the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from posestream.messages import Intrinsics, Person
from posestream.skeleton import JOINT_COUNT
from producer.synthetic.truth import Truth, Visibility
from training.accuracy import ROWS, Accuracy
from training.worker import Worker
from workers.pose.picture import Pixels


def agreement(frames: Iterable[Pixels], before: Path, after: Path) -> Accuracy:
    """Return how near what a network finds on BGR images `(H, W, 3)` is to what another, `before`, finds there.

    As accuracy, for which the people that `before` finds with at least 8 joints stand in for the true ones.

    Raises:
        ModelError: there is no network in one of the files, or none that fits.
    """
    agreed = Accuracy()
    first = Worker(before)
    try:
        second = Worker(after)
        try:
            for image in frames:
                height, width = image.shape[:2]
                camera = Intrinsics.assumed(width, height)
                agreed.add(as_truth(first.people(image, camera)), second.people(image, camera), ROWS / height)
        finally:
            second.close()
    finally:
        first.close()
    return agreed


def as_truth(people: Sequence[Person]) -> Truth:
    """Take found people for the truth: joints with a 2D position are visible, and others are nowhere in the image."""
    joints_px = np.array([person.joints_px for person in people], np.float32).reshape(-1, JOINT_COUNT, 2)
    seen = np.isfinite(joints_px).all(axis=2)
    return Truth(
        ids=np.arange(len(people)),
        joints_m=np.array([person.joints_m for person in people], np.float32).reshape(-1, JOINT_COUNT, 3),
        joints_px=joints_px,
        visibility=np.where(seen, Visibility.VISIBLE, Visibility.OUT_OF_FRAME).astype(np.uint8),
    )
