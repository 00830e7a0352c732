"""Where the network looked: from its input pixels to the frame's, and from those to rays in space."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from posestream.messages import Intrinsics
from workers.pose.decoding.maps import FloatArray


@dataclass(frozen=True, slots=True)
class View:
    """How the network's input lies on the frame, and the camera that took the frame.

    A point at `(x, y)` in network pixels is at `(x * scale_xy[0] + offset_px[0], y * scale_xy[1] + offset_px[1])` in
    frame pixels. `scale_xy` is in frame pixels per network pixel, one per axis: the network's width comes in steps of
    8, so that a frame resized to it is squeezed a little more along one axis. `offset_px` is where the top left corner
    of the network's input lies on the frame: (0, 0) for a frame resized, or cut or padded at its right or bottom;
    negative where it was padded at its left or top.
    """

    scale_xy: tuple[float, float]
    offset_px: tuple[float, float]
    intrinsics: Intrinsics

    def __post_init__(self) -> None:
        if not all(0 < scale < math.inf for scale in self.scale_xy):
            raise ValueError(f"scale_xy must be positive and finite, not {self.scale_xy}")
        if not all(math.isfinite(offset) for offset in self.offset_px):
            raise ValueError(f"offset_px must be finite, not {self.offset_px}")

    @classmethod
    def resized(
        cls, frame_wh: tuple[int, int], network_wh: tuple[int, int], intrinsics: Intrinsics | None = None
    ) -> View:
        """Return the view of a whole frame resized to exactly the network's input, each axis by its own factor.

        Without `intrinsics`, those assumed of an uncalibrated camera.
        """
        return cls(
            scale_xy=(frame_wh[0] / network_wh[0], frame_wh[1] / network_wh[1]),
            offset_px=(0.0, 0.0),
            intrinsics=intrinsics or Intrinsics.assumed(*frame_wh),
        )

    def frame_px(self, network_px: FloatArray) -> FloatArray:
        """Map points `(..., 2)` (x, y) from network pixels to frame pixels, both float32; NaN stays NaN."""
        return network_px * np.array(self.scale_xy, np.float32) + np.array(self.offset_px, np.float32)

    def rays(self, frame_px: FloatArray) -> FloatArray:
        """Return where the lines of sight through points `(..., 2)` in frame pixels pass z = 1.

        The result, `(..., 2)` float32, is x and y per unit of z in the camera frame (OpenCV axes); NaN stays NaN.
        """
        camera = self.intrinsics
        centre_px = np.array((camera.cx, camera.cy), np.float32)
        rays: FloatArray = np.divide(frame_px - centre_px, np.array((camera.fx, camera.fy), np.float32))
        return rays
