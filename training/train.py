"""`python -m training train`: from nothing, or where it stopped, to the network as OpenVINO IR."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import Field, field_validator
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from posestream.service.process import StopSignal
from posestream.service.settings import Settings
from posestream.service.settings import load as load_settings
from training.batches import Sample, load
from training.checkpoints import Log, RunError, read, save
from training.export import export
from training.plan import FULL_SIZE_WH, SEEDS_PER_RUN, Plan
from training.scenes import sample_frame
from training.trainer import Options, Trainer
from workers.model.contract import STRIDE_PX
from workers.networks import TRAINED_NETWORK

PROGRAM: Final = "python -m training train"
LOGGED_EVERY: Final = 50  # batches


class TrainSettings(Settings):
    """Train the demo network on synthetic scenes and write it as OpenVINO IR; goes on where it stopped."""

    run: Path = Path("runs/demo")
    """Folder of the training run: its checkpoint and its log."""
    output: Path = TRAINED_NETWORK
    """File (.xml) to write at the end; the weights (.bin) go beside it."""
    frames: int = Field(830_000, ge=1, le=SEEDS_PER_RUN)
    """How many frames to learn from; each that is drawn counts four times, never seen twice in the same way."""
    seed: int = Field(0, ge=0, le=1000)
    """What the first weights and the frames follow from."""
    batch: int = Field(8, ge=1, le=1024)
    """Frames in each batch."""
    widths: tuple[int, ...] = (FULL_SIZE_WH[0], FULL_SIZE_WH[0], 320, 256)
    """Widths of the frames in pixels, each as likely (a width given twice is twice as likely); 256 high."""
    full_size_share: float = Field(0.15, ge=0, le=1)
    """Share of the run, at its end, with frames of the full width alone."""
    rate: float = Field(2e-3, gt=0)
    """The highest learning rate; it rises at first, and falls to zero over the last quarter of the run."""
    processes: int = Field(2, ge=0)
    """Processes that draw the frames; 0: the training draws them itself."""
    threads: int | None = Field(None, ge=1)
    """CPU threads of the training, by default one for each core."""
    bf16: bool = True
    """Compute the convolutions in bfloat16."""
    save_seconds: float = Field(60.0, gt=0)
    """How often to write the checkpoint."""
    export: bool = True
    """Write the network at the end."""

    @field_validator("widths")
    @classmethod
    def _check_widths(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if not widths or any(width % STRIDE_PX or width < STRIDE_PX for width in widths):
            raise ValueError(f"widths must be multiples of {STRIDE_PX}, not {widths}")
        return widths

    @property
    def plan(self) -> Plan:
        """The frames of the run."""
        return Plan(self.seed * SEEDS_PER_RUN, self.frames, self.batch, self.widths, self.full_size_share)

    def same_run(self) -> dict[str, Any]:
        """What must not change when a run goes on; how long it is to be may."""
        return {"seed": self.seed, "batch": self.batch, "widths": list(self.widths)}


def main(argv: list[str]) -> int:
    """Train, or go on training, and export."""
    settings = load_settings(TrainSettings, argv, program=PROGRAM, table="training")
    stop = StopSignal()
    stop.listen()
    console = Console(stderr=True)
    finished = train(settings, sample_frame, f"{PROGRAM} {shlex.join(argv)}".strip(), stop, console)
    if not finished:
        console.print(f"stopped; the same command goes on from {settings.run}")
    elif settings.export:
        print(export(settings.run, settings.output))  # noqa: T201
    return 0


def train(settings: TrainSettings, sample: Sample, command: str, stop: StopSignal, console: Console) -> bool:
    """Train until the planned frames are used up (returns True) or asked to stop; writes the checkpoint in both cases.

    Raises:
        RunError: the folder has a run with other settings, or a damaged one.
    """
    torch.set_flush_denormal(True)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    options = Options(seed=settings.seed, rate=settings.rate, bf16=settings.bf16)
    trainer = Trainer(options, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    _resume(trainer, settings)
    keep = _Keeper(trainer, settings, command)
    with _progress(console) as progress:
        meter = _Meter(progress, settings, trainer.batches * settings.batch)
        plan = settings.plan
        for batch in load(plan, sample, first_batch=trainer.batches, processes=settings.processes):
            meter.add(trainer.step(batch, trainer.batches / plan.batches))
            keep.now_and_then()
            if stop.is_set():
                break
    keep.now()
    return trainer.batches >= plan.batches


def _resume(trainer: Trainer, settings: TrainSettings) -> None:
    state = read(settings.run)
    if state is None:
        return
    if state["same_run"] != settings.same_run():
        raise RunError(
            f"{settings.run} has a run with {state['same_run']}, not {settings.same_run()}; "
            "give the same settings to go on with it, or another folder with --run"
        )
    trainer.restore(state)


class _Keeper:
    """Writes the checkpoint every so many seconds."""

    def __init__(self, trainer: Trainer, settings: TrainSettings, command: str) -> None:
        self._trainer = trainer
        self._settings = settings
        self._command = command
        self._saved_s = time.monotonic()

    def now_and_then(self) -> None:
        if time.monotonic() - self._saved_s >= self._settings.save_seconds:
            self.now()

    def now(self) -> None:
        frames = self._trainer.batches * self._settings.batch
        history = {"command": self._command, "seed": self._settings.seed, "frames": frames}
        save(self._settings.run, self._trainer.state() | {"same_run": self._settings.same_run(), "history": history})
        self._saved_s = time.monotonic()


class _Meter:
    """Shows how the training goes, and writes it to the log of the run."""

    def __init__(self, progress: Progress, settings: TrainSettings, frames: int) -> None:
        self._progress = progress
        self._batch = settings.batch
        self._frames = frames
        self._log = Log(settings.run, frames)
        self._task = progress.add_task("training", total=settings.frames, completed=frames, shown="")
        self._recent: list[dict[str, torch.Tensor]] = []
        self._since_s = time.monotonic()

    def add(self, values: dict[str, torch.Tensor]) -> None:
        self._recent.append(values)
        self._frames += self._batch
        self._progress.update(self._task, completed=self._frames)
        if len(self._recent) < LOGGED_EVERY:
            return
        now_s = time.monotonic()
        rate = len(self._recent) * self._batch / (now_s - self._since_s)
        means = {name: float(torch.stack([each[name] for each in self._recent]).mean()) for name in self._recent[0]}
        self._log.write(frames=self._frames, frames_per_second=round(rate, 2), **means)
        shown = "  ".join(f"{name} {value:.3g}" for name, value in means.items() if not name.startswith("first"))
        self._progress.update(self._task, shown=f"{rate:.1f} frames/s  {shown}")
        self._recent, self._since_s = [], now_s


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} frames"),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[shown]}"),
        console=console,
    )
