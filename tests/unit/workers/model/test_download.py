from __future__ import annotations

import hashlib
import random
import socket
import time
from pathlib import Path

import pytest

from posestream.errors import ModelError
from tests.unit.workers.model.file_server import Fault, FileServer, running
from workers.model.download import Patience, RemoteFile, download

CONTENT = random.Random(0).randbytes(300_000)
HASTE = Patience(connect_s=2, silence_s=2, total_s=20, attempts=4, first_pause_s=0.001, longest_pause_s=0.01)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def remote(url: str, content: bytes = CONTENT) -> RemoteFile:
    return RemoteFile(url, len(content), hashlib.sha384(content).hexdigest())


def fetched(server: FileServer, target: Path, patience: Patience = HASTE) -> list[int]:
    """Download what `server` should serve; return what was reported of the progress."""
    progress: list[int] = []
    assert download(remote(server.url), target, patience=patience, on_progress=progress.append)
    return progress


def refused(server: FileServer, target: Path, message: str, patience: Patience = HASTE) -> None:
    with pytest.raises(ModelError, match=message):
        download(remote(server.url), target, patience=patience, on_progress=lambda _: None)
    assert list(target.parent.iterdir()) == []


def test_a_file_is_downloaded_with_its_progress(tmp_path):
    with running(FileServer(CONTENT)) as server:
        progress = fetched(server, tmp_path / "new" / "net.tar.gz")

    assert (tmp_path / "new" / "net.tar.gz").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["net.tar.gz"]
    assert progress == sorted(progress)
    assert progress[-1] == len(CONTENT)
    assert len(progress) > 2


def test_a_verified_file_is_not_downloaded_again(tmp_path):
    target = tmp_path / "net.tar.gz"
    target.write_bytes(CONTENT)
    progress: list[int] = []

    with running(FileServer(CONTENT)) as server:
        downloaded = download(remote(server.url), target, patience=HASTE, on_progress=progress.append)

    assert not downloaded
    assert server.ranges == []
    assert progress == [len(CONTENT)]


@pytest.mark.parametrize("present", [b"", CONTENT[:-1], bytes(len(CONTENT))])
def test_a_file_that_is_not_the_verified_one_is_replaced(tmp_path, present):
    (tmp_path / "net.tar.gz").write_bytes(present)

    with running(FileServer(CONTENT)) as server:
        fetched(server, tmp_path / "net.tar.gz")

    assert (tmp_path / "net.tar.gz").read_bytes() == CONTENT


def test_after_broken_connections_the_download_goes_on_where_it_was(tmp_path):
    faults = [Fault(cut_after=100_000), Fault(cut_after=50_000), Fault(cut_after=0)]
    with running(FileServer(CONTENT, faults)) as server:
        fetched(server, tmp_path / "net.tar.gz")

    assert (tmp_path / "net.tar.gz").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-", "bytes=150000-", "bytes=150000-"]
    assert server.sent_bytes == len(CONTENT), "no byte is sent twice"


def test_a_server_that_does_not_say_lengths_is_believed_to_have_broken_off(tmp_path):
    faults = [Fault(cut_after=100_000, without_length=True)]
    with running(FileServer(CONTENT, faults, last=Fault(without_length=True))) as server:
        fetched(server, tmp_path / "net.tar.gz")

    assert server.ranges == [None, "bytes=100000-"]


def test_a_server_that_sends_everything_again_is_read_from_the_start(tmp_path):
    with running(FileServer(CONTENT, [Fault(cut_after=100_000)], last=Fault(ignore_range=True))) as server:
        progress = fetched(server, tmp_path / "net.tar.gz")

    assert (tmp_path / "net.tar.gz").read_bytes() == CONTENT
    assert progress != sorted(progress), "the progress goes back too"


def test_bytes_of_an_answer_that_was_started_over_are_forgotten(tmp_path):
    faults = [Fault(cut_after=100_000), Fault(ignore_range=True, cut_after=1000)]
    with running(FileServer(CONTENT, faults)) as server:
        fetched(server, tmp_path / "net.tar.gz")

    assert server.ranges == [None, "bytes=100000-", "bytes=1000-"]


def test_a_server_that_cannot_serve_the_rest_is_asked_for_everything(tmp_path):
    with running(FileServer(CONTENT, [Fault(cut_after=100_000), Fault(status=416)])) as server:
        fetched(server, tmp_path / "net.tar.gz")

    assert server.ranges == [None, "bytes=100000-", None]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_that_is_not_well_is_asked_again(tmp_path, status):
    with running(FileServer(CONTENT, [Fault(status=status), Fault(cut_after=1000), Fault(status=status)])) as server:
        fetched(server, tmp_path / "net.tar.gz")

    assert server.ranges == [None, None, "bytes=1000-", "bytes=1000-"]


