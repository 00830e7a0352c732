"""Calibration frames from whatever a producer plays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from posestream.errors import ConfigurationError
from tests.unit.producer.media import encoded, picture, write_folder, write_video
from training.quantize_frames import calibration_frames


def shown(frames) -> list[int]:
    """Which of `picture(0 … 49)` each of the frames is nearest to."""
    known = np.stack([picture(number) for number in range(50)]).astype(float)
    return [int(np.abs(known - frame).mean(axis=(1, 2, 3)).argmin()) for frame in frames]


def test_frames_are_spread_over_a_video(tmp_path):
    video = write_video(tmp_path / "video.mp4", 40)
    assert shown(calibration_frames(str(video), 4)) == [0, 10, 20, 30]


def test_the_end_of_a_video_is_looked_at_too(tmp_path):
    video = write_video(tmp_path / "video.mp4", 40)
    assert shown(calibration_frames(str(video), 21))[-3:] == [34, 36, 38]


def test_a_folder_gives_its_images_and_those_that_can_not_be_read_are_passed_over(tmp_path):
    images = {
        "a.jpg": encoded(3),
        "b.jpg": b"\xff\xd8 no image",
        "c.png": encoded(9, ".png"),
        "d.jpg": encoded(5)[:300],
    }
    folder = write_folder(tmp_path / "images", images)
    assert shown(calibration_frames(str(folder), 10)) == [3, 9]


def test_synthetic_people_come_as_a_worker_sees_them():
    frames = list(calibration_frames("synthetic:?people=1&size=1280x720&frames=20", 2))
    assert [frame.shape for frame in frames] == [(360, 640, 3)] * 2  # of a large JPEG half the size is decoded
    assert frames[0].dtype == np.uint8
    assert np.abs(cv2.absdiff(*frames)).max() > 50


def test_a_source_without_a_frame_that_can_be_read_is_named(tmp_path):
    folder = write_folder(tmp_path / "images", {"a.jpg": b"no image", "b.jpg": b"neither"})
    with pytest.raises(ConfigurationError, match=r"images': none of 2 frames can be read"):
        list(calibration_frames(str(folder), 3))


def test_what_is_no_source_is_refused_as_a_producer_does(tmp_path):
    with pytest.raises(ConfigurationError, match="no such file or folder"):
        list(calibration_frames(str(tmp_path / "absent.mp4"), 3))
