"""Measured accuracy as tables: for the terminal, and in a model card between two markers."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.table import Table

from posestream.errors import ConfigurationError
from training.accuracy import Accuracy
from training.outputs import check_file

BEGIN: Final = "<!-- accuracy: written by python -m training evaluate -->"
END: Final = "<!-- end of accuracy -->"

_HEADINGS: Final = ("frames", "people counted", "found", "extra", "2D px", "joints found", "MPJPE mm", "depth m")

Measured = Mapping[str, Accuracy]


def table(measured: Measured, title: str) -> Table:
    """Return a table for the terminal, a row for each kind of frame."""
    shown = Table(title=title, title_justify="left", box=None, pad_edge=False)
    shown.add_column("")
    for heading in _HEADINGS:
        shown.add_column(heading, justify="right")
    for name, accuracy in measured.items():
        shown.add_row(name, *_cells(accuracy), style="bold" if name == next(iter(measured)) else None)
    return shown


def markdown(measured: Measured, remarks: Sequence[str]) -> str:
    """Return the accuracy section of a model card, without its markers: remarks, then the table."""
    lines = [*remarks, "", "| | " + " | ".join(_HEADINGS) + " |", "|---|" + "---:|" * len(_HEADINGS)]
    lines += [f"| {name} | " + " | ".join(_cells(accuracy)) + " |" for name, accuracy in measured.items()]
    return "\n".join(lines)


def check_card(card: Path | None, begin: str = BEGIN, end: str = END) -> None:
    """See to it that `rewrite` will find a card and its markers there; None is none.

    Raises:
        ConfigurationError: there is no such card, it lacks the markers, or it can not be written.
    """
    if card is not None:
        _parts(card, begin, end)
        check_file(card, "model card")


def rewrite(card: Path, section: str, begin: str = BEGIN, end: str = END) -> None:
    """Put a section between two markers of a model card, instead of what is there, in one step.

    Raises:
        ConfigurationError: there is no such card, or it lacks the markers.
    """
    before, after = _parts(card, begin, end)
    staging = card.with_name(card.name + ".part")
    staging.write_text(f"{before}{begin}\n\n{section}\n\n{end}{after}", encoding="utf-8")
    os.replace(staging, card)


def _parts(card: Path, begin: str, end: str) -> tuple[str, str]:
    """Return what is before and after the markers."""
    try:
        text = card.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"model card {card}: {error.strerror or error}") from error
    before, begun, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        raise ConfigurationError(f"model card {card}: put the lines {begin} and {end} where the figures are to go")
    return before, after


def _cells(accuracy: Accuracy) -> tuple[str, ...]:
    return (
        str(accuracy.frames),
        str(accuracy.counted),
        _percent(accuracy.found_share),
        _percent(accuracy.extra_share),
        _number(accuracy.mean_error_px, 2),
        _percent(accuracy.joints_share),
        _number(accuracy.mpjpe_mm, 1),
        _number(accuracy.depth_error_m, 2),
    )


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
