"""A recording holds what was written, whatever became of its writer, and says so where it does not."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import msgpack
import numpy as np
import pytest

from posestream.errors import RecordingError
from posestream.messages import PoseFrame, encode_pose
from posestream.recording import RecordingWriter, read_recording
from posestream.recording.file import MAGIC, MAX_BODY_BYTES
from tests.unit.posestream.golden import PLACED_POSE, POSE
from tests.unit.posestream_service.services import ROOT

HEAD = struct.Struct("<II")


def numbered(count: int, first: int = 1) -> list[PoseFrame]:
    return [replace(POSE, seq=first + number) for number in range(count)]


def write(path: Path, frames: list[PoseFrame], *, append: bool = False) -> None:
    with RecordingWriter(path, append=append) as writer:
        for frame in frames:
            writer.add(frame)


def seqs(path: Path) -> list[int]:
    with read_recording(path) as recording:
        return [frame.seq for frame in recording]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "room.poses"


def test_frames_come_back_just_as_they_were(path: Path):
    frames = [POSE, PLACED_POSE]
    write(path, frames)
    with read_recording(path) as recording:
        assert [encode_pose(frame) for frame in recording] == [encode_pose(frame) for frame in frames]
        assert not recording.cut
        assert recording.read_bytes == recording.total_bytes == path.stat().st_size


def test_a_recording_is_read_as_often_as_one_likes_and_by_two_at_a_time(path: Path):
    frames = numbered(40)
    with RecordingWriter(str(path)) as writer:
        for frame in frames:
            writer.add(frame)
            writer.flush()
    with read_recording(path) as recording:
        expected = [frame.seq for frame in frames]
        assert [frame.seq for frame in recording] == expected
        assert [(first.seq, second.seq) for first, second in zip(recording, recording, strict=True)] == [
            (seq, seq) for seq in expected
        ]


def test_the_file_is_laid_out_as_its_documentation_says(path: Path):
    write(path, [POSE])
    data = path.read_bytes()
    assert data[:8] == b"\x89POSES\r\n"
    blocks, at = [], 8
    while at < len(data):
        length, crc = struct.unpack_from("<II", data, at)
        body = data[at + 8 : at + 8 + length]
        assert zlib.crc32(body) == crc
        blocks.append(msgpack.unpackb(zlib.decompress(body)))
        at += 8 + length
    ((header,), poses) = blocks
    assert header["format"] == 1
    assert header["software"].startswith("posestream ")
    assert poses == [encode_pose(POSE)]


def test_a_recording_is_smaller_than_its_messages(path: Path):
    write(path, numbered(200))
    assert path.stat().st_size < 0.1 * 200 * len(encode_pose(POSE)), "they are nearly the same"


@pytest.mark.parametrize("lost", [1, 7, 50])
def test_a_recording_that_was_cut_off_holds_what_is_whole_in_it(path: Path, lost: int):
    write(path, numbered(3))
    whole = path.stat().st_size
    write(path, numbered(4, first=4), append=True)
    os.truncate(path, path.stat().st_size - lost)
    with read_recording(path) as recording:
        assert [frame.seq for frame in recording] == [1, 2, 3]
        assert recording.cut
    os.truncate(path, whole)
    assert seqs(path) == [1, 2, 3]


def test_going_on_with_a_recording_that_was_cut_off_takes_the_half_block_away(path: Path):
    write(path, numbered(3))
    write(path, numbered(2, first=4), append=True)
    os.truncate(path, path.stat().st_size - 1)
    write(path, numbered(2, first=8), append=True)
    assert seqs(path) == [1, 2, 3, 8, 9]


def test_a_last_block_that_the_disk_did_not_get_is_left_out(path: Path):
    write(path, numbered(3))
    write(path, numbered(2, first=4), append=True)
    data = bytearray(path.read_bytes())
    data[-20:] = bytes(20)
    path.write_bytes(data)
    assert seqs(path) == [1, 2, 3]


@pytest.mark.parametrize("count", [8, 11, 4096])
def test_zeros_that_a_power_cut_left_at_the_end_are_no_frames_and_no_obstacle(path: Path, count: int):
    write(path, numbered(3))
    with path.open("ab") as file:
        file.write(bytes(count))
    with read_recording(path) as recording:
        assert [frame.seq for frame in recording] == [1, 2, 3]
        assert recording.cut
    write(path, numbered(2, first=8), append=True)
    assert seqs(path) == [1, 2, 3, 8, 9]


def test_an_empty_block_in_the_midst_of_a_recording_is_damage(path: Path):
    write(path, numbered(3))
    with path.open("ab") as file:
        file.write(bytes(8) + b"more")
    with pytest.raises(RecordingError, match="an empty block"):
        seqs(path)


def test_a_writer_that_is_killed_leaves_all_but_the_last_second(path: Path):
    script = """
import os, signal, sys, time
from pathlib import Path
from posestream.recording import RecordingWriter
from tests.unit.posestream_recording.test_file import numbered
writer = RecordingWriter(Path(sys.argv[1]))
for frame in numbered(20):
    writer.add(frame)
time.sleep(1.1)
writer.flush_if_due()
for frame in numbered(5, first=21):
    writer.add(frame)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script, str(path)], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == -9
    assert seqs(path) == list(range(1, 21))


def damaged(path: Path, change) -> Path:
    write(path, numbered(3))
    write(path, numbered(3, first=4), append=True)
    path.write_bytes(change(bytearray(path.read_bytes())))
    return path


def flipped(data: bytearray) -> bytearray:
    data[200] ^= 1
    return data


def block(content: bytes) -> bytes:
    return HEAD.pack(len(content), zlib.crc32(content)) + content


def packed(content: object) -> bytes:
    return zlib.compress(msgpack.packb(content))


HEADER = block(packed([{"format": 1, "created_ms": 0}]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: b"", "not a recording"),
        (lambda data: b"PK\x03\x04 and more", "not a recording"),
        (lambda data: MAGIC, "no header"),
        (lambda data: MAGIC + HEADER[:-1], "no header"),
        (lambda data: MAGIC + block(packed([{"format": 2}])), "format 2.*upgrade"),
        (lambda data: MAGIC + block(packed([{}])), "no header"),
        (flipped, "damaged at byte"),
        (lambda data: MAGIC + HEADER + HEAD.pack(MAX_BODY_BYTES + 1, 0), "damaged at byte"),
        (lambda data: MAGIC + HEADER + block(b"no zlib"), "can not be read"),
        (lambda data: MAGIC + HEADER + block(zlib.compress(b"\xc1")), "can not be read"),
        (lambda data: MAGIC + HEADER + block(packed({})), "no list"),
        (lambda data: MAGIC + HEADER + block(packed([7])), "a pose before byte"),
        (lambda data: MAGIC + HEADER + block(packed([b"\xc1"])), "a pose before byte.*not msgpack"),
        (lambda data: MAGIC + HEADER + block(zlib.compress(bytes(80_000_000))), "larger than|can not be read"),
    ],
)
def test_what_is_no_recording_or_damaged_is_told(path: Path, change, words: str):
    with pytest.raises(RecordingError, match=words) as told:
        seqs(damaged(path, change))
    assert str(path) in str(told.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(RecordingError, match=r"nowhere\.poses: No such file"):
        read_recording(tmp_path / "nowhere.poses")


def test_missing_numbers_stay_missing(path: Path):
    write(path, [POSE])
    with read_recording(path) as recording:
        (frame,) = recording
    assert np.array_equal(frame.people[1].joints_px, POSE.people[1].joints_px, equal_nan=True)
