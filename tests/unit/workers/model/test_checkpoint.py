from __future__ import annotations

import contextlib
import gzip
import io
import random
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from posestream.errors import ModelError
from tests.unit.workers.model.checkpoint_writer import Tensor, state_dict, write_checkpoint, zip_checkpoint
from tests.unit.workers.model.narrow_network import narrow_tensors
from workers.model.checkpoint import parse_checkpoint, read_checkpoint

DATA = Path(__file__).parent / "data"
SMALL = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4, 1),
    "conv.bias": np.array([0.5, -1], np.float16),
    "norm.num_batches_tracked": np.array(77),
}
KINDS = ["zip", "legacy"]


def assert_same(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(actual) == list(expected)
    for name, array in expected.items():
        assert actual[name].dtype == array.dtype
        np.testing.assert_array_equal(actual[name], array)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_state_dict_is_read_from_both_formats_plain_and_wrapped(kind, wrapped):
    tensors = narrow_tensors()

    assert_same(parse_checkpoint(write_checkpoint(tensors, kind, wrapped=wrapped), "net.pth"), tensors)


@pytest.mark.parametrize("kind", KINDS)
def test_what_pytorch_itself_wrote_is_read(kind):
    """The files hold views, a parameter, three precisions, a counter and a shared storage, saved by PyTorch 2.13."""
    sevenths = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / np.float32(7)

    actual = read_checkpoint(DATA / f"written_by_torch_{kind}.pth")

    expected = {
        "plain.weight": sevenths,
        "transposed.weight": sevenths.transpose(2, 0, 1),
        "slice.weight": np.arange(10, 40, 3, dtype=np.float64),
        "half.weight": np.array([1.5, -2.25, 0], np.float16),
        "norm.num_batches_tracked": np.array(7),
        "shared.a": np.array([3, 4], np.float32),
        "shared.b": np.array([4], np.float32),
    }
    assert_same(actual, expected)


def test_the_prefix_of_data_parallel_training_is_taken_off():
    parallel = {f"module.{name}": array for name, array in SMALL.items()}

    assert_same(parse_checkpoint(write_checkpoint(parallel, "zip"), "net.pth"), SMALL)


def test_a_prefix_that_not_all_names_have_is_kept():
    mixed = {"module.a": np.zeros(1, np.float32), "b": np.zeros(1, np.float32)}

    assert list(parse_checkpoint(write_checkpoint(mixed, "zip"), "net.pth")) == ["module.a", "b"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_is_read_from_inside_its_archive(tmp_path, kind):
    content = write_checkpoint(SMALL, kind)
    path = tmp_path / "net.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("human-pose-estimation-3d-0001.pth")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))

    assert_same(read_checkpoint(path), SMALL)


def test_errors_in_an_archive_name_the_archive_and_the_file_inside():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        member = tarfile.TarInfo("inner.pth")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"junk"))

    with pytest.raises(ModelError, match=r"^inner\.pth in outer\.tar\.gz is neither"):
        parse_checkpoint(out.getvalue(), "outer.tar.gz")


@pytest.mark.parametrize(
    "content",
    [b"\x00", b"hello, world", b"\x80\x04]q\x00.", random.Random(1).randbytes(5000), b"<?xml version='1.0'?><net/>"],
)
def test_what_is_no_checkpoint_is_said_to_be_none(content):
    with pytest.raises(ModelError, match=r"net\.pth is neither a PyTorch checkpoint .* nor a \.tar\.gz"):
        parse_checkpoint(content, "net.pth")


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ([1, 2], "holds no state dict"),
        ({}, "holds no state dict"),
        ({"state_dict": [1]}, "holds no state dict"),
        ({"epoch": 3, "loss": 0.5}, "entry 'epoch' of its state dict is of type int, not a tensor"),
        ({5: Tensor(np.zeros(1, np.float32), "0")}, "entry 5 of its state dict"),
    ],
)
def test_a_checkpoint_without_a_state_dict_is_refused_with_how_to_save_one(root, message):
    with pytest.raises(ModelError, match=rf"{message}.*torch\.save\(network\.state_dict\(\)"):
        parse_checkpoint(zip_checkpoint(root, {"0": b"\0" * 4}), "net.pth")


def test_a_tensor_that_repeats_one_element_into_gigabytes_is_refused_before_it_is_allocated():
    bomb = Tensor(np.zeros(1, np.float32), "0", shape=(10**6, 10**6), strides=(0, 0))

    with pytest.raises(ModelError, match="its tensors take 4000000000000 bytes"):
        parse_checkpoint(zip_checkpoint({"weight": bomb}, {"0": b"\0" * 4}), "net.pth")


def test_a_tensor_that_reaches_beyond_its_storage_is_refused():
    tensors = state_dict({"weight": np.zeros(4, np.float32)})
    tensors["weight"].offset = 1
    content = zip_checkpoint(tensors, {"0": b"\0" * 16})

    with pytest.raises(ModelError, match=r"shape \(4,\) reaches beyond its storage of 4 elements"):
        parse_checkpoint(content, "net.pth")


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_cut_anywhere_is_an_error(kind):
    content = write_checkpoint(SMALL, kind)

    for length in range(1, len(content) - (1 if kind == "legacy" else 0)):
        with pytest.raises(ModelError, match=r"net\.pth"):
            parse_checkpoint(content[:length], "net.pth")


@pytest.mark.parametrize("kind", ["zip", "legacy", "tar.gz"])
def test_damaged_bytes_lead_to_tensors_or_one_clear_error_and_nothing_else(kind):
    content = write_checkpoint(SMALL, "legacy" if kind == "tar.gz" else kind)
    if kind == "tar.gz":
        content = _tar(content)
    chance = random.Random(kind)
    for _ in range(1500):
        damaged = bytearray(content)
        for _ in range(chance.choice((1, 1, 2, 8))):
            damaged[chance.randrange(len(damaged))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
        with contextlib.suppress(ModelError):
            parse_checkpoint(gzip.compress(damaged, 1) if kind == "tar.gz" else bytes(damaged), "net.pth")


def test_another_zip_file_is_said_to_be_no_checkpoint():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "hello")

    with pytest.raises(ModelError, match=r"net\.zip is a zip file but no PyTorch checkpoint"):
        parse_checkpoint(out.getvalue(), "net.zip")


def _tar(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("x" * 150 + ".txt", "net.pth"):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()
