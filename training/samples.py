"""Frames with their truth, of whatever data set, as the evaluation takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from posestream.messages import Distortion, Extrinsics, Intrinsics
from producer.synthetic.truth import Truth


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """A frame with its truth, the camera that took it, and the kinds of frames that it belongs to.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        truth: the people in it.
        intrinsics, distortion, extrinsics: the camera.
        kinds: names under which it is measured, too.
        name: what it is called in reports.
        known: (P, 19) bool, the joints of `truth` that the data set knows in space; None for all.
    """

    image: npt.NDArray[np.uint8]
    truth: Truth
    intrinsics: Intrinsics
    kinds: tuple[str, ...]
    distortion: Distortion | None = None
    extrinsics: Extrinsics | None = None
    name: str = ""
    known: npt.NDArray[np.bool_] | None = None
