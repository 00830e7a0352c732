"""The shadows that people throw on the floor."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from producer.synthetic.body import POINT, Figures
from producer.synthetic.camera import Camera
from producer.synthetic.tubes import Bgr, Light

_COARSER: Final = 4  # shadows are soft: a mask of a sixteenth of the pixels will do

# From, to, and thickness as a fraction of the height.
_BONES: Final = tuple(
    (POINT[start], POINT[end], thickness)
    for start, end, thickness in (
        ("neck", "crotch", 0.19),
        ("head", "crown", 0.10),
        *(
            (f"{side}_{start}", f"{side}_{end}", thickness)
            for side in ("l", "r")
            for start, end, thickness in (
                ("shoulder", "elbow", 0.055),
                ("elbow", "wrist", 0.045),
                ("hip", "knee", 0.085),
                ("knee", "ankle", 0.06),
                ("heel", "toe", 0.06),
            )
        ),
    )
)


def draw_shadows(image: Bgr, figures: Figures, camera: Camera, light: Light, *, depth: float) -> None:
    """Darken the floor where people stand in the light, in place; `depth` 0..1 is how dark a shadow gets."""
    width, height = camera.size_wh
    mask = np.zeros((-(-height // _COARSER), -(-width // _COARSER)), np.uint8)
    points = figures.points_m
    floor = points - light.direction * (points[..., 2:] / light.direction[2])
    seen = camera.seen(floor)
    places = camera.project(seen) * (16 / _COARSER)  # OpenCV draws at sixteenths of a pixel
    for person, size_m in enumerate(figures.bodies.height_m):
        for start, end, thickness in _BONES:
            first, last = places[person, start], places[person, end]
            if np.isfinite(first).all() and np.isfinite(last).all() and max(abs(first).max(), abs(last).max()) < 1e6:
                px = thickness * size_m * camera.intrinsics.fx / seen[person, end, 2] / _COARSER
                ends = [tuple(int(value) for value in point) for point in (first, last)]
                cv2.line(mask, ends[0], ends[1], 255, max(1, round(0.8 * px)), cv2.LINE_AA, 4)
    left, top, wide, high = cv2.boundingRect(mask)
    if not wide:
        return
    margin = max(2, mask.shape[0] // 40)
    rows = slice(max(0, top - margin), min(mask.shape[0], top + high + margin))
    columns = slice(max(0, left - margin), min(mask.shape[1], left + wide + margin))
    soft = cv2.blur(cv2.blur(mask[rows, columns], (margin, margin)), (margin, margin))
    lit = cv2.convertScaleAbs(soft, alpha=-depth, beta=255)
    region = image[rows.start * _COARSER : rows.stop * _COARSER, columns.start * _COARSER : columns.stop * _COARSER]
    lit = cv2.resize(lit, (lit.shape[1] * _COARSER, lit.shape[0] * _COARSER), interpolation=cv2.INTER_LINEAR)
    lit = cv2.cvtColor(lit[: region.shape[0], : region.shape[1]], cv2.COLOR_GRAY2BGR)
    cv2.multiply(region, lit, dst=region, scale=1 / 255)
