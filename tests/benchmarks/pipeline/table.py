"""The results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from tests.benchmarks.pipeline.results import WAYS, Figure, NetworkResults, Results
from tests.benchmarks.pipeline.targets import judge

NAMES = {
    "ceiling": "a  OpenVINO alone, throughput hint",
    "stages": "b  the worker's stages, no server",
    "pipeline": "c  the whole pipeline",
    "loop": "d  plain loop, latency hint",
}

# What the worker's threads do, as the table groups it.
BROKER = ("take", "load", "finish")


def print_results(results: Results, console: Console) -> None:
    """Print everything there is to say."""
    for table in (_speed(results), _cpu(results), _latency(results), _targets(results)):
        console.print(table)
    console.print(
        f"{results.machine}; {', '.join(f'{name} {version}' for name, version in results.versions.items())}; "
        f"frames of {results.frame_kb:.0f} KB; maps {results.maps}; {results.seconds:.0f} s in all",
        highlight=False,
    )
    if results.disturbed:
        console.print(
            f"[bold]Other programs took {results.neighbours:.0%} of this machine's CPUs during the run.[/] Frames per "
            "second, their ratios and latencies depend on that; CPU per frame hardly does. A quiet machine tells more.",
            highlight=False,
        )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def _speed(results: Results) -> Table:
    table = _table("Speed, one pose worker", "", "frames/s", "of (a)", "CPU ms/frame", "of (a), by CPU")
    for network in results.networks.values():
        table.add_section()
        table.add_row(f"[bold]{network.label}[/], {network.people:.1f} people in view")
        for way in WAYS:
            table.add_row(
                f"  {NAMES[way]}",
                _shown(network.rate(way), 1),
                "" if way == "ceiling" else _shown(network.ratio(way), 2),
                _shown(network.cpu_ms(way), 1),
                "" if way == "ceiling" else _shown(network.cpu_ratio(way), 2),
            )
    return table


def _cpu(results: Results) -> Table:
    table = _table("CPU ms per frame, whole pipeline", "", *(network.label for network in results.networks.values()))
    for name, values in _cpu_rows(list(results.networks.values())):
        table.add_row(name, *(f"{value:.2f}" for value in values))
    return table


def _cpu_rows(networks: list[NetworkResults]) -> Iterator[tuple[str, list[float]]]:
    stages = [network.stages_ms for network in networks]
    yield "worker: inference", [each["inference"] for each in stages]
    yield "worker: image to pixels", [each["decode_image"] for each in stages]
    yield "worker: maps to people", [each["decode_poses"] for each in stages]
    yield "worker: take, load, finish", [sum(each[name] for name in BROKER) for each in stages]
    yield "worker: calling inference", [each["infer"] for each in stages]
    yield "worker: the rest", [each["other"] for each in stages]
    yield "[bold]worker outside inference[/]", [network.own_ms for network in networks]
    for process in ("tracker", "server", "feeder", "subscriber"):
        yield process, [network.process_ms(process).median for network in networks]


def _latency(results: Results) -> Table:
    loads = [f"{each.load:.0%}" for each in next(iter(results.networks.values())).latencies]
    table = _table(
        "Latency, memory, start",
        "",
        *(f"capture to pose, ms at {load} load\np50 / p99" for load in loads),
        "worker\nRSS, MB",
        "ready, s\ncold",
        "ready, s\nwith cache",
    )
    for network in results.networks.values():
        latencies = [
            f"{each.p50_ms:.0f} / {each.p99_ms:.0f}" + (f" ({each.superseded} superseded)" if each.superseded else "")
            for each in network.latencies
        ]
        warm_s = Figure.of(network.ready_warm_s)
        table.add_row(
            network.label, *latencies, f"{network.rss_mb:.0f}", f"{network.ready_cold_s:.1f}", f"{warm_s.median:.1f}"
        )
    return table


def _targets(results: Results) -> Table:
    table = _table("Targets", "", "asked", "measured", "")
    for target in judge(results):
        verdict = {True: "[green]met[/]", False: "[red]missed[/]", None: "not to be told"}[target.met]
        table.add_row(target.what, target.asked, target.measured, verdict)
    return table


def _shown(figure: Figure, digits: int) -> str:
    return f"{figure.median:.{digits}f} ± {figure.spread:.{digits}f}"
