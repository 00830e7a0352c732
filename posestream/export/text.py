"""A recording as text: a table of comma-separated values, or a JSON object per line."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from posestream.export.table import columns, rows
from posestream.frames import PoseFrame
from posestream.plain import M_DIGITS, PX_DIGITS

_DIGITS: Final = {"m": M_DIGITS, "px": PX_DIGITS, "confidence": 4}


def write_csv(frames: Iterable[PoseFrame], path: Path, coordinates: tuple[str, ...]) -> tuple[int, int]:
    """Write a table with these coordinates (see `posestream.export.table`).

    Returns:
        How many frames it holds, and how many of their people have none of these coordinates, so that their metres are
        empty.
    """
    names = columns(coordinates)
    count = without = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for frame in frames:
            count += 1
            without += sum(all(getattr(one, which) is None for which in coordinates) for one in frame.people)
            for head, numbers in rows(frame, coordinates):
                digits = [_DIGITS[name.rpartition("_")[2]] for name in names[len(head) :]]
                values = [
                    "" if value != value else f"{value:.{places}f}"  # noqa: PLR0124 - NaN is what is not itself
                    for value, places in zip(numbers.tolist(), digits, strict=True)
                ]
                score = head[-1]
                writer.writerow([*head[:-1], "" if score is None else f"{score:.4f}", *values])
    return count, without


def write_jsonl(frames: Iterable[PoseFrame], path: Path) -> int:
    """Write a JSON object per frame and line; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for frame in frames:
            file.write(frame.to_json() + "\n")
            count += 1
    return count
