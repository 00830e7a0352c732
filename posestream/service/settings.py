"""Settings: file < environment < flags, checked at start, with the offending key named.

A settings class is a pydantic model; its field names make the flags (`--redis-url`), the environment variables
(`POSESTREAM_REDIS_URL`) and the keys of the configuration file, and its descriptions make `--help`. In the file,
`[common]` holds what several applications share and a table named after the application what is its own.

A file is written for posestream, so that an unknown key in it is an error. The environment is everybody's: an unknown
variable there is told, and not looked at.
"""

from __future__ import annotations

import argparse
import difflib
import logging
import os
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from posestream.broker import redact
from posestream.errors import ConfigurationError
from posestream.keys import DEFAULT_PREFIX, validate_prefix

logger = logging.getLogger(__name__)

ENV_PREFIX = "POSESTREAM_"
TABLES = (
    "common",
    "producer",
    "pose",
    "track",
    "tail",
    "cameras",
    "status",
    "dead",
    "record",
    "replay",
    "export",
    "view",
    "calibrate",
    "demo",
    "training",
)
_KEYS: Final = """
    all allow_origin batch bf16 bones cache calibration calibration_camera camera cameras card charuco claim_after_ms
    config count data depth device duration events every export first_size fisheye force format fps frames from_start
    full_size_share grace_s health_port host image into intrinsics json keep_ms latest lease_ms letter letters
    listen_host log_format log_level loop max_age max_bytes max_deliveries max_image_bytes max_image_pixels max_pixels
    max_side metrics_port model networks open output overwrite pace person picture pictures placing points policy port
    precision prefix processes quality rate raw recording redis_url reorder_wait_ms replace report resume retain run
    save_seconds seconds seed shards shortest size slots source space speed square_mm squares start threads tls_cert
    tls_key token tries up view view_port wait watch widths worker_fps workers world_unit world_up
"""
KEYS: Final = frozenset(_KEYS.split())
"""Every setting of any application. They share an environment, so what is another's is no mistake there; a test holds
this to the applications, which do not know of each other."""
OTHER_KEYS: Final = frozenset({"checkpoint_url", "test_server"})
"""What variables are for that are no settings: `python -m workers model`, and the tests."""

S = TypeVar("S", bound="Settings")


class _Environment(EnvSettingsSource):
    """The environment. Lists are written with commas, as on the command line, or as JSON, for what has commas in it."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Return what a variable's text stands for, where that is more than one value."""
        if get_origin(field.annotation) in (tuple, list) and not value.lstrip().startswith("["):
            return [part.strip() for part in value.split(",") if part.strip()]
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError as error:
            raise ValueError(f"{field_name}: not JSON: {error} ({ENV_PREFIX}{field_name.upper()})") from error


class Settings(BaseSettings):
    """Base of every application's settings; `load` is how one is made."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_prefix_target="all",  # aliases, too: --json must not listen to a variable named JSON
        extra="forbid",
        frozen=True,
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_avoid_json=True,
        cli_hide_none_type=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    config: Path | None = None
    """Configuration file (TOML); its keys are these settings, under [common] and the application's own table."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put what `load` read from the file (the init values) below the environment; flags come on top."""
        return _Environment(settings_cls), init_settings


class ConnectionSettings(Settings):
    """Where the server is."""

    redis_url: str = Field("redis://127.0.0.1:6379/0", repr=False)
    """URL of the Redis (7.0 or later) or Valkey (8 or later) server: redis://, rediss://, unix:// or redis+sentinel://."""
    prefix: str = DEFAULT_PREFIX
    """First part of every key."""

    @field_validator("prefix")
    @classmethod
    def _check_prefix(cls, prefix: str) -> str:
        try:
            return validate_prefix(prefix)
        except ConfigurationError as error:
            raise ValueError(str(error)) from error


class ServiceSettings(ConnectionSettings):
    """What every long-running process has."""

    listen_host: str = "127.0.0.1"
    """Address that the metrics and health ports listen on."""
    metrics_port: int = Field(0, ge=0, le=65535)
    """Port for Prometheus; 0 takes a free one and logs it."""
    health_port: int = Field(0, ge=0, le=65535)
    """Port for /live and /ready; 0 takes a free one and logs it."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severity that is logged."""
    log_format: Literal["auto", "text", "json"] = "auto"
    """Lines for people or for machines; auto is text on a terminal, json otherwise."""


