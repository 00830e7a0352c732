"""Calibration files: JSON, and what OpenCV's FileStorage reads (YAML, XML)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from posestream.errors import ConfigurationError, MessageError
from producer.calibration.formats import World, read_map
from producer.calibration.values import Calibration
from producer.opencv import cv2

MAX_BYTES: Final = 4 * 1024 * 1024
_DEEPEST: Final = 64
_NEITHER: Final = "neither JSON nor YAML or XML as OpenCV writes it"


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
        text = data.decode("utf-8-sig")  # editors on Windows begin files with a mark
    except UnicodeDecodeError as error:
        raise ConfigurationError("not text") from error
    if text.lstrip().startswith("{"):
        return _parsed_json(text)
    return _parsed_storage(text)


def _parsed_json(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"not JSON that can be read: {error}") from error
    assert isinstance(content, dict)  # it starts with a brace
    return content


def _parsed_storage(text: str) -> dict[str, Any]:
    if _depth(text) > _DEEPEST:  # OpenCV's readers would overflow the stack
        raise ConfigurationError(f"nested more than {_DEEPEST} deep: not a calibration")
    if not text.startswith(("%YAML", "<?xml")):
        text = "%YAML:1.0\n---\n" + text.removeprefix("---\n")
    try:
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        content = _plain_node(storage.root())
    except (cv2.error, SystemError, RecursionError) as error:
        raise ConfigurationError(_NEITHER) from error
    if not isinstance(content, dict) or not content:
        raise ConfigurationError(_NEITHER)
    return content


def _depth(text: str) -> int:
    """Return how deep tags, brackets, or entries of one line are within each other, at most; indents do not count."""
    if text.startswith("<?xml"):
        return max(accumulate(-1 if tag[1] == "/" else 1 for tag in re.findall(r"<[/\w]", text)), default=0)
    brackets = max(accumulate(1 if bracket in "[{" else -1 for bracket in re.findall(r"[][{}]", text)), default=0)
    parts = (part for line in text.splitlines() if not line.lstrip().startswith("#") for part in line.split(","))
    return max(brackets, *(part.count("- ") + part.count(":") for part in parts), 0)


def _plain_node(node: Any) -> Any:
    if node.isMap():
        keys = node.keys()
        if "data" in keys:
            return _plain_node(node.getNode("data"))
        return {key: _plain_node(node.getNode(key)) for key in keys}
    if node.isSeq():
        return [_plain_node(node.at(index)) for index in range(node.size())]
    return node.string() if node.isString() else node.real()
