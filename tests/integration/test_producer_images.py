"""Folders of images through the real producer: each file once, unchanged where that can be."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from posestream.broker import Shard, ShardOperations
from posestream.image import ImageLimits, check_image
from tests.unit.producer.fleet import Fleet
from tests.unit.producer.media import encoded, write_folder
from tests.unit.producer.processes import Producers


def test_each_file_of_a_folder_is_admitted_once_however_broken_it_is(
    producers: Producers, fleet: Fleet, shard: Shard, tmp_path: Path
) -> None:
    jpeg = encoded(1)
    files = {
        "1.jpg": jpeg,
        "2-empty.jpg": b"",
        "3-truncated.jpg": jpeg[:-200],
        "4-notes.txt": b"not an image\n",
        "5-huge.jpg": jpeg + bytes(200_000),
        "6-broken.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "10.jpg": jpeg,
        ".hidden.jpg": jpeg,
    }
    folder = write_folder(tmp_path / "images", files)
    (folder / "subfolder").mkdir()
    os.mkfifo(folder / "pipe.jpg")

    producer = producers.run(folder, "--camera", "hall", "--max-bytes", 100_000)

    assert producer.process.returncode == 0
    assert producer.output.startswith("hall: 7 frames admitted: 2 posed, 5 dead (")
    letters = ShardOperations(shard).dead_letters(count=10)
    assert sorted((letter["seq"], letter["reason"]) for letter in letters) == [
        ("2", "empty"),
        ("3", "truncated"),
        ("4", "not_an_image"),
        ("5", "unreadable"),
        ("6", "truncated"),
    ]
    taken = fleet.frames_of("hall")
    assert [each.image for each in taken[:4]] == list(files.values())[:4]
    assert taken[4].image == b""
    assert "above the limit of 100000" in (taken[4].meta.error or "")
    assert taken[6].image == jpeg
    status = ShardOperations(shard).status("hall").cameras["hall"]
    assert (status.conserved, status.admitted) == (True, 7)


def test_files_whose_names_are_not_utf8_stop_nobody(
    producers: Producers, fleet: Fleet, shard: Shard, tmp_path: Path
) -> None:
    jpeg = encoded(1)
    huge = jpeg + bytes(200_000)
    files = {b"1-caf\xe9.jpg": jpeg, b"2-caf\xe9.jpg": huge, b"3.jpg": jpeg}
    folder = write_folder(
        tmp_path / os.fsdecode(b"\xe9t\xe9"), {os.fsdecode(name): data for name, data in files.items()}
    )
    (tmp_path / "summer").symlink_to(folder)

    producer = producers.run(tmp_path / "summer", "--camera", "hall", "--max-bytes", 100_000)

    assert producer.output == "hall: 3 frames admitted: 2 posed, 1 dead (1 unreadable)\n"
    error = fleet.frames_of("hall")[1].meta.error
    assert error == f"2-caf\ufffd.jpg: {len(huge)} bytes, above the limit of 100000"
    assert ShardOperations(shard).status("hall").cameras["hall"].conserved


def test_jpeg_and_png_files_are_passed_on_byte_for_byte(producers: Producers, fleet: Fleet, tmp_path: Path) -> None:
    files = {"a1.jpg": encoded(1), "a2.png": encoded(2, ".png"), "a10.jpg": encoded(3)}
    folder = write_folder(tmp_path / "images", files)

    assert producers.run(folder, "--camera", "hall").process.returncode == 0

    assert [taken.image for taken in fleet.frames_of("hall")] == list(files.values())
    assert [taken.meta.source_wh for taken in fleet.frames_of("hall")] == [None] * 3


def test_larger_images_are_scaled_down_and_say_how_large_they_were(
    producers: Producers, fleet: Fleet, tmp_path: Path
) -> None:
    small = encoded(2, size_wh=(100, 50))
    folder = write_folder(tmp_path / "images", {"1.jpg": encoded(1, size_wh=(640, 360)), "2.jpg": small})

    assert producers.run(folder, "--camera", "hall", "--max-side", 320).process.returncode == 0

    scaled, unchanged = fleet.frames_of("hall")
    header = check_image(scaled.image, ImageLimits())
    assert (header.format, header.width, header.height) == ("jpeg", 320, 180)
    assert scaled.meta.source_wh == (640, 360)
    assert (unchanged.image, unchanged.meta.source_wh) == (small, None)


def test_images_of_other_formats_become_jpeg(producers: Producers, fleet: Fleet, tmp_path: Path) -> None:
    suffixes = [".bmp", ".tiff", ".webp"]
    files = {f"{suffix[1:]}{suffix}": encoded(5, suffix) for suffix in suffixes}

    assert producers.run(write_folder(tmp_path / "i", files), "--camera", "hall").process.returncode == 0

    original = cv2.imdecode(np.frombuffer(encoded(5, ".bmp"), np.uint8), cv2.IMREAD_COLOR)
    for taken in fleet.frames_of("hall"):
        header = check_image(taken.image, ImageLimits())
        assert (header.format, header.width, header.height) == ("jpeg", 160, 120)
        decoded = cv2.imdecode(np.frombuffer(taken.image, np.uint8), cv2.IMREAD_COLOR)
        assert np.abs(decoded.astype(int) - original).mean() < 3
    assert len(fleet.taken) == 3
