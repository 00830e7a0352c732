"""Composition root of the model tool."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_settings import BaseSettings, CliApp, SettingsConfigDict, SettingsError

from posestream.errors import ConfigurationError
from posestream.service.settings import explain
from workers.model.cli import ModelCommand

PROGRAM = "python -m workers model"


class ModelTool(ModelCommand, BaseSettings):
    """Fetch, convert and describe pose networks."""

    model_config = SettingsConfigDict(cli_prog_name=PROGRAM, cli_kebab_case=True, cli_exit_on_error=False)


def main(argv: list[str]) -> int:
    """Run the subcommand that the arguments name."""
    try:
        CliApp.run(ModelTool, cli_args=argv or ["--help"])
    except ValidationError as error:
        raise ConfigurationError(explain(error, program=PROGRAM)) from error
    except SettingsError as error:
        raise ConfigurationError(f"{PROGRAM}: {error.__cause__ or error} (see {PROGRAM} --help)") from error
    return 0
