from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from posestream.errors import ModelError
from tests.unit.workers.model.checkpoint_writer import write_checkpoint
from tests.unit.workers.model.file_server import Fault, FileServer, running
from tests.unit.workers.model.narrow_network import narrow_tensors
from workers.model.download import Patience, RemoteFile
from workers.model.fetch import OFFICIAL_URL, fetch, official_checkpoint
from workers.model.ir_file import read_network, read_provenance

HASTE = Patience(connect_s=2, silence_s=2, total_s=20, attempts=3, first_pause_s=0.001, longest_pause_s=0.01)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def archive() -> bytes:
    """What the official file is, but narrow."""
    content = write_checkpoint(narrow_tensors(), "legacy", wrapped=True)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as file:
        member = tarfile.TarInfo("human-pose-estimation-3d-0001.pth")
        member.size = len(content)
        file.addfile(member, io.BytesIO(content))
    return out.getvalue()


def fetch_from(server: FileServer, folder: Path) -> Path:
    content = server.content
    remote = RemoteFile(server.url, len(content), hashlib.sha384(content).hexdigest())
    return fetch(remote, folder, patience=HASTE, on_progress=lambda _: None)


def test_the_checkpoint_is_downloaded_over_a_bad_line_and_converted(tmp_path, archive):
    with running(FileServer(archive, [Fault(status=503), Fault(cut_after=20_000)])) as server:
        path = fetch_from(server, tmp_path / "models")

    name = "human-pose-estimation-3d-0001"
    assert sorted(file.name for file in path.parent.iterdir()) == [f"{name}.bin", f"{name}.tar.gz", f"{name}.xml"]
    provenance = read_provenance(read_network(path))
    assert provenance is not None
    assert provenance.origin_sha256 == hashlib.sha256(archive).hexdigest()


def test_fetching_again_converts_again_without_a_network(tmp_path, archive):
    with running(FileServer(archive)) as server:
        path = fetch_from(server, tmp_path)
    path.unlink()

    fetch_from(server, tmp_path)

    assert path.is_file()
    assert len(server.ranges) == 1


def test_a_verified_file_that_is_no_checkpoint_is_one_clear_error(tmp_path):
    message = r"0001\.tar\.gz is neither a PyTorch checkpoint"
    with running(FileServer(b"an error page, by mistake")) as server, pytest.raises(ModelError, match=message):
        fetch_from(server, tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["human-pose-estimation-3d-0001.tar.gz"]


def test_a_mirror_must_have_the_official_file_byte_for_byte():
    mirror, official = official_checkpoint("http://mirror/net.tar.gz"), official_checkpoint()

    assert (mirror.url, official.url) == ("http://mirror/net.tar.gz", OFFICIAL_URL)
    assert (mirror.size_bytes, mirror.sha384) == (official.size_bytes, official.sha384) == (18_421_831, mirror.sha384)
    assert len(bytes.fromhex(mirror.sha384)) == 48
