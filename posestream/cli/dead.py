"""`posestream dead`: list the dead letters, look at one, put frames in again, or remove them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pydantic import Field
from pydantic_settings import CliPositionalArg
from rich.table import Table
from rich.text import Text

from posestream.broker import Refusal, Shard, ShardOperations, connect, read_topology
from posestream.cli.console import table_console
from posestream.errors import BrokerError, ConfigurationError, ImageError, MessageError
from posestream.image import ImageLimits, check_image
from posestream.keys import FrameId, validate_camera_name
from posestream.messages import decode_meta
from posestream.service.settings import ConnectionSettings, load

_PROGRAM: Final = "posestream dead"
_NO_LIMITS: Final = ImageLimits(max_bytes=2**62, max_pixels=2**62)  # only the header is read
_REFUSALS: Final = {
    "image": "no image was kept of it ({detail}), so there is nothing to put in again",
    "camera": "its camera {detail!r} has been removed",
    "backlog": "the shard is full ({detail}): wait until it has drained",
}


class ListSettings(ConnectionSettings):
    """List dead letters, newest first: which frame, why, and what the error was."""

    camera: str | None = None
    """Only of this camera."""
    count: int = Field(50, ge=1, le=100_000)
    """At most so many of each shard."""
    json_lines: bool = Field(False, alias="json")
    """One JSON object per line, for pipes."""


class ShowSettings(ConnectionSettings):
    """Tell all about one dead letter."""

    letter: CliPositionalArg[str]
    """Its id, as `posestream dead` lists it."""
    image: Path | None = None
    """File to save its image to, just as it was admitted."""
    json_lines: bool = Field(False, alias="json")
    """As a JSON object."""


class RequeueSettings(ConnectionSettings):
    """Put frames in again: each is admitted as a new frame of its camera, and its letter goes."""

    letters: CliPositionalArg[list[str]] = Field(default_factory=list)
    """Ids, as `posestream dead` lists them."""
    camera: str | None = None
    """All of this camera's letters that have an image, oldest first."""


class PurgeSettings(ConnectionSettings):
    """Remove dead letters for good."""

    letters: CliPositionalArg[list[str]] = Field(default_factory=list)
    """Ids, as `posestream dead` lists them."""
    camera: str | None = None
    """All of this camera's."""
    all: bool = False
    """All there are."""


def main(argv: list[str]) -> int:
    """List dead letters, or do with them what the first argument says."""
    commands: dict[str, Callable[[list[str]], int]] = {"show": _show, "requeue": _requeue, "purge": _purge}
    if argv and argv[0] == "list":
        argv = argv[1:]
    elif argv and argv[0] in commands:
        return commands[argv[0]](argv[1:])
    return _list(load(ListSettings, argv, program=_PROGRAM, table="dead"))


def _shards(settings: ConnectionSettings) -> Iterator[ShardOperations]:
    client = connect(settings.redis_url, name="dead")
    for keys in read_topology(client, settings.prefix).all_keys():
        yield ShardOperations(Shard(client, keys))


# List and show --------------------------------------------------------------------------------------------------------


def _list(settings: ListSettings) -> int:
    letters = [
        letter
        for shard in _shards(settings)
        for letter in shard.dead_letters(count=settings.count)
        if settings.camera in (None, letter.get("camera"))
    ]
    if settings.json_lines:
        for letter in letters:
            print(json.dumps(letter))  # noqa: T201
    elif letters:
        table_console().print(_table(letters))
    else:
        print("no dead letters")  # noqa: T201
    return 0


