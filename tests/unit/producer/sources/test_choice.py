"""Which text means which source, and what is said when it means none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from posestream.errors import ConfigurationError, PosestreamError, SourceError
from posestream.image import ImageLimits
from producer.app import plan
from producer.settings import CameraSettings
from producer.sources import SourceKind, make_source
from tests.unit.producer.media import encoded, write_video

LIMITS = ImageLimits()


@pytest.mark.parametrize(
    "text",
    ["rtsp://h/s", "rtsps://h/s", "http://h/v", "https://h/v", "HTTP://h/v", "webcam:0", "webcam:97", "/dev/video97"],
)
def test_cameras_are_not_looked_at_before_they_are_opened(text: str):
    source = make_source(text, LIMITS)
    assert (source.kind, source.identity) == (SourceKind.CAMERA, None)


def test_a_webcam_that_is_not_there_is_said_when_it_is_opened():
    with pytest.raises(SourceError, match="no such webcam; there is"):
        make_source("webcam:97", LIMITS).open()


def test_files_are_told_by_their_content_or_their_name(tmp_path: Path):
    video = write_video(tmp_path / "v.avi", 5, codec="MJPG")
    (tmp_path / "image.dat").write_bytes(encoded(1))
    (tmp_path / "broken.jpg").write_bytes(b"")
    frames = {path.name: make_source(str(path), LIMITS).facts.frames for path in tmp_path.iterdir()}
    assert frames == {"v.avi": 5, "image.dat": 1, "broken.jpg": 1}
    assert make_source(str(tmp_path), LIMITS).facts.frames == 3
    assert make_source(str(video), LIMITS).identity == make_source(os.path.relpath(video), LIMITS).identity


def test_another_rate_is_another_source(tmp_path: Path):
    video = str(write_video(tmp_path / "v.mp4", 10))
    identities = {make_source(video, LIMITS, fps).identity for fps in (None, 5.0, 10.0)}
    assert len(identities) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no-such.mp4", "source 'no-such.mp4': no such file or folder"),
        ("ftp://host/x", "unknown scheme 'ftp'"),
        ("ftp://user:secret@host/x", "unknown scheme 'ftp'"),
        (" rtsp://user:secret@host/x", "no such file or folder"),
        ("rtsp://user:secret@", "names no host"),
        ("webcam:x", "give a webcam by its number"),
        ("webcam:", "give a webcam by its number"),
        ("/dev/null", "neither a regular file nor a folder"),
        ("\0", "no such file or folder"),
        ("x" * 5000, "File name too long"),
    ],
)
def test_what_is_no_source_is_said_with_what_to_give_instead(text: str, said: str):
    with pytest.raises(ConfigurationError, match=said) as raised:
        make_source(text, LIMITS)
    assert "secret" not in str(raised.value)


def test_what_can_not_be_read_is_said(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.mp4").write_bytes(b"\0" * 100)
    (tmp_path / "notes.txt").write_text("hello\n")
    for name, said in (("empty", "a folder without files"), ("broken.mp4", "FFmpeg"), ("notes.txt", "FFmpeg")):
        with pytest.raises(SourceError, match=said):
            make_source(str(tmp_path / name), LIMITS)


def test_a_video_above_the_limit_of_pixels_is_refused(tmp_path: Path):
    video = str(write_video(tmp_path / "v.mp4", 2))
    with pytest.raises(SourceError, match="160 x 120 pixels, above the limit of 1000"):
        make_source(video, ImageLimits(max_pixels=1000))


def cameras(**sources: object) -> list[CameraSettings]:
    return [CameraSettings(name=name, source=str(source)) for name, source in sources.items()]


def test_every_mistake_is_named_at_once(tmp_path: Path):
    with pytest.raises(ConfigurationError) as raised:
        plan(cameras(a="/no/a.mp4", b=write_video(tmp_path / "v.mp4", 2), c="ftp://x"))
    assert [line.split(":")[0] for line in str(raised.value).splitlines()] == ["camera a", "camera c"]


def test_a_broken_file_leaves_the_others_alone(tmp_path: Path):
    (tmp_path / "broken.mp4").write_bytes(b"\0" * 100)
    good = write_video(tmp_path / "v.mp4", 2)

    planned, broken = plan(cameras(a=tmp_path / "broken.mp4", b=good))

    assert [camera.name for camera, _ in planned] == ["b"]
    assert list(broken) == ["a"]
    with pytest.raises(PosestreamError, match="camera a: "):
        plan(cameras(a=tmp_path / "broken.mp4"))
