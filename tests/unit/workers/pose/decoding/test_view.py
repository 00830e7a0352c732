"""Network pixels to frame pixels to rays."""

from __future__ import annotations

import numpy as np
import pytest

from posestream.messages import Intrinsics
from workers.pose.decoding import View


def test_a_resized_frame_has_its_corners_at_the_networks_corners() -> None:
    view = View.resized((1280, 720), (448, 256))
    corners = view.frame_px(np.array([(0, 0), (448, 256), (224, 128)], np.float32))
    np.testing.assert_allclose(corners, [(0, 0), (1280, 720), (640, 360)], rtol=1e-6)
    assert view.scale_xy == (1280 / 448, 720 / 256)  # the width was rounded to a step of 8, the height was not


def test_a_frame_padded_on_the_left_begins_right_of_the_networks_corner() -> None:
    view = View((2.0, 2.0), (-32.0, 0.0), Intrinsics.assumed(640, 480))
    np.testing.assert_array_equal(view.frame_px(np.array([[16, 10]], np.float32)), [[0, 20]])


def test_a_joint_not_seen_stays_so() -> None:
    view = View.resized((1280, 720), (448, 256))
    missing = np.full((1, 2), np.nan, np.float32)
    assert np.isnan(view.rays(view.frame_px(missing))).all()


def test_an_uncalibrated_camera_looks_at_the_frames_centre_with_08_widths_of_focal_length() -> None:
    assert Intrinsics.assumed(1000, 500) == Intrinsics(800.0, 800.0, 500.0, 250.0, calibrated=False)
    assert View.resized((1000, 500), (512, 256)).intrinsics == Intrinsics.assumed(1000, 500)


def test_a_ray_has_each_axis_own_focal_length_and_starts_at_the_principal_point() -> None:
    view = View((1.0, 1.0), (0.0, 0.0), Intrinsics(fx=500.0, fy=400.0, cx=300.0, cy=200.0, calibrated=True))
    rays = view.rays(np.array([(300, 200), (800, 200), (300, 600)], np.float32))
    np.testing.assert_allclose(rays, [(0, 0), (1, 0), (0, 1)])


@pytest.mark.parametrize("scale_xy", [(0.0, 1.0), (1.0, -1.0), (float("nan"), 1.0), (float("inf"), 1.0)])
def test_a_scale_that_maps_nothing_is_refused(scale_xy) -> None:
    with pytest.raises(ValueError, match="scale_xy must be positive"):
        View(scale_xy, (0.0, 0.0), Intrinsics.assumed(640, 480))


def test_an_offset_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="offset_px must be finite"):
        View((1.0, 1.0), (float("nan"), 0.0), Intrinsics.assumed(640, 480))


@pytest.mark.parametrize("fx_fy", [(0.0, 1.0), (1.0, -1.0), (float("inf"), 1.0)])
def test_a_focal_length_that_is_none_is_refused(fx_fy) -> None:
    with pytest.raises(ValueError, match="focal lengths must be positive"):
        Intrinsics(*fx_fy, cx=0.0, cy=0.0, calibrated=True)


def test_a_principal_point_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="principal point must be finite"):
        Intrinsics(1.0, 1.0, cx=float("nan"), cy=0.0, calibrated=True)
