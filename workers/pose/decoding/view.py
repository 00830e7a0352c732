"""Where the network looked: from its input pixels to the frame's, and from those to rays in space."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from workers.pose.decoding.maps import FloatArray

ASSUMED_FOCAL_PER_WIDTH: Final = 0.8


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """A pinhole camera without distortion.

    All in frame pixels. `cx_px`, `cy_px` is the principal point, measured from the outer corner of the top left pixel:
    a calibration of OpenCV's, which counts from that pixel's centre, has to be moved by + 0.5.
    """

    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float

    def __post_init__(self) -> None:
        if not (0 < self.fx_px < math.inf and 0 < self.fy_px < math.inf):
            raise ValueError(f"focal lengths must be positive and finite, not {self.fx_px} and {self.fy_px} px")
        if not (math.isfinite(self.cx_px) and math.isfinite(self.cy_px)):
            raise ValueError(f"the principal point must be finite, not ({self.cx_px}, {self.cy_px}) px")

    @classmethod
    def assumed(cls, frame_wh: tuple[int, int]) -> Intrinsics:
        """Return what is assumed of an uncalibrated camera: fx = fy = 0.8 frame widths, looking at its centre."""
        width, height = frame_wh
        focal_px = ASSUMED_FOCAL_PER_WIDTH * width
        return cls(focal_px, focal_px, width / 2, height / 2)


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
            intrinsics=intrinsics or Intrinsics.assumed(frame_wh),
        )

    def frame_px(self, network_px: FloatArray) -> FloatArray:
        """Map points `(..., 2)` (x, y) from network pixels to frame pixels, both float32; NaN stays NaN."""
        return network_px * np.array(self.scale_xy, np.float32) + np.array(self.offset_px, np.float32)

    def rays(self, frame_px: FloatArray) -> FloatArray:
        """Return where the lines of sight through points `(..., 2)` in frame pixels pass z = 1.

        The result, `(..., 2)` float32, is x and y per unit of z in the camera frame (OpenCV axes); NaN stays NaN.
        """
        camera = self.intrinsics
        centre_px = np.array((camera.cx_px, camera.cy_px), np.float32)
        rays: FloatArray = np.divide(frame_px - centre_px, np.array((camera.fx_px, camera.fy_px), np.float32))
        return rays
