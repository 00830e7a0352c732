"""Pictures of dashboards: the panels of the JSON, at their places, with what Prometheus answered to their queries.

Drawn by matplotlib, so that readers see what the panels show; it does not pretend to be Grafana.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tests.monitoring.dashboards import Panel, Query, legend
from tests.monitoring.prometheus import Series

Answer = list[tuple[Query, list[Series]]]

_COLUMN_IN: Final = 0.62  # of the 24 columns and of a unit of height in Grafana's grid
_UNIT_IN: Final = 0.34
_BACK: Final = "#16181d"
_PANEL: Final = "#1f2229"
_TEXT: Final = "#d5d8de"
_NAMED: Final = {"green": "#3f9e57", "yellow": "#e0b400", "orange": "#e8833a", "red": "#d1434b", "purple": "#9a6cd6"}
_CYCLE: Final = ("#6c9ff0", "#e0b400", "#4fb3a5", "#e8833a", "#b57edc", "#8fbf5a", "#e06c9f", "#8f9bb3")


def draw(path: Path, title: str, panels: Sequence[Panel], answers: Sequence[Answer]) -> None:
    """Draw a dashboard's panels with the answers to each one's queries."""
    rows = max(panel.place["y"] + panel.place["h"] for panel in panels)
    width_in, height_in = 24 * _COLUMN_IN, rows * _UNIT_IN + 0.6
    with mpl.rc_context(
        {"font.size": 7.5, "text.color": _TEXT, "axes.labelcolor": _TEXT, "font.family": "DejaVu Sans"}
    ):
        figure = Figure((width_in, height_in), dpi=100, facecolor=_BACK)
        note = "drawn with matplotlib from the panels' own queries to Prometheus; not a screenshot of Grafana"
        figure.text(0.1 / width_in, 1 - 0.35 / height_in, title, fontsize=12, weight="bold")
        figure.text(1 - 0.1 / width_in, 1 - 0.33 / height_in, note, fontsize=8, ha="right", alpha=0.7)
        for panel, answer in zip(panels, answers, strict=True):
            left, top = panel.place["x"] * _COLUMN_IN, panel.place["y"] * _UNIT_IN + 0.55
            if panel.kind == "row":
                figure.text(
                    0.1 / width_in, 1 - (top + 0.26) / height_in, f"▾ {panel.title}", fontsize=9.5, weight="bold"
                )
                continue
            across, down = panel.place["w"] * _COLUMN_IN, panel.place["h"] * _UNIT_IN
            box = (left / width_in, 1 - (top + down) / height_in, across / width_in, down / height_in)
            _DRAWERS[panel.kind](figure, box, panel, answer)
        figure.savefig(path, facecolor=_BACK, pil_kwargs={"quality": 85})


Box = tuple[float, float, float, float]


def _frame(figure: Figure, box: Box, title: str) -> Any:
    """Draw a panel's background and title; returns axes that fill it."""
    left, bottom, width, height = box
    gap_x, gap_y = 0.05 / figure.get_figwidth(), 0.04 / figure.get_figheight()
    axes = figure.add_axes((left + gap_x, bottom + gap_y, width - 2 * gap_x, height - 2 * gap_y), facecolor=_PANEL)
    axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
    axes.spines[:].set_visible(False)
    axes.text(0.02, 1 - 0.07 / figure.get_figheight() / height, title, va="top", fontsize=8, weight="bold")
    return axes


def _number(figure: Figure, box: Box, panel: Panel, answer: Answer) -> None:
    axes = _frame(figure, box, panel.title)
    [(_, series)] = answer
    value = series[0].values[0] if series else math.nan
    words = {key: one for mapping in panel.defaults.get("mappings", []) for key, one in mapping["options"].items()}
    word = words.get(f"{value:g}")
    axes.set_facecolor(_NAMED[word["color"] if word else _step_colour(panel, value)])
    text = word["text"] if word else _formatted(panel, value)
    axes.text(0.5, 0.38, text, ha="center", va="center", fontsize=17, color="white")


def _bars(figure: Figure, box: Box, panel: Panel, answer: Answer) -> None:
    axes = _frame(figure, box, panel.title)
    [(query, series)] = answer
    for number, one in enumerate(sorted(series, key=lambda one: -one.values[0])[:8]):
        value, y = float(one.values[0]), 0.78 - 0.1 * number
        axes.barh(y, 0.5, 0.06, 0.28, color="#2b2f38")
        axes.barh(y, max(0.003, 0.5 * value), 0.06, 0.28, color=_NAMED[_step_colour(panel, value)])
        axes.text(0.26, y, legend(query.legend, one.labels), ha="right", va="center")
        axes.text(0.8, y, _formatted(panel, value), va="center")


