"""Reads files within a limit and writes them whole or not at all; says in one sentence why either cannot be done."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from posestream.errors import ModelError

# The official checkpoint has 20 MB; ten times that is still a network of this kind.
MAX_FILE_BYTES = 256 * 1024 * 1024


def read_file(path: Path) -> bytes:
    """Return a file's bytes; raises ModelError where it is missing, unreadable, empty or over `MAX_FILE_BYTES`."""
    try:
        with path.open("rb") as file:
            # One byte more than allowed is enough to know, whatever kind of file this is.
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise ModelError(
            f"there is no file {path}; check the path, or fetch it: python -m workers model fetch"
        ) from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    if not content:
        raise ModelError(f"{path} is empty; get it anew")
    if len(content) > MAX_FILE_BYTES:
        raise ModelError(f"{path} has more than {MAX_FILE_BYTES} bytes, which no pose network does")
    return content


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal; raises ModelError as `read_file` does."""
    return hashlib.sha256(read_file(path)).hexdigest()


@contextlib.contextmanager
def staging_folder(target: Path) -> Iterator[Path]:
    """Make a folder beside `target` to write it in first; it is removed afterwards, whatever happens.

    Folders above that had to be made are removed too if nothing was moved into them. OSError inside the block, such as
    from a folder that cannot be written to, becomes ModelError.
    """
    made = [folder for folder in target.parents if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as staging:
            yield Path(staging)
    except OSError as error:
        raise ModelError(
            f"cannot write {target}: {error.strerror or error}; give a folder that can be written to with --output"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # from the first that is not empty
            for folder in made:
                folder.rmdir()
