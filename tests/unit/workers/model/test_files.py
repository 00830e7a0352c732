from __future__ import annotations

import hashlib

import pytest

from posestream.errors import ModelError
from workers.model import files
from workers.model.files import read_file, sha256_of, staging_folder


def test_a_missing_file_is_named_with_how_to_get_one(tmp_path):
    with pytest.raises(ModelError, match=r"there is no file .*net\.pth; .*python -m workers model fetch"):
        read_file(tmp_path / "net.pth")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ModelError, match="cannot be read: Is a directory"):
        read_file(tmp_path)


def test_an_empty_file_is_said_to_be_empty(tmp_path):
    (tmp_path / "net.pth").touch()

    with pytest.raises(ModelError, match="is empty"):
        read_file(tmp_path / "net.pth")


@pytest.mark.parametrize("size_bytes", [100, 101])
def test_a_file_over_the_limit_is_refused_and_one_at_the_limit_is_not(tmp_path, monkeypatch, size_bytes):
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 100)
    path = tmp_path / "net.pth"
    path.write_bytes(bytes(size_bytes))

    if size_bytes == 100:
        assert len(read_file(path)) == 100
    else:
        with pytest.raises(ModelError, match="more than 100 bytes"):
            read_file(path)


def test_the_sha_256_is_that_of_the_content(tmp_path):
    (tmp_path / "net.bin").write_bytes(b"abc")

    assert sha256_of(tmp_path / "net.bin") == hashlib.sha256(b"abc").hexdigest()


def test_what_is_moved_out_of_the_staging_folder_stays_and_the_rest_goes(tmp_path):
    target = tmp_path / "new" / "deeper" / "net.bin"

    with staging_folder(target) as staging:
        (staging / "rest").write_text("rest")
        (staging / "net.bin").write_text("kept")
        (staging / "net.bin").replace(target)

    assert [path.name for path in target.parent.iterdir()] == ["net.bin"]


def test_a_failure_leaves_neither_the_staging_folder_nor_folders_made_for_it(tmp_path):
    (tmp_path / "older").mkdir()

    def write_half() -> None:
        with staging_folder(tmp_path / "older" / "new" / "deeper" / "net.bin") as staging:
            (staging / "half").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()

    assert list(tmp_path.rglob("*")) == [tmp_path / "older"]


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")

    staging = staging_folder(tmp_path / "file" / "net.bin")

    with pytest.raises(ModelError, match=r"cannot write .*net\.bin: .*; give a folder .* with --output"), staging:
        pytest.fail("there is no folder to write to")
