"""A training run's state on disk: written whole or not at all, and read back to go on where it stopped."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import torch

from posestream.errors import PosestreamError

CHECKPOINT: Final = "checkpoint.pt"
LOG: Final = "log.jsonl"


class RunError(PosestreamError):
    """A training run can not be read or written, or is another one than was asked for."""


def save(folder: Path, state: dict[str, Any]) -> Path:
    """Write the state of a run into its folder, replacing the one before in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / CHECKPOINT
    staging = target.with_suffix(".part")
    with staging.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(staging, target)
    return target


def read(folder: Path) -> dict[str, Any] | None:
    """Return the state of the run in a folder, or None where there is none yet.

    Raises:
        RunError: there is one, and it is damaged.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise RunError(f"{path} is no checkpoint of a training run ({error}); remove it to start anew") from error
    return state


class Log:
    """A line of JSON for every so many frames, for plots; lines after the checkpoint that a run goes on from go."""

    def __init__(self, folder: Path, frames: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / LOG
        if self._path.exists():
            lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["frames"] <= frames]
            self._path.write_text("".join(kept), encoding="utf-8")

    def write(self, **values: float) -> None:
        """Add a line; `frames` is among the values."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