def test_a_server_that_stays_unwell_is_given_up_with_how_to_do_without_it(tmp_path):
    message = "answers 503 Service Unavailable; attempts made: 4. .*300000 bytes.*python -m workers model convert FILE"
    with running(FileServer(CONTENT, last=Fault(status=503))) as server:
        refused(server, tmp_path / "net.tar.gz", message)

    assert len(server.ranges) == 4


@pytest.mark.parametrize("status", [404, 403, 401, 410, 204])
def test_an_address_without_the_file_is_not_asked_again(tmp_path, status):
    with running(FileServer(CONTENT, last=Fault(status=status))) as server:
        refused(server, tmp_path / "net.tar.gz", f"the server answers {status} .*check the address")

    assert len(server.ranges) == 1


def test_being_offline_is_explained(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        # Bound but not listening: a connection is refused, and nobody else can take the port.
        server = FileServer(CONTENT, url=f"http://127.0.0.1:{unused.getsockname()[1]}/net.tar.gz")
        refused(server, tmp_path / "net.tar.gz", "cannot download .*refused.*Without a network, get this file")


def test_a_server_that_falls_silent_is_given_up_in_time(tmp_path):
    started_s = time.monotonic()
    with running(FileServer(CONTENT, last=Fault(pause_s=1))) as server:
        patience = Patience(silence_s=0.1, attempts=2, first_pause_s=0.001, longest_pause_s=0.001)
        refused(server, tmp_path / "net.tar.gz", "timed out; attempts made: 2", patience)

    assert time.monotonic() - started_s < 5


def test_a_server_that_trickles_is_given_up_when_time_is_up(tmp_path):
    with running(FileServer(CONTENT, last=Fault(pause_s=0.02))) as server:
        patience = Patience(silence_s=2, total_s=0.3, attempts=2, first_pause_s=0.001)
        refused(server, tmp_path / "net.tar.gz", "is too slow: .* when time was up", patience)


def test_a_file_of_another_size_is_refused_before_it_is_read(tmp_path):
    with running(FileServer(CONTENT + bytes(10_000_000))) as server:
        refused(server, tmp_path / "net.tar.gz", "the server offers 10300000 bytes, not 300000")

    assert server.sent_bytes < 10_000_000


def test_a_file_that_does_not_end_is_read_no_further_than_the_expected_size(tmp_path):
    with running(FileServer(CONTENT + bytes(50_000_000), last=Fault(without_length=True))) as server:
        refused(server, tmp_path / "net.tar.gz", "the server offers more than 300000 bytes")

    assert server.sent_bytes < 20_000_000


def test_a_file_that_stays_too_short_is_refused(tmp_path):
    with running(FileServer(CONTENT[:-1], last=Fault(without_length=True))) as server:
        refused(server, tmp_path / "net.tar.gz", "the connection ended after 299999 of 300000 bytes")


def test_a_file_of_the_right_size_and_the_wrong_content_is_refused(tmp_path):
    with running(FileServer(bytes(len(CONTENT)))) as server:
        refused(server, tmp_path / "net.tar.gz", "its SHA-384 is [0-9a-f]{96}, not [0-9a-f]{96}")


def test_a_part_from_elsewhere_in_the_file_is_not_appended(tmp_path):
    with running(FileServer(CONTENT, [Fault(cut_after=1000)], last=Fault(range_shifted_by=500))) as server:
        refused(server, tmp_path / "net.tar.gz", "the server answers 206")


def test_redirects_are_followed(tmp_path):
    with running(FileServer(CONTENT)) as mirror, running(FileServer(b"", last=Fault(redirect_to=mirror.url))) as server:
        fetched(server, tmp_path / "net.tar.gz")

    assert (tmp_path / "net.tar.gz").read_bytes() == CONTENT


def test_redirects_in_a_circle_are_given_up(tmp_path):
    with running(FileServer(CONTENT, last=Fault(redirect_to="/again"))) as server:
        refused(server, tmp_path / "net.tar.gz", "redirects.*check the address")


@pytest.mark.parametrize(
    "url", ["", "net.tar.gz", "ftp://127.0.0.1/net.tar.gz", "http://", "http://[::bad/x", "file:///x"]
)
def test_what_is_no_web_address_is_refused_at_once(tmp_path, url):
    refused(
        FileServer(CONTENT, url=url), tmp_path / "net.tar.gz", "cannot download .*check the address given with --url"
    )


def test_a_folder_that_cannot_be_written_to_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with running(FileServer(CONTENT)) as server, pytest.raises(ModelError, match=r"cannot write .*--output"):
        download(remote(server.url), tmp_path / "file" / "net.tar.gz", patience=HASTE, on_progress=lambda _: None)

    assert server.ranges == [], "nothing is asked for that cannot be kept"