def _lines(figure: Figure, box: Box, panel: Panel, answer: Answer) -> None:
    axes = _frame(figure, box, panel.title)
    inner = axes.inset_axes((0.11, 0.22, 0.86, 0.64), facecolor=_PANEL)
    end_s = max((one.times_s[-1] for _, series in answer for one in series), default=0.0)
    named = [(legend(query.legend, one.labels), one) for query, series in answer for one in series]
    fixed = {
        rule["matcher"]["options"]: rule["properties"][0]["value"]["fixedColor"]
        for rule in panel.content["fieldConfig"]["overrides"]
    }
    colours = [_NAMED[fixed[name]] if name in fixed else _CYCLE[n % len(_CYCLE)] for n, (name, _) in enumerate(named)]
    custom = panel.defaults.get("custom", {})
    base: Any = 0.0
    for (name, one), colour in zip(named, colours, strict=True):
        minutes, values = (one.times_s - end_s) / 60, np.where(np.isfinite(one.values), one.values, np.nan)
        if custom.get("stacking", {}).get("mode") == "normal":
            steps, values = _on_common_times(named, one), np.nan_to_num(_aligned(named, one))
            minutes = (steps - end_s) / 60
            inner.fill_between(minutes, base, base + values, color=colour, alpha=0.55, linewidth=0, label=name)
            base = base + values
        else:
            inner.plot(minutes, values, color=colour, linewidth=1.2, label=name)
    _finish_axes(inner, panel, custom, len(named))


def _on_common_times(named: Sequence[tuple[str, Series]], _: Series) -> Any:
    return np.unique(np.concatenate([one.times_s for _, one in named]))


def _aligned(named: Sequence[tuple[str, Series]], one: Series) -> Any:
    """Return a series' values at the times of all series of its panel, NaN where it has none."""
    times = _on_common_times(named, one)
    values = np.full(len(times), np.nan)
    values[np.searchsorted(times, one.times_s)] = one.values
    return values


def _finish_axes(inner: Any, panel: Panel, custom: dict[str, Any], count: int) -> None:
    top = max(inner.get_ylim()[1], 1e-9)
    for step in panel.defaults.get("thresholds", {}).get("steps", [])[1:] if "thresholdsStyle" in custom else []:
        if step["value"] <= 2 * top:
            inner.axhline(step["value"], color=_NAMED[step["color"]], linestyle="--", linewidth=0.9)
            top = max(top, 1.1 * step["value"])
    inner.set_ylim(0, top if top > 1e-6 else 1)
    inner.grid(color="#33373f", linewidth=0.5)
    inner.spines[:].set_visible(False)
    inner.tick_params(colors=_TEXT, labelsize=6.5, length=0)
    inner.yaxis.set_major_locator(MaxNLocator(4))
    inner.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    inner.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _formatted(panel, value)))
    inner.xaxis.set_major_formatter(FuncFormatter(lambda minutes, _: f"{minutes:g} min" if minutes else "now"))
    if count:
        inner.legend(
            loc="upper left",
            bbox_to_anchor=(-0.1, -0.13),
            ncols=4,
            fontsize=6.5,
            frameon=False,
            labelcolor=_TEXT,
            handlelength=1,
            columnspacing=1,
            borderaxespad=0,
        )


def _step_colour(panel: Panel, value: float) -> str:
    colour = "green"
    for step in panel.defaults["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            colour = step["color"]
    return str(colour)


def _formatted(panel: Panel, value: float) -> str:
    if math.isnan(value):
        return "no data"
    digits = panel.defaults.get("decimals")
    return _UNITS[panel.defaults["unit"]](value, digits)


def _plain(value: float, digits: int | None) -> str:
    return f"{value:.{digits}f}" if digits is not None else f"{value:.3g}"


def _seconds(value: float, digits: int | None) -> str:
    return f"{1000 * value:.3g} ms" if abs(value) < 1 else f"{_plain(value, digits)} s"


def _bytes(value: float, digits: int | None) -> str:
    for unit in ("B", "KiB", "MiB"):
        if abs(value) < 1024:
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:.3g} GiB"


_UNITS: Final[dict[str, Callable[[float, int | None], str]]] = {
    "none": _plain,
    "s": _seconds,
    "bytes": _bytes,
    "Bps": lambda value, digits: f"{_bytes(value, digits)}/s",
    "reqps": lambda value, digits: f"{_plain(value, digits)}/s",
    "ops": lambda value, digits: f"{_plain(value, digits)}/s",
    "percentunit": lambda value, digits: f"{100 * value:.{digits if digits is not None else 1}f} %",
}
_DRAWERS: Final[dict[str, Callable[[Figure, Box, Panel, Answer], None]]] = {
    "stat": _number,
    "bargauge": _bars,
    "timeseries": _lines,
}
