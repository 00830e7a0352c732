"""Frames to train on in tests, drawn in no time."""

from __future__ import annotations

import cv2
import numpy as np

from posestream.skeleton import BONES
from producer.synthetic.truth import Truth
from tests.unit.training.people import leaning, truth_of


def sample(seed: int, size_wh: tuple[int, int]) -> tuple[np.ndarray, Truth]:
    """A stick figure somewhere on noise."""
    rng = np.random.default_rng(seed)
    truth = truth_of(leaning((rng.uniform(-0.8, 0.2), -0.5, rng.uniform(3.0, 5.0))), size_wh=size_wh)
    image = rng.integers(0, 60, (size_wh[1], size_wh[0], 3), np.uint8)
    for number, (a, b) in enumerate(BONES):
        ends = truth.joints_px[0, [a, b]].astype(int)
        cv2.line(image, ends[0].tolist(), ends[1].tolist(), (255 - 10 * number, 100, 10 * number), 4)
    return image, truth
