"""Calibration files: JSON, and what OpenCV's FileStorage reads (YAML, XML)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from posestream.errors import ConfigurationError, MessageError
from producer.calibration.formats import World, read_map
from producer.calibration.values import Calibration
from producer.opencv import cv2

MAX_BYTES: Final = 4 * 1024 * 1024


def read_files(paths: Sequence[Path], camera: str | None = None, world: World | None = None) -> Calibration:
    """Return what several files say together; the first that knows a lens, or a place, is believed.

    `camera` names one of several in a file. `world` says what a file's world is like where its kind does not decide.

    Raises:
        ConfigurationError: naming the file, and what is wrong with it.
    """
    found = Calibration()
    for path in paths:
        try:
            found = found.over(read_map(_content(path), camera, world or World()))
        except (ConfigurationError, MessageError) as error:
            raise ConfigurationError(f"calibration file {path}: {error}") from error
    return found


def write_file(path: Path, calibration: Calibration, report: dict[str, Any]) -> None:
    """Write a calibration, with what was measured of it, in one step.

    Raises:
        ConfigurationError: the file can not be written.
    """
    text = json.dumps(calibration.as_map() | {"report": report}, indent=2, allow_nan=False) + "\n"
    staging = path.with_name(f".{path.name}.part")
    try:
        staging.write_text(text, encoding="utf-8")
        staging.replace(path)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}") from error


def _content(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()[: MAX_BYTES + 1]
    except OSError as error:
        raise ConfigurationError(error.strerror or str(error)) from error
    if len(data) > MAX_BYTES:
        raise ConfigurationError(f"larger than {MAX_BYTES} bytes: not a calibration")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError("not text") from error
    if text.lstrip().startswith("{"):
        return _parsed_json(text)
    return _parsed_storage(text)


def _parsed_json(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"not JSON: {error}") from error
    assert isinstance(content, dict)  # it starts with a brace
    return content


def _parsed_storage(text: str) -> dict[str, Any]:
    if not text.startswith(("%YAML", "<?xml")):
        text = "%YAML:1.0\n---\n" + text.removeprefix("---\n")
    try:
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        content = _plain_node(storage.root())
    except (cv2.error, SystemError) as error:
        raise ConfigurationError("neither JSON nor YAML or XML as OpenCV writes it") from error
    if not isinstance(content, dict) or not content:
        raise ConfigurationError("neither JSON nor YAML or XML as OpenCV writes it")
    return content


def _plain_node(node: Any) -> Any:
    if node.isMap():
        keys = node.keys()
        if "data" in keys:
            return _plain_node(node.getNode("data"))
        return {key: _plain_node(node.getNode(key)) for key in keys}
    if node.isSeq():
        return [_plain_node(node.at(index)) for index in range(node.size())]
    return node.string() if node.isString() else node.real()
