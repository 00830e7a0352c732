"""Video files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from posestream.errors import SourceError
from posestream.image import ImageLimits
from posestream.messages import CaptureClock
from producer.sources import Picture, Stamp
from producer.sources.video import VideoFile
from tests.unit.producer.media import MTIME_S, picture, write_video


def play(path: Path) -> tuple[VideoFile, list[Stamp], list[Picture]]:
    source = VideoFile(path, ImageLimits())
    source.open()
    stamps, pictures = [], []
    while (stamp := source.grab()) is not None:
        stamps.append(stamp)
        pictures.append(source.retrieve())
    source.close()
    return source, stamps, pictures


def test_frames_are_from_the_files_date_and_their_place_in_it(tmp_path: Path):
    source, stamps, pictures = play(write_video(tmp_path / "v.mp4", 10, fps=20))
    assert (source.facts.frames, source.facts.fps) == (10, 20)
    assert [stamp.media_ms for stamp in stamps] == pytest.approx([50.0 * number for number in range(10)])
    assert [stamp.captured_ms for stamp in stamps] == [MTIME_S * 1000 + 50 * number for number in range(10)]
    assert {stamp.clock for stamp in stamps} == {CaptureClock.FILE}
    for number, image in enumerate(pictures):
        assert isinstance(image, np.ndarray)
        assert np.abs(image.astype(int) - picture(number)).mean() < 8


def test_a_name_that_is_not_utf8_is_played_and_fit_for_messages(tmp_path: Path):
    write_video(tmp_path / "v.mp4", 3).rename(tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    source, stamps, _ = play(tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    assert len(stamps) == 3
    assert source.name == str(tmp_path / "caf\ufffd.mp4")
    assert (source.identity or "").startswith("caf\ufffd.mp4:")


def test_jpegs_come_out_as_they_are_in_the_file(tmp_path: Path):
    video = write_video(tmp_path / "v.avi", 10, codec="MJPG")
    _, stamps, pictures = play(video)
    assert [stamp.media_ms for stamp in stamps] == pytest.approx([40.0 * number for number in range(10)])
    assert all(isinstance(image, bytes) and image in video.read_bytes() for image in pictures)


def test_opened_again_it_starts_from_the_first_frame(tmp_path: Path):
    source = VideoFile(write_video(tmp_path / "v.mp4", 3), ImageLimits())
    for _ in range(2):
        source.open()
        stamp = source.grab()
        assert stamp is not None
        assert stamp.media_ms == 0
    source.close()
    assert source.grab() is None


def test_a_file_has_the_same_identity_until_it_changes(tmp_path: Path):
    video = write_video(tmp_path / "v.mp4", 3)
    first = play(video)[0].identity
    assert play(video)[0].identity == first
    assert play(write_video(tmp_path / "w.mp4", 3))[0].identity != first
    write_video(video, 4)
    assert play(video)[0].identity != first


def test_a_file_that_has_gone_is_said(tmp_path: Path):
    with pytest.raises(SourceError, match="No such file"):
        VideoFile(tmp_path / "v.mp4", ImageLimits()).open()
