"""Fetches the official checkpoint of human-pose-estimation-3d-0001 and converts it."""

from __future__ import annotations

from pathlib import Path

from workers.model.convert import DEFAULT_NAME, convert
from workers.model.download import Patience, Progress, RemoteFile, download
from workers.model.ir_file import Precision

OFFICIAL_URL = (
    "https://storage.openvinotoolkit.org/repositories/open_model_zoo/public/2022.1/"
    "human-pose-estimation-3d-0001/human-pose-estimation-3d.tar.gz"
)
OFFICIAL_SIZE_BYTES = 18_421_831
OFFICIAL_SHA384 = "14d1b70eb2d4102969b29c7716cbcdf9d1acd35839e044d2e62d69fbce4b98aa06cb954bb703d411cf991ffd809c6ea9"


def fetch(
    remote: RemoteFile,
    folder: Path,
    name: str = DEFAULT_NAME,
    *,
    precision: Precision = Precision.FP32,
    patience: Patience,
    on_progress: Progress,
) -> Path:
    """Download the checkpoint to `folder/name.tar.gz` unless it is there, convert it, return the path of the .xml.

    Raises ModelError where it cannot be had, is not what it should be, or cannot be converted.
    """
    archive = folder / f"{name}.tar.gz"
    download(remote, archive, patience=patience, on_progress=on_progress)
    return convert(archive, folder, name, precision=precision)


def official_checkpoint(url: str = OFFICIAL_URL) -> RemoteFile:
    """The official checkpoint, which a mirror may have at another address but must have byte for byte."""
    return RemoteFile(url, OFFICIAL_SIZE_BYTES, OFFICIAL_SHA384)
