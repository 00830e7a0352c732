"""Files that are written after a long run, looked at before it."""

from __future__ import annotations

import os
from pathlib import Path

from posestream.errors import ConfigurationError


def check_file(path: Path | None, flag: str) -> None:
    """See to it that a file can be written later on; None is none.

    Raises:
        ConfigurationError: it can not; names the flag, and what is wrong.
    """
    if path is None:
        return
    folder = path.parent
    if not folder.is_dir():
        raise ConfigurationError(f"{flag} {path}: there is no folder {folder}")
    if path.is_dir():
        raise ConfigurationError(f"{flag} {path}: that is a folder; name a file")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise ConfigurationError(f"{flag} {path}: can not be written")


def check_folder(path: Path | None, flag: str) -> None:
    """See to it that a folder can be made, or written to, later on; None is none.

    Raises:
        ConfigurationError: it can not; names the flag, and what is wrong.
    """
    if path is None:
        return
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise ConfigurationError(f"{flag} {path}: {there} is no folder that can be written to")
