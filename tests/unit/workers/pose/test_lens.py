"""Lines of sight: OpenCV's own projection, the other way round."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from posestream.calibration import Distortion, Intrinsics, LensModel
from workers.pose.lens import sight_rays

LENS = Intrinsics(900.0, 910.0, 640.5, 360.5, calibrated=True)
MATRIX = np.array([[900.0, 0, 640.5], [0, 910.0, 360.5], [0, 0, 1]])
RAYS = np.stack(np.meshgrid(np.linspace(-0.7, 0.7, 9), np.linspace(-0.4, 0.4, 5)), axis=-1).reshape(-1, 2)
LENSES = {
    "barrel": Distortion(LensModel.STANDARD, (-0.28, 0.09, 0.001, -0.0005)),
    "strong barrel": Distortion(LensModel.STANDARD, (-0.45, 0.25, 0.0, 0.0, -0.07)),
    "pincushion": Distortion(LensModel.STANDARD, (0.2, 0.1, 0.0, 0.0, 0.0)),
    "rational": Distortion(LensModel.STANDARD, (-0.3, 0.1, 0.001, 0.001, -0.02, 0.1, 0.01, 0.001)),
    "thin prism": Distortion(LensModel.STANDARD, (-0.1, 0, 0, 0, 0, 0, 0, 0, 0.002, 0.001, -0.001, 0.0005)),
    "tilted": Distortion(LensModel.STANDARD, (-0.1, *[0.0] * 11, 0.02, -0.01)),
    "fisheye": Distortion(LensModel.FISHEYE, (0.05, -0.01, 0.003, 0.0)),
}


def projected_px(distortion: Distortion) -> np.ndarray:
    points = np.concatenate((RAYS, np.ones((len(RAYS), 1))), axis=1)[:, None]
    project = cv2.fisheye.projectPoints if distortion.model is LensModel.FISHEYE else cv2.projectPoints
    pixels, _ = project(points, np.zeros(3), np.zeros(3), MATRIX, np.array(distortion.coefficients))
    return pixels.reshape(-1, 2).astype(np.float32)


@pytest.mark.parametrize("distortion", LENSES.values(), ids=LENSES)
def test_a_line_of_sight_goes_where_the_lens_had_it_from(distortion: Distortion) -> None:
    assert np.abs(projected_px(distortion) - RAYS * (900, 910) - (640.5, 360.5)).max() > 5  # pixels
    np.testing.assert_allclose(sight_rays(projected_px(distortion), LENS, distortion), RAYS, atol=1e-6)


def test_a_pinhole_needs_no_straightening() -> None:
    rays = sight_rays(np.array([[[640.5, 360.5], [1540.5, -549.5]]], np.float32), LENS, None)
    np.testing.assert_allclose(rays, [[[0, 0], [1, -1]]])


@pytest.mark.parametrize("distortion", [None, *LENSES.values()], ids=["none", *LENSES])
def test_what_is_not_seen_has_no_line_of_sight(distortion: Distortion | None) -> None:
    joints_px = np.full((2, 19, 2), np.nan, np.float32)
    joints_px[1, 3] = (700, 300)
    rays = sight_rays(joints_px, LENS, distortion)
    assert rays.shape == (2, 19, 2)
    assert np.isfinite(rays[1, 3]).all()
    assert np.isfinite(rays).sum() == 2
    assert sight_rays(joints_px[:0], LENS, distortion).shape == (0, 19, 2)


def test_a_pixel_that_no_line_of_sight_leads_to_has_none() -> None:
    beyond = np.array([[50_000.0, 360.5], [640.5, 360.5]], np.float32)  # 55 aside; its image ends at 1.6
    rays = sight_rays(beyond, LENS, LENSES["fisheye"])
    assert np.isnan(rays[0]).all()
    np.testing.assert_allclose(rays[1], 0, atol=1e-9)
