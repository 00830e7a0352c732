from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from posestream.errors import ModelError
from workers.model import archive
from workers.model.archive import read_checkpoint_member


def member(name: str, size: int = 4, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info


def packed(*members: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as file:
        for info in members:
            file.addfile(info, io.BytesIO(b"data" * (info.size // 4 + 1)))
    return out.getvalue()


@pytest.mark.parametrize(
    "name", ["net.pth", "./net.pth", "models/public/net.pth", "a..b/net.pth", "long" * 40 + "/net.pth"]
)
def test_the_checkpoint_is_found_beside_other_files(name):
    content = packed(member("models", 0, tarfile.DIRTYPE), member("LICENSE", 40), member(name), member("model.py", 8))

    assert read_checkpoint_member(content, "net.tar.gz") == (name, b"data")


@pytest.mark.parametrize("name", ["../net.pth", "models/../../net.pth", "/etc/net.pth", "..", "/"])
def test_a_path_that_leads_out_of_the_archive_is_refused(name):
    with pytest.raises(ModelError, match="a path that leads out of the archive"):
        read_checkpoint_member(packed(member("good.pth"), member(name)), "net.tar.gz")


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_links_devices_and_sparse_files_are_refused(kind):
    content = packed(member("good.pth"), member("net.pth", 0, kind, "/etc/passwd"))

    with pytest.raises(ModelError, match=r"'net\.pth', a link, a device or a sparse file"):
        read_checkpoint_member(content, "net.tar.gz")


def test_a_member_that_says_it_is_huge_is_refused_by_what_it_says():
    header = member("net.pth", 8 * 2**40).tobuf(tarfile.GNU_FORMAT)

    with pytest.raises(ModelError, match=r"'net\.pth' of 8796093022208 bytes, more than"):
        read_checkpoint_member(gzip.compress(header + bytes(10_000)), "net.tar.gz")


def test_an_archive_that_unpacks_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(archive, "_MAX_UNPACKED_BYTES", 1_000_000)
    bomb = gzip.compress(bytes(50_000_000), 1)

    with pytest.raises(ModelError, match="unpacks to more than 1000000 bytes"):
        read_checkpoint_member(bomb, "net.tar.gz")


def test_an_archive_of_very_many_files_is_refused():
    with pytest.raises(ModelError, match="holds more than 64 files"):
        read_checkpoint_member(packed(*(member(f"{index}.txt") for index in range(65))), "net.tar.gz")


def test_several_checkpoints_are_not_chosen_from():
    with pytest.raises(ModelError, match=r"several \.pth files \(a\.pth, b\.pth\)"):
        read_checkpoint_member(packed(member("a.pth"), member("b.pth")), "net.tar.gz")


@pytest.mark.parametrize("members", [[], [member("readme.txt")], [member("net.pth", 0, tarfile.DIRTYPE)]])
def test_an_archive_without_a_checkpoint_is_refused(members):
    with pytest.raises(ModelError, match=r"holds no \.pth file"):
        read_checkpoint_member(packed(*members), "net.tar.gz")


def test_an_archive_cut_anywhere_is_an_error():
    content = packed(member("net.pth", 4000))

    for length in range(2, len(content)):
        with pytest.raises(ModelError, match=r"net\.tar\.gz is a damaged or cut archive"):
            read_checkpoint_member(content[:length], "net.tar.gz")


def test_a_flipped_bit_is_noticed_by_gzips_checksum():
    content = bytearray(packed(member("net.pth", 4000)))
    content[-6] ^= 1  # in the checksum itself, so that everything before it unpacks

    with pytest.raises(ModelError, match="CRC check failed"):
        read_checkpoint_member(bytes(content), "net.tar.gz")


def test_a_tar_that_ends_inside_a_member_is_an_error():
    tar = gzip.decompress(packed(member("net.pth", 4000)))

    with pytest.raises(ModelError, match="damaged or cut"):
        read_checkpoint_member(gzip.compress(tar[:1500]), "net.tar.gz")


def test_headers_chained_without_end_are_one_clear_error():
    chained = (member("x", 1, tarfile.GNUTYPE_LONGNAME).tobuf(tarfile.GNU_FORMAT) + b"x".ljust(512, b"\0")) * 3000

    with pytest.raises(ModelError, match="damaged or cut"):
        read_checkpoint_member(gzip.compress(chained), "net.tar.gz")
