"""What an evaluation says: tables for the terminal, JSON, and a folder with pictures of the frames that went worst."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from rich.table import Table

from posestream.errors import ConfigurationError
from posestream.skeleton import BONES_2D, JOINT_NAMES
from training.accuracy import Accuracy
from training.cards import markdown
from training.metrics import PCK_LIMIT_MM, SpatialFigures
from training.spatial import Looked, Spatial

Image = npt.NDArray[np.uint8]

_TRUE, _FOUND = (70, 200, 70), (60, 60, 240)
_WIDTH_PX: Final = 1280


def headline_rows(spatial: Spatial) -> list[tuple[str, str]]:
    """Return names and values of the measures that are one number each."""
    figures = spatial.figures
    return [
        ("MPJPE, absolute", _mm(figures.mpjpe_mm)),
        ("MPJPE, root-relative (pelvises on each other)", _mm(figures.root_relative_mm)),
        ("PA-MPJPE (after Procrustes alignment)", _mm(figures.aligned_mm)),
        (f"PCK3D at {PCK_LIMIT_MM:.0f} mm, root-relative", _share(figures.pck)),
        (f"AUC, 0 to {PCK_LIMIT_MM:.0f} mm", _share(figures.auc)),
        ("what Open Model Zoo calls MPJPE (another thing)", _mm(spatial.open_model_zoo_mm)),
    ]


def joint_rows(figures: SpatialFigures) -> list[tuple[str, str]]:
    """Return every joint's name and root-relative error."""
    return [(name, _mm(error)) for name, error in zip(JOINT_NAMES, figures.per_joint_mm, strict=True)]


def distance_rows(figures: SpatialFigures) -> list[tuple[str, str, str, str]]:
    """Return distances, how many people, absolute and root-relative errors."""
    return [
        (
            f"{near:g} to {far:g} m" if math.isfinite(far) else f"{near:g} m and more",
            str(count),
            _mm(own),
            _mm(relative),
        )
        for near, far, count, own, relative in figures.per_distance
        if count
    ]


def spatial_tables(spatial: Spatial) -> list[Table]:
    """Return the tables for the terminal."""
    figures = spatial.figures
    return [
        _table(f"in space, of {figures.pairs} people who were found", ("", ""), headline_rows(spatial)),
        _table("root-relative error of each joint", ("", "mm"), joint_rows(figures)),
        _table("by distance", ("", "people", "MPJPE", "root-relative"), distance_rows(figures)),
    ]


def spatial_json(spatial: Spatial) -> dict[str, Any]:
    """Return the same, ready for JSON: None where there was nothing to measure."""
    figures = spatial.figures
    return {
        "people": figures.pairs,
        "mpjpe_mm": _number(figures.mpjpe_mm),
        "root_relative_mpjpe_mm": _number(figures.root_relative_mm),
        "pa_mpjpe_mm": _number(figures.aligned_mm),
        "pck3d_150": _number(figures.pck),
        "auc_150": _number(figures.auc),
        "open_model_zoo_mpjpe_mm": _number(spatial.open_model_zoo_mm),
        "per_joint_mm": {name: _number(mm) for name, mm in zip(JOINT_NAMES, figures.per_joint_mm, strict=True)},
        "per_distance": [
            {
                "from_m": near,
                "to_m": _number(far),
                "people": count,
                "mpjpe_mm": _number(own),
                "root_relative_mpjpe_mm": _number(relative),
            }
            for near, far, count, own, relative in figures.per_distance
        ],
    }


def write_report(folder: Path, title: str, measured: Mapping[str, Accuracy], spatial: Spatial) -> None:
    """Write `report.md` with all tables and, beside it, pictures of the worst frames.

    Raises:
        ConfigurationError: the folder can not be written to.
    """
    figures = spatial.figures
    lines = [f"# {title}", "", markdown(measured, ["By the rules of `training/ACCURACY.md`:"]), ""]
    for heading, columns, rows in (
        ("In space", ("", ""), headline_rows(spatial)),
        ("Joints", ("joint", "root-relative, mm"), joint_rows(figures)),
        ("Distances", ("", "people", "MPJPE, mm", "root-relative, mm"), distance_rows(figures)),
    ):
        lines += [f"## {heading}", "", *_markdown_table(columns, rows), ""]
    lines += ["## The frames that went worst", "", "Green is the truth, red what was found.", ""]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for place, looked in enumerate(spatial.worst, 1):
            name = f"worst-{place}.jpg"
            _, packed = cv2.imencode(".jpg", _picture(looked), [cv2.IMWRITE_JPEG_QUALITY, 85])
            (folder / name).write_bytes(packed.tobytes())
            lines += [f"{place}. {looked.frame.name}: {_said(looked)}", "", f"   ![]({name})", ""]
        (folder / "report.md").write_text("\n".join(lines), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{folder}: {error.strerror or error}") from error


def _said(looked: Looked) -> str:
    found, true = len(looked.people), len(looked.frame.truth)
    return f"{found} found, {true} there, {looked.badness:.0f} mm in all (500 for everybody missed or nobody)"


def _picture(looked: Looked) -> Image:
    image = looked.frame.image
    scale = min(1.0, _WIDTH_PX / image.shape[1])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    canvas = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    for joints_px, colour in (
        *((joints, _TRUE) for joints in looked.frame.truth.joints_px),
        *((person.joints_px, _FOUND) for person in looked.people),
    ):
        _draw(canvas, joints_px * scale, colour)
    return canvas


def _draw(canvas: Image, joints_px: npt.NDArray[np.float32], colour: tuple[int, int, int]) -> None:
    usable = np.asarray((np.abs(joints_px) < 1e4).all(axis=1))  # also not NaN
    places = [(int(x), int(y)) for x, y in np.where(usable[:, None], joints_px, 0)]
    for start, end in BONES_2D:
        if usable[start] and usable[end]:
            cv2.line(canvas, places[start], places[end], colour, 2, cv2.LINE_AA)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, show_header=any(columns))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    head = ["| " + " | ".join(columns) + " |", "|---|" + "---:|" * (len(columns) - 1)]
    return head + ["| " + " | ".join(row) + " |" for row in rows]


def _mm(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1%}"


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
