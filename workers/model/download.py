"""Downloads one file whose size and checksum are known, going on after broken connections."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from posestream.errors import ModelError
from workers.model.files import staging_folder

Progress = Callable[[int], None]
"""Called with the number of bytes there are so far."""

_TRY_AGAIN = {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file to download, and what it must be once it is here; `sha384` in hexadecimal."""

    url: str
    size_bytes: int
    sha384: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server, and how often to come back to it."""

    connect_s: float = 10.0
    silence_s: float = 30.0
    """The longest time without a byte."""
    total_s: float = 1800.0
    attempts: int = 6
    first_pause_s: float = 0.5
    longest_pause_s: float = 10.0


class _InterruptedDownloadError(Exception):
    """The connection broke or the server is not well; going on later may help."""


def download(remote: RemoteFile, target: Path, *, patience: Patience, on_progress: Progress) -> bool:
    """Bring the file to `target`; return False where it was there already, verified.

    It is written under a temporary name beside the target and renamed once its size and checksum are right. Raises
    ModelError where it cannot be had or is not what it should be; then nothing is left behind.
    """
    if _is_verified(target, remote):
        on_progress(remote.size_bytes)
        return False
    with staging_folder(target) as staging:
        partial = staging / target.name
        with partial.open("w+b") as file:
            _fill(file, remote, patience, on_progress)
            os.fsync(file.fileno())
        _verify(partial, remote)
        os.replace(partial, target)
    return True


def _fill(file: IO[bytes], remote: RemoteFile, patience: Patience, on_progress: Progress) -> None:
    """Download into the file, attempt after attempt, each going on where the last one ended."""
    deadline_s = time.monotonic() + patience.total_s
    attempts = Retrying(
        retry=retry_if_exception_type(_InterruptedDownloadError),
        stop=stop_after_attempt(patience.attempts),
        wait=wait_random_exponential(multiplier=patience.first_pause_s, max=patience.longest_pause_s),
        reraise=True,
    )
    try:
        with _client(patience) as client:
            attempts(_attempt, client, file, remote, deadline_s, on_progress)
    except _InterruptedDownloadError as error:
        raise ModelError(
            f"cannot download {remote.url}: {error}; attempts made: {patience.attempts}. Without a network, get this "
            f"file of {remote.size_bytes} bytes by other means and give it to: python -m workers model convert FILE"
        ) from error


def _client(patience: Patience) -> httpx.Client:
    # "identity": what is counted and resumed are the file's own bytes.
    return httpx.Client(
        timeout=httpx.Timeout(patience.silence_s, connect=patience.connect_s),
        follow_redirects=True,
        max_redirects=5,
        headers={"Accept-Encoding": "identity"},
    )


def _attempt(
    client: httpx.Client, file: IO[bytes], remote: RemoteFile, deadline_s: float, on_progress: Progress
) -> None:
    have_bytes = file.seek(0, os.SEEK_END)
    try:
        with client.stream(
            "GET", remote.url, headers={"Range": f"bytes={have_bytes}-"} if have_bytes else {}
        ) as response:
            _begin(file, response, remote, have_bytes)
            _append(file, response, remote, deadline_s, on_progress)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
        raise ModelError(f"cannot download {remote.url}: {error}; check the address given with --url") from error
    except httpx.TransportError as error:
        raise _InterruptedDownloadError(str(error) or type(error).__name__) from error


def _begin(file: IO[bytes], response: httpx.Response, remote: RemoteFile, have_bytes: int) -> None:
    """Check the answer's head, and go back to the file's start where the server sends all of it again."""
    status = response.status_code
    if status in _TRY_AGAIN or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        file.truncate(0 if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE else have_bytes)
        raise _InterruptedDownloadError(f"the server answers {status} {response.reason_phrase}")
    resumed = status == httpx.codes.PARTIAL_CONTENT and _range_start(response) == have_bytes > 0
    if not resumed and status != httpx.codes.OK:
        raise ModelError(
            f"cannot download {remote.url}: the server answers {status} {response.reason_phrase}; check the address, "
            f"or get the file by other means and give it to: python -m workers model convert FILE"
        )
    start = have_bytes if resumed else 0
    file.seek(start)
    file.truncate()
    offered = response.headers.get("Content-Length", "")
    if offered.isdecimal() and start + int(offered) != remote.size_bytes:
        raise _wrong_size(remote, f"{start + int(offered)}")


def _range_start(response: httpx.Response) -> int | None:
    """Where the part sent starts, from `Content-Range: bytes 100-199/200`; None where it does not say."""
    unit, _, span = response.headers.get("Content-Range", "").partition(" ")
    first = span.partition("-")[0]
    return int(first) if unit == "bytes" and first.isdecimal() else None


def _append(
    file: IO[bytes], response: httpx.Response, remote: RemoteFile, deadline_s: float, on_progress: Progress
) -> None:
    # No size of chunks is asked for: what has not filled one would be lost with the connection.
    for chunk in response.iter_raw():
        if file.tell() + len(chunk) > remote.size_bytes:
            raise _wrong_size(remote, f"more than {remote.size_bytes}")
        file.write(chunk)
        on_progress(file.tell())
        if time.monotonic() > deadline_s:
            raise ModelError(
                f"{remote.url} is too slow: {file.tell()} of {remote.size_bytes} bytes when time was up; "
                f"raise --total-seconds, or try a mirror with --url"
            )
    if file.tell() < remote.size_bytes:
        raise _InterruptedDownloadError(f"the connection ended after {file.tell()} of {remote.size_bytes} bytes")


def _is_verified(path: Path, remote: RemoteFile) -> bool:
    try:
        return path.stat().st_size == remote.size_bytes and _sha384(path) == remote.sha384
    except OSError:
        return False  # if there is more wrong than that it is missing, writing it says so


def _verify(path: Path, remote: RemoteFile) -> None:
    digest = _sha384(path)
    if digest != remote.sha384:
        raise ModelError(
            f"{remote.url} is not the file it should be: its SHA-384 is {digest}, not {remote.sha384}; "
            f"it is damaged or another version, so try again or another mirror with --url"
        )


def _sha384(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha384").hexdigest()


def _wrong_size(remote: RemoteFile, got: str) -> ModelError:
    return ModelError(
        f"{remote.url} is not the file it should be: the server offers {got} bytes, not {remote.size_bytes}; "
        f"check the address given with --url"
    )
