"""Image files and folders of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from posestream.errors import SourceError
from posestream.image import ImageLimits
from producer.sources import Unreadable
from producer.sources.images import ImageFiles, list_images, natural_key
from tests.unit.producer.media import encoded


def folder_of(folder: Path, names: list[str]) -> Path:
    for name in names:
        (folder / name).write_bytes(encoded(1))
        os.utime(folder / name, (1000, 1000))
    return folder


def opened(path: Path, fps: float | None = None) -> ImageFiles:
    source = ImageFiles(path, ImageLimits(max_bytes=50_000), fps)
    source.open()
    return source


@pytest.mark.parametrize(
    "ordered",
    [
        ["frame-2.jpg", "frame-10.jpg", "frame-100.jpg"],
        ["a.jpg", "B.jpg", "c.jpg"],
        ["1-2.jpg", "1-10.jpg", "2-1.jpg"],
        ["9.jpg", "10.jpg", "cover.jpg"],
        ["img007.jpg", "img08.jpg", "img9.jpg"],
        ["Bild-ä1.jpg", "Bild-ä2.jpg"],
        ["01.jpg", "1.jpg", "2.jpg"],
    ],
)
def test_names_sort_as_people_count(ordered: list[str]):
    assert sorted(set(ordered), key=natural_key) == ordered


def test_odd_digits_do_not_break_the_order():
    assert sorted(["²1.jpg", "٣.jpg", "3.jpg", "x.jpg"], key=natural_key)


def test_only_visible_regular_files_count(tmp_path: Path):
    folder_of(tmp_path, ["2.jpg", "1.txt", ".hidden.jpg"])
    (tmp_path / "3.jpg").mkdir()
    os.mkfifo(tmp_path / "4.jpg")
    (tmp_path / "5.jpg").symlink_to(tmp_path / "gone")
    assert [path.name for path in list_images(tmp_path)] == ["1.txt", "2.jpg"]


def test_a_folder_without_files_is_said(tmp_path: Path):
    with pytest.raises(SourceError, match="a folder without files"):
        list_images(tmp_path)


def test_without_a_rate_each_image_is_from_its_own_date(tmp_path: Path):
    folder_of(tmp_path, ["1.jpg", "2.jpg"])
    os.utime(tmp_path / "2.jpg", (2000, 2000))
    source = opened(tmp_path)
    assert [getattr(source.grab(), "captured_ms", None) for _ in range(3)] == [1_000_000, 2_000_000, None]


def test_with_a_rate_they_are_a_recording_that_begins_with_the_first_date(tmp_path: Path):
    source = opened(folder_of(tmp_path, ["1.jpg", "2.jpg", "3.jpg"]), fps=10)
    stamps = [source.grab() for _ in range(3)]
    assert [stamp and (stamp.captured_ms, stamp.media_ms) for stamp in stamps] == [
        (1_000_000, 0),
        (1_000_100, 100),
        (1_000_200, 200),
    ]


def test_a_file_that_goes_grows_or_becomes_a_pipe_is_a_frame_that_can_not_be_read(tmp_path: Path):
    source = opened(folder_of(tmp_path, ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]))
    (tmp_path / "1.jpg").unlink()
    (tmp_path / "2.jpg").write_bytes(bytes(50_001))
    (tmp_path / "3.jpg").unlink()
    os.mkfifo(tmp_path / "3.jpg")
    said = []
    for _ in range(3):
        assert source.grab() is not None
        picture = source.retrieve()
        assert isinstance(picture, Unreadable)
        said.append(picture.why)
    assert said == [
        "1.jpg: No such file or directory",
        "2.jpg: 50001 bytes, above the limit of 50000",
        "3.jpg: not a regular file any more",
    ]
    assert source.grab() is not None
    assert source.retrieve() == encoded(1)


def test_names_that_are_not_utf8_are_fit_for_messages(tmp_path: Path):
    folder = tmp_path / os.fsdecode(b"\xe9t\xe9")
    folder.mkdir()
    source = opened(folder_of(folder, [os.fsdecode(b"caf\xe9.jpg")]))
    (folder / os.fsdecode(b"caf\xe9.jpg")).unlink()
    assert source.grab() is not None
    picture = source.retrieve()
    assert isinstance(picture, Unreadable)
    assert picture.why == "caf\ufffd.jpg: No such file or directory"
    assert (source.name, (source.identity or "").split(":")[0]) == (str(tmp_path / "\ufffdt\ufffd"), "\ufffdt\ufffd")
    with pytest.raises(SourceError, match="\ufffdt\ufffd: a folder without files"):
        source.open()


def test_the_same_folder_has_the_same_identity_until_its_files_change(tmp_path: Path):
    folder_of(tmp_path, ["1.jpg", "2.jpg"])
    first = opened(tmp_path).identity
    assert opened(tmp_path).identity == first
    folder_of(tmp_path, ["3.jpg"])
    assert opened(tmp_path).identity != first
