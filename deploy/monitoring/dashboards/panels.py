"""The few kinds of panels that the dashboards are made of, each with a unit and a description that says how to read it.

In queries `{NS` stands for the chosen namespace, `{CAM` for that and the chosen camera, and `{OURS` for that and our
jobs, where others export the metric, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

GREEN: Final = "green"
YELLOW: Final = "yellow"
RED: Final = "red"
OUTCOME_COLOURS: Final = {
    "posed": "green",
    "superseded": "yellow",
    "stale": "orange",
    "late": "purple",
    "dead": "red",
}
SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
ROW_HEIGHT: Final = 8

_SELECTORS: Final = {
    "CAM": 'namespace=~"$namespace", camera="$camera"',
    "NS": 'namespace=~"$namespace"',
    "OURS": 'namespace=~"$namespace", job=~".*posestream.*"',
}


def number(
    title: str,
    unit: str,
    description: str,
    query: str,
    *,
    steps: Sequence[tuple[float | None, str]] = ((None, GREEN),),
    words: Mapping[str, tuple[str, str]] | None = None,
    width: int = 3,
    decimals: int | None = None,
) -> stat.Panel:
    """Return one number with what is good and bad about it: (from this value on, colour), the first one from None.

    `words` are shown in place of numbers: (text, colour).
    """
    panel = stat.Panel().title(title).unit(unit).description(description).datasource(SOURCE)
    panel.thresholds(_thresholds(steps)).grid_pos(models.GridPos(h=4, w=width))
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.color_mode(common_models.BigValueColorMode.BACKGROUND).graph_mode(common_models.BigValueGraphMode.NONE)
    if decimals is not None:
        panel.decimals(decimals)
    if words:
        options = {value: models.ValueMappingResult(text=text, color=colour) for value, (text, colour) in words.items()}
        panel.mappings([models.ValueMap(options=options)])
    return panel.with_target(_target("A", query, "", instant=True))


def graph(
    title: str,
    unit: str,
    description: str,
    queries: Mapping[str, str],
    *,
    stacked: bool = False,
    steps: Sequence[tuple[float, str]] = (),
    colours: Mapping[str, str] | None = None,
    width: int = 8,
) -> timeseries.Panel:
    """Return lines over time: queries by legend. `steps` are drawn as lines, `colours` belong to legends."""
    panel = timeseries.Panel().title(title).unit(unit).description(description).datasource(SOURCE)
    panel.grid_pos(models.GridPos(h=ROW_HEIGHT, w=width)).min(0).line_width(1).show_points(
        common_models.VisibilityMode.NEVER
    )
    panel.fill_opacity(40 if stacked else 8)
    if stacked:
        panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if steps:
        panel.thresholds(_thresholds([(None, GREEN), *steps]))
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED))
    for name, colour in (colours or {}).items():
        fixed = models.FieldColor(mode=models.FieldColorModeId.FIXED, fixed_color=colour)
        panel.override_by_name(name, [models.DynamicConfigValue(id_val="color", value=fixed)])
    panel.legend(
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    panel.tooltip(
        common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI).sort(common_models.SortOrder.DESCENDING)
    )
    for letter, (legend, query) in zip("ABCDEFGH", queries.items(), strict=False):
        panel.with_target(_target(letter, query, legend))
    return panel


def ranking(
    title: str,
    unit: str,
    description: str,
    query: str,
    legend: str,
    *,
    steps: Sequence[tuple[float | None, str]],
    width: int = 8,
) -> bargauge.Panel:
    """Return a bar for each of those that are first at something now."""
    panel = bargauge.Panel().title(title).unit(unit).description(description).datasource(SOURCE)
    panel.grid_pos(models.GridPos(h=ROW_HEIGHT, w=width)).min(0).thresholds(_thresholds(steps))
    panel.orientation(common_models.VizOrientation.HORIZONTAL)
    panel.display_mode(common_models.BarGaugeDisplayMode.BASIC)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    return panel.with_target(_target("A", query, legend, instant=True))


def board(title: str, uid: str, description: str) -> dashboard.Dashboard:
    """Return an empty dashboard with its variables: the data source, and the namespace where there is one."""
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["posestream"])
        .editable()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time("now-1h", "now")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(
            _variable("namespace", "Namespace", "label_values(posestream_build_info, namespace)")
            .include_all(True)
            .all_value(".*")  # outside Kubernetes there is no such label
            .current(models.VariableOption(text="All", value="$__all"))
        )
        .link(
            dashboard.DashboardLink("posestream")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["posestream"])
            .include_vars(True)
            .keep_time(True)
        )
    )


def camera_variable() -> dashboard.QueryVariable:
    """Return the variable by which a camera is chosen."""
    return _variable("camera", "Camera", f"label_values(posestream_camera_info{{{_SELECTORS['NS']}}}, camera)")


def _variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(label).datasource(SOURCE).query(query)
    return variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)


def _target(letter: str, query: str, legend: str, *, instant: bool = False) -> prometheus.Dataquery:
    for short, selector in _SELECTORS.items():
        query = query.replace(f"{{{short}", f"{{{selector}")
    target = (
        prometheus.Dataquery().ref_id(letter).datasource(SOURCE).expr(" ".join(query.split())).legend_format(legend)
    )
    return target.instant() if instant else target.range()


def _thresholds(steps: Sequence[tuple[float | None, str]]) -> dashboard.ThresholdsConfig:
    built = [models.Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(built)
