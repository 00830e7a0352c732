from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from posestream.errors import ModelError
from tests.unit.workers.model.checkpoint_writer import Tensor, pickled, state_dict, zip_checkpoint
from workers.model.tensors import Storage
from workers.model.zip_format import ZipCheckpoint

ROOT = state_dict({"weight": np.zeros(4, np.float32)})
STORAGE = Storage("0", "torch.FloatStorage", 4)


def archive(**entries: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("folder", ["archive/", "any other name/", "deeper/down/", ""])
def test_a_storages_bytes_are_found_whatever_the_folder_is_called(folder):
    checkpoint = ZipCheckpoint(zip_checkpoint(ROOT, {"0": b"0123456789abcdef"}, folder=folder), "net.pth")

    assert bytes(checkpoint.storage_bytes(STORAGE)) == b"0123456789abcdef"


@pytest.mark.parametrize("content", [b"0123", b"0123456789abcdefg", b""])
def test_a_storage_of_another_size_than_its_tensors_need_is_refused(content):
    checkpoint = ZipCheckpoint(zip_checkpoint(ROOT, {"0": content}), "net.pth")

    with pytest.raises(ModelError, match=f"storage 0 has {len(content)} bytes where its tensors need 16"):
        checkpoint.storage_bytes(STORAGE)


def test_a_storage_that_is_missing_is_named():
    checkpoint = ZipCheckpoint(zip_checkpoint(ROOT, {}), "net.pth")

    with pytest.raises(ModelError, match=r"net\.pth: archive/data/0 is missing"):
        checkpoint.storage_bytes(STORAGE)


def test_compressed_entries_are_refused_so_that_no_file_unpacks_to_more_than_itself():
    bomb = zip_checkpoint(ROOT, {"0": bytes(10_000_000)}, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 20_000

    with pytest.raises(ModelError, match="is compressed, which PyTorch never does"):
        ZipCheckpoint(bomb, "net.pth").storage_bytes(Storage("0", "torch.FloatStorage", 2_500_000))


def test_a_flipped_bit_in_a_storage_is_noticed_by_its_checksum():
    content = bytearray(zip_checkpoint(ROOT, {"0": b"0123456789abcdef"}))
    content[content.index(b"0123456789abcdef")] ^= 1

    with pytest.raises(ModelError, match=r"archive/data/0 cannot be read .*CRC"):
        ZipCheckpoint(bytes(content), "net.pth").storage_bytes(STORAGE)


def test_two_checkpoints_in_one_file_are_refused():
    with pytest.raises(ModelError, match=r"holds 2 data\.pkl"):
        ZipCheckpoint(archive(**{"a/data.pkl": b"", "b/data.pkl": b""}), "net.pth")


def test_numbers_written_the_other_way_round_are_refused_rather_than_misread():
    content = archive(**{"a/data.pkl": pickled({"w": Tensor(np.zeros(1, np.float32), "0")}), "a/byteorder": b"big"})

    with pytest.raises(ModelError, match="big-endian"):
        ZipCheckpoint(content, "net.pth")
