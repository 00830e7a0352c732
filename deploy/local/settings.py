"""Settings of the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field

from posestream.keys import DEFAULT_PREFIX
from posestream.service.settings import Settings, load

_SOURCE: Final = "--source"


class DemoSettings(Settings):
    """The whole system on this machine: cameras, a server, pose workers and a tracker, watched for a while."""

    source: tuple[str, ...] = ()
    """Where frames come from, as for `producer run`; give it again for more cameras. By default two synthetic
    cameras that look at one scene."""
    seconds: float = Field(30.0, ge=0)
    """How long the cameras run, from the first pose on; 0 until Ctrl-C."""
    workers: int = Field(2, ge=1, le=64)
    """Pose workers to start; they share the CPUs."""
    model: Path | None = None
    """The network (.xml). By default the demo network, which knows synthetic people; for cameras of your own the
    official one, once `python -m workers model fetch` has been run."""
    view: bool = False
    """Serve a page to watch it in a browser, too: `posestream view`. Best with --seconds 0."""
    view_port: int = Field(8640, ge=0, le=65535)
    """Port of that page, on this machine alone; 0 takes a free one."""
    output: Path = Path("build/demo")
    """Folder for the picture, the clip and the logs."""
    json_file: Path | None = Field(None, alias="json")
    """File to write the summary to, as JSON."""
    redis_url: str | None = Field(None, repr=False)
    """Server to use; by default one is started for the demo alone."""
    prefix: str = DEFAULT_PREFIX
    """First part of every key; nothing else may use it."""


def load_demo(argv: list[str]) -> DemoSettings:
    """Read the settings from environment and flags.

    Raises:
        ConfigurationError: naming every offending key.
    """
    return load(DemoSettings, _with_quoted_sources(argv), program="python -m deploy.local", table="demo")


def _with_quoted_sources(argv: list[str]) -> list[str]:
    """Return arguments with every source in double quotes: pydantic-settings would split it at its commas."""
    quoted = []
    for previous, argument in zip(["", *argv], argv, strict=False):
        if previous == _SOURCE:
            quoted.append(_quoted(argument))
        elif argument.startswith(f"{_SOURCE}="):
            quoted.append(f"{_SOURCE}={_quoted(argument.partition('=')[2])}")
        else:
            quoted.append(argument)
    return quoted


def _quoted(text: str) -> str:
    return f'"{text}"'
