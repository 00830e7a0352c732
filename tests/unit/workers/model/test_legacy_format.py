from __future__ import annotations

import struct

import numpy as np
import pytest

from posestream.errors import ModelError
from tests.unit.workers.model.checkpoint_writer import LEGACY_HEAD, legacy_checkpoint, pickled, state_dict
from workers.model.legacy_format import SIGNATURE, LegacyCheckpoint
from workers.model.tensors import Storage

ROOT = state_dict({"weight": np.zeros(2, np.float32), "counter": np.array(5)})
WEIGHT, COUNTER = Storage("0", "torch.FloatStorage", 2), Storage("1", "torch.LongStorage", 1)
HEAD = b"".join(pickled(part) for part in LEGACY_HEAD)


def content(**storages: bytes) -> bytes:
    return legacy_checkpoint(ROOT, storages, {"0": 4, "1": 8})


def test_storages_of_different_types_are_found_one_behind_the_other_in_any_order():
    checkpoint = LegacyCheckpoint(content(**{"1": b"countera", "0": b"weightab"}), "net.pth")

    assert bytes(checkpoint.storage_bytes(WEIGHT)) == b"weightab"
    assert bytes(checkpoint.storage_bytes(COUNTER)) == b"countera"


def test_the_signature_is_how_such_files_begin():
    assert content().startswith(SIGNATURE)


def test_a_file_that_ends_inside_a_storage_is_said_to_be_cut():
    whole = content(**{"0": b"weightab", "1": b"countera"})

    with pytest.raises(ModelError, match=r"net\.pth is cut short: it ends inside or before storage 1"):
        LegacyCheckpoint(whole[:-1], "net.pth")


def test_a_storage_of_another_length_than_its_tensors_need_is_refused():
    whole = HEAD + pickled(ROOT, legacy=True) + pickled(["0"]) + struct.pack("<q", 3) + b"weightabcdef"

    with pytest.raises(ModelError, match="storage 0 has 3 elements where its tensors need 2"):
        LegacyCheckpoint(whole, "net.pth")


def test_a_storage_that_is_missing_is_named():
    with pytest.raises(ModelError, match="storage 1 is missing"):
        LegacyCheckpoint(content(**{"0": b"weightab"}), "net.pth").storage_bytes(COUNTER)


@pytest.mark.parametrize("keys", [{"0": 1}, ["0", "9"], [["0"]], None])
def test_a_list_of_storages_that_makes_no_sense_is_refused(keys):
    with pytest.raises(ModelError, match=r"net\.pth: its list of storages is damaged|its pickle is damaged"):
        LegacyCheckpoint(HEAD + pickled(ROOT, legacy=True) + pickled(keys), "net.pth")


def test_another_version_of_the_format_is_refused():
    with pytest.raises(ModelError, match="unknown version"):
        LegacyCheckpoint(pickled(LEGACY_HEAD[0]) + pickled(1002), "net.pth")


@pytest.mark.parametrize("machine", [{"little_endian": False}, {}, 5])
def test_numbers_written_the_other_way_round_are_refused_rather_than_misread(machine):
    with pytest.raises(ModelError, match="big-endian"):
        LegacyCheckpoint(pickled(LEGACY_HEAD[0]) + pickled(1001) + pickled(machine), "net.pth")
