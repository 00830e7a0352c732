"""The results as one picture: each way as a part of OpenVINO alone, and where a frame's CPU goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from tests.benchmarks.pipeline.results import NetworkResults, Results

COLOURS = {"stages": "#8fb8de", "pipeline": "#0b5cad", "loop": "#e08e45"}
NAMES = {"stages": "worker's stages, no server", "pipeline": "whole pipeline", "loop": "plain synchronous loop"}
PARTS = (
    ("inference", "#0b5cad", ("inference",)),
    ("JPEG to pixels", "#5fa8d3", ("decode_image",)),
    ("maps to people", "#62b6a0", ("decode_poses",)),
    ("broker calls, rest", "#b5d99c", ("take", "load", "finish", "infer", "other")),
)
INK = "#22303f"


def draw(results: Results, path: Path) -> None:
    """Write the picture as PNG."""
    networks = list(results.networks.values())
    with plt.rc_context({"font.size": 11, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK}):
        figure, (speed, cpu) = plt.subplots(1, 2, figsize=(13.6, 6.0), width_ratios=(1.5, 1), layout="constrained")
        _speed(speed, results, networks)
        _cpu(cpu, networks)
        figure.suptitle(
            "JPEG in Redis to people in 3D: how much of the network's own speed is kept", fontsize=17, weight="bold"
        )
        figure.supxlabel(
            f"720p JPEGs of {results.frame_kb:.0f} KB, 3 people in view, one pose worker; {results.machine}; OpenVINO "
            f"{results.versions['openvino'].partition('-')[0]}. `make bench`: median of "
            f"{len(networks[0].rounds['pipeline'])} rounds, bars: spread"
            + (f"; other programs took {results.neighbours:.0%} of the CPUs" if results.disturbed else ""),
            fontsize=9,
        )
        figure.savefig(path, dpi=110)
        plt.close(figure)


def _speed(axes: Any, results: Results, networks: list[NetworkResults]) -> None:
    width = 0.26
    for place, (way, colour) in enumerate(COLOURS.items()):
        at = [index + (place - 1) * width for index in range(len(networks))]
        figures = [network.cpu_ratio(way) if results.disturbed else network.ratio(way) for network in networks]
        heights = [figure.median for figure in figures]
        spreads = [figure.spread for figure in figures]
        axes.bar(at, heights, width * 0.92, color=colour, label=NAMES[way], zorder=2)
        axes.errorbar(at, heights, spreads, fmt="none", ecolor=INK, elinewidth=1, capsize=2, zorder=3)
        for x, network, figure in zip(at, networks, figures, strict=True):
            rate = "" if results.disturbed else f"\n{network.rate(way).median:.0f}/s"
            axes.annotate(
                f"{figure.median:.0%}{rate}", (x, figure.median + figure.spread), (0, 3), textcoords="offset points",
                ha="center", fontsize=10, weight="bold" if way == "pipeline" else "normal",
            )  # fmt: skip
    axes.axhline(1, color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    labels = [
        network.label if results.disturbed else f"{network.label}\n{network.rate('ceiling').median:.0f}/s alone"
        for network in networks
    ]
    axes.set_xticks(range(len(networks)), labels, fontsize=12)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "OpenVINO\nalone"])
    title = "part of OpenVINO alone, " + ("by CPU per frame" if results.disturbed else "by frames per second")
    axes.set_title(title, loc="left", fontsize=12)
    axes.legend(frameon=False, loc="upper center", ncols=3, fontsize=10)
    axes.set_ylim(0, 1.3)
    _plain(axes)


def _cpu(axes: Any, networks: list[NetworkResults]) -> None:
    base = [0.0] * len(networks)
    for name, colour, stages in PARTS:
        _stack(axes, base, [sum(network.stages_ms[stage] for stage in stages) for network in networks], name, colour)
    others = ("tracker", "server")
    _stack(
        axes, base, [sum(network.process_ms(other).median for other in others) for network in networks],
        "tracker and server", "#f2c14e",
    )  # fmt: skip
    for index, network in enumerate(networks):
        axes.annotate(
            f"{base[index]:.1f} ms,\n{1 - network.stages_ms['inference'] / base[index]:.0%} beside inference",
            (index, base[index]), (0, 3), textcoords="offset points", ha="center", fontsize=9.5,
        )  # fmt: skip
    axes.set_xticks(range(len(networks)), [network.label for network in networks], fontsize=12)
    axes.set_title("CPU milliseconds per frame", loc="left", fontsize=12)
    axes.set_ylim(0, 1.22 * max(base))
    axes.set_xlim(-0.6, len(base) - 0.4)
    axes.legend(frameon=False, loc="upper right", reverse=True)
    _plain(axes)


def _stack(axes: Any, base: list[float], heights: list[float], name: str, colour: str) -> None:
    axes.bar(range(len(base)), heights, 0.55, bottom=base, color=colour, label=name, zorder=2)
    base[:] = [below + height for below, height in zip(base, heights, strict=True)]


def _plain(axes: Any) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(axis="y", color="#e3e7ec", zorder=0)
