"""The model tool's command line: `python -m workers model fetch | convert | info`."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from pydantic_settings import CliApp, CliImplicitFlag, CliPositionalArg, CliSubCommand
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from workers.model.contract import MeanScale
from workers.model.convert import DEFAULT_NAME, convert
from workers.model.download import Patience
from workers.model.fetch import OFFICIAL_URL, fetch, official_checkpoint
from workers.model.info import NetworkInfo, describe
from workers.model.ir_file import Precision

DEFAULT_FOLDER = Path("models")
URL_VARIABLE = "POSESTREAM_CHECKPOINT_URL"

OutputFolder = Annotated[Path, Field(description="folder to write to")]
NetworkName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$", description="name of the files to write, without a suffix"),
]
# Literals, because the command line would ask for an enum's names in capitals.
StoredPrecision = Annotated[
    Literal["fp32", "fp16"],
    Field(description="how weights are stored: fp32, or fp16 for half the size and a little less accuracy"),
]


class Fetch(BaseModel):
    """Download the official checkpoint, verify its size and SHA-384, and convert it."""

    url: str = Field(
        default=OFFICIAL_URL, description=f"address of the official .tar.gz or of a mirror's; also by {URL_VARIABLE}"
    )
    output: OutputFolder = DEFAULT_FOLDER
    name: NetworkName = DEFAULT_NAME
    precision: StoredPrecision = "fp32"
    attempts: int = Field(default=6, ge=1, le=100, description="how often to connect before giving up")
    silence_seconds: float = Field(default=30.0, gt=0, description="longest wait for the next byte, in seconds")
    total_seconds: float = Field(default=1800.0, gt=0, description="longest time for the whole download, in seconds")

    def cli_cmd(self) -> None:
        """Run `fetch`."""
        url = self.url if "url" in self.model_fields_set else os.environ.get(URL_VARIABLE, self.url)
        remote = official_checkpoint(url)
        patience = Patience(silence_s=self.silence_seconds, total_s=self.total_seconds, attempts=self.attempts)
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        with Progress("[progress.description]{task.description}", *columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("checkpoint", total=remote.size_bytes)
            written = fetch(
                remote,
                self.output,
                self.name,
                precision=Precision(self.precision),
                patience=patience,
                on_progress=lambda have_bytes: progress.update(task, completed=have_bytes),
            )
        _say_written(written)


class Convert(BaseModel):
    """Convert a checkpoint (.pth, .tar.gz), an .onnx or an IR (.xml) into the IR that the workers run."""

    file: CliPositionalArg[Path] = Field(description="the file to convert")
    output: OutputFolder = DEFAULT_FOLDER
    name: NetworkName = DEFAULT_NAME
    precision: StoredPrecision = "fp32"
    mean_scale: Literal["auto", "inside", "add"] = Field(
        default="auto",
        description="the (x - 128) / 255 of the input of an .onnx or .xml (a checkpoint always gets it): add it, take "
        "it as inside already, or auto: added to an .onnx, expected inside an .xml, and checked in both",
    )

    def cli_cmd(self) -> None:
        """Run `convert`."""
        _say_written(
            convert(
                self.file,
                self.output,
                self.name,
                precision=Precision(self.precision),
                mean_scale=MeanScale(self.mean_scale),
            )
        )


class Info(BaseModel):
    """Print a network's inputs, outputs, size, cost, precision, origin and checksums."""

    model: CliPositionalArg[Path] = Field(description="an IR (.xml), an .onnx or a checkpoint")
    as_json: CliImplicitFlag[bool] = Field(default=False, alias="json", description="print JSON instead of a table")

    def cli_cmd(self) -> None:
        """Run `info`."""
        info = describe(self.model)
        if self.as_json:
            sys.stdout.write(json.dumps(asdict(info), indent=2) + "\n")
        else:
            # A file or a pipe has no width: checksums stay in one piece there.
            Console(width=None if sys.stdout.isatty() else 120).print(_table(info))


class ModelCommand(BaseModel):
    """Fetch, convert and describe pose networks."""

    fetch: CliSubCommand[Fetch]
    convert: CliSubCommand[Convert]
    info: CliSubCommand[Info]

    def cli_cmd(self) -> None:
        """Run the subcommand that was given."""
        CliApp.run_subcommand(self)


def _say_written(path: Path) -> None:
    sys.stdout.write(f"{path}\n")


def _table(info: NetworkInfo) -> Table:
    table = Table(title=info.file, title_justify="left", show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for kind, ports in (("input", info.inputs), ("output", info.outputs)):
        for port in ports:
            table.add_row(f"{kind} {port.name}", f"{port.shape} {port.element_type}")
    table.add_row("parameters", f"{info.parameters / 1e6:.2f} M")
    table.add_row("operations", f"{info.gflops:.1f} GFLOPs for an input of 256 x 448")
    table.add_row("precision", info.precision)
    if info.provenance is None:
        table.add_row("converted from", "not recorded")
    else:
        table.add_row("converted from", info.provenance.origin)
        table.add_row("its SHA-256", info.provenance.origin_sha256)
        table.add_row("converted by", info.provenance.tool)
    for name, digest in info.sha256.items():
        table.add_row(f"SHA-256 of {Path(name).suffix}", digest)
    return table