def _table(letters: list[dict[str, str]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("letter", "when", "camera", "seq", "reason", "tries", "image", "error"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("letter", "when", "seq", "tries", "image"))
    for letter in letters:
        when = time.strftime("%m-%d %H:%M:%S", time.localtime(FrameId.parse(letter["letter"]).ms / 1000))
        size = int(letter["image_bytes"])
        table.add_row(
            letter["letter"],
            when,
            *(Text(letter.get(name, "")) for name in ("camera", "seq")),
            Text(letter.get("reason", ""), "red"),
            letter.get("deliveries", ""),
            f"{size / 1024:.0f} KiB" if size else "none",
            Text(letter.get("error", "")),
        )
    return table


def _show(argv: list[str]) -> int:
    settings = load(ShowSettings, argv, program=f"{_PROGRAM} show", table="dead")
    letter_id = _checked(settings.letter)
    for shard in _shards(settings):
        found = shard.dead_letter(letter_id)
        if found is not None:
            letter, binary = found
            _tell(letter | _described(binary), as_json=settings.json_lines)
            if settings.image is not None:
                _save(binary.get("image", b""), settings.image)
            return 0
    raise _unknown(letter_id)


def _described(binary: dict[str, bytes]) -> dict[str, str]:
    """Return what can be said of a letter's image and metadata, as far as they can be read."""
    facts: dict[str, str] = {}
    if binary.get("image"):
        try:
            header = check_image(binary["image"], _NO_LIMITS)
            facts["image"] = f"{header.format} {header.width}x{header.height}"
        except ImageError as error:
            facts["image"] = f"can not be read: {error}"
    if binary.get("meta"):
        try:
            meta = decode_meta(binary["meta"])
            facts["captured_ms"], facts["clock"] = str(meta.captured_ms), meta.clock.value
        except MessageError as error:
            facts["meta"] = f"can not be read: {error}"
    return facts


def _tell(facts: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts))  # noqa: T201
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, Text(value))
    table_console().print(table)


def _save(image: bytes, path: Path) -> None:
    if not image:
        raise ConfigurationError("no image was kept of this frame, so there is none to save")
    try:
        path.write_bytes(image)
    except OSError as error:
        raise ConfigurationError(f"--image {path}: {error.strerror or error}") from error
    print(f"image saved to {path}")  # noqa: T201


# Requeue and purge ----------------------------------------------------------------------------------------------------


def _requeue(argv: list[str]) -> int:
    settings = load(RequeueSettings, argv, program=f"{_PROGRAM} requeue", table="dead")
    if bool(settings.letters) == (settings.camera is not None):
        raise ConfigurationError("give the ids of letters, or --camera NAME for all of a camera's")
    done = 0
    for shard, letter in _wanted(settings):
        answer = shard.requeue(letter)
        if isinstance(answer, Refusal):
            raise BrokerError(f"letter {letter}: {_REFUSALS[answer.reason].format(detail=answer.detail)}")
        if answer is not None:
            print(f"{letter}: in again as frame {answer[0]}, number {answer[1]} of its camera")  # noqa: T201
            done += 1
    if not done:
        raise ConfigurationError("there is no such dead letter that has an image; `posestream dead` lists them")
    return 0


def _wanted(settings: RequeueSettings) -> Iterator[tuple[ShardOperations, str]]:
    shards = list(_shards(settings))
    if settings.camera is None:
        for letter in map(_checked, settings.letters):
            holders = [shard for shard in shards if shard.dead_letter(letter) is not None]
            if not holders:
                raise _unknown(letter)
            yield holders[0], letter
        return
    camera = validate_camera_name(settings.camera)
    for shard in shards:
        for facts in reversed(shard.dead_letters(count=100_000)):
            if facts.get("camera") == camera and facts["image_bytes"] != "0":
                yield shard, facts["letter"]


def _purge(argv: list[str]) -> int:
    settings = load(PurgeSettings, argv, program=f"{_PROGRAM} purge", table="dead")
    if sum((bool(settings.letters), settings.camera is not None, settings.all)) != 1:
        raise ConfigurationError("give the ids of letters, or --camera NAME, or --all")
    letters = [_checked(letter) for letter in settings.letters]
    camera = validate_camera_name(settings.camera) if settings.camera is not None else ""
    gone = sum(shard.purge(*letters, camera=camera) for shard in _shards(settings))
    print(f"{gone} dead letter{'' if gone == 1 else 's'} removed")  # noqa: T201
    return 0


def _checked(letter: str) -> str:
    try:
        return str(FrameId.parse(letter))
    except ValueError as error:
        raise ConfigurationError(f"{letter!r} is no letter's id ({error}); `posestream dead` lists them") from error


def _unknown(letter: str) -> Exception:
    return ConfigurationError(f"there is no dead letter {letter}; `posestream dead` lists them")