class Table(BaseModel):
    """Base of a table inside a configuration file."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def load(settings: type[S], argv: list[str], *, program: str, table: str) -> S:
    """Read settings from file, environment and flags; prints the help and exits for `--help`.

    Raises:
        ConfigurationError: naming every offending key, and where it may have come from.
    """
    path = _config_path(argv)
    construct: Callable[..., S] = settings
    try:
        loaded = construct(
            _cli_parse_args=argv,
            _cli_prog_name=program,
            _cli_exit_on_error=False,
            **read_file(path, table, settings) if path else {},
        )
    except ValidationError as error:
        raise ConfigurationError(explain(error, program=program, path=path, table=table)) from error
    except SettingsError as error:
        problem = str(error.__cause__ or error).removeprefix("error parsing CLI: ")
        raise ConfigurationError(f"{program}: {problem} (see {program} --help)") from error
    _tell_of_strangers(os.environ, loaded, program)
    return loaded


def read_file(path: Path, table: str, settings: type[Settings]) -> dict[str, Any]:
    """Return [common] and an application's own table of a configuration file, as one dict.

    What services share may be in [common] of a file that is read by a tool which does not listen or log.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"configuration file {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"configuration file {path}: not TOML: {error}") from error
    stray = [key for key, value in content.items() if not isinstance(value, dict)]
    if stray:
        raise ConfigurationError(f"configuration file {path}: put {', '.join(stray)} under [common] or [{table}]")
    unknown = content.keys() - {*TABLES, table}
    if unknown:
        raise ConfigurationError(
            f"configuration file {path}: unknown table [{min(unknown)}]; there is {', '.join(TABLES)}"
        )
    not_ours = ServiceSettings.model_fields.keys() - settings.model_fields.keys()
    common = {key: value for key, value in content.get("common", {}).items() if key not in not_ours}
    return {**common, **content.get(table, {})}


def explain(error: ValidationError, *, program: str, path: Path | None = None, table: str | None = None) -> str:
    """Turn pydantic's report into one line per key, each with the names under which the key can be set."""
    lines = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        key = ".".join(str(part) for part in item["loc"])
        where = "" if item["type"] == "extra_forbidden" else _where(item["loc"], subcommands=table is None)
        if path is not None:
            where = f"{where or 'unknown key'}, {path} [common] or [{table}]"
        lines.append(
            f"{program}: {key}: {item['msg'].removeprefix('Value error, ')}" + (f" ({where})" if where else "")
        )
    return "\n".join(lines)


def _where(location: tuple[int | str, ...], *, subcommands: bool) -> str:
    """Return the flag, and unless it is a subcommand's the environment variable, that a key is set by."""
    if subcommands:
        return f"--{str(location[-1]).replace('_', '-')}"
    name = str(location[0]) if location else ""
    return f"--{name.replace('_', '-')}, {ENV_PREFIX}{name.upper()}"


def _tell_of_strangers(names: Iterable[str], settings: Settings, program: str) -> None:
    """Log, in one line, the variables that look like settings and are none of any application."""
    own = {(field.alias or name).lower() for name, field in type(settings).model_fields.items()}
    keys = {
        name: name.lower().removeprefix(ENV_PREFIX.lower()) for name in names if name.upper().startswith(ENV_PREFIX)
    }
    strangers = {name: key for name, key in keys.items() if key not in KEYS | OTHER_KEYS | own}
    if not strangers:
        return
    if isinstance(settings, ServiceSettings):  # their log is for machines, too
        from posestream.service import logs  # noqa: PLC0415 - needs what the command line does without

        logs.configure(settings.log_level, settings.log_format)
    said = ", ".join(name + _meant(key, own) for name, key in sorted(strangers.items()))
    logger.warning("%s: no setting goes by %s: not looked at", program, said)


def _meant(key: str, own: set[str]) -> str:
    """Return which variable may have been meant, rather one of this application's; nothing where none is close."""
    for known in (own, KEYS):
        for close in difflib.get_close_matches(key, known, 1, 0.8):
            return f" (is it {ENV_PREFIX}{close.upper()}?)"
    return ""


def described(settings: Settings) -> dict[str, Any]:
    """Return settings fit for a log: without user and password in URLs."""
    values = settings.model_dump(mode="json", exclude={"config"})
    return {key: redact(value) if isinstance(value, str) and "://" in value else value for key, value in values.items()}


def _config_path(argv: list[str]) -> Path | None:
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    finder.add_argument("--config", default=os.environ.get(f"{ENV_PREFIX}CONFIG"))
    try:
        found, _ = finder.parse_known_args([argument for argument in argv if argument not in ("-h", "--help")])
    except argparse.ArgumentError:  # the flag without a value, which the real parser will complain about
        return None
    return Path(found.config) if found.config else None
