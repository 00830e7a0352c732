"""The operator's dashboard: is it healthy, and if not, where."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from deploy.monitoring.dashboards import frames, machines
from deploy.monitoring.dashboards.panels import GREEN, RED, YELLOW, board, graph, number

UID = "posestream-overview"
_BURN_STEPS = ((1, YELLOW), (6, "orange"), (14.4, RED))
_BURN_WINDOWS = ("5m", "1h", "6h")


def overview() -> dashboard.Dashboard:
    """Return the dashboard; its rows go along a frame's way, so that the first that looks wrong is where to begin."""
    built = board(
        "posestream / overview",
        UID,
        "Is it healthy, and if not, where? The rows follow a frame: from the cameras through the workers to the poses, "
        "then the server that all of it runs on.",
    )
    for add in (_health, _objectives, *frames.ROWS, *machines.ROWS):
        add(built)
    return built


def _health(built: dashboard.Dashboard) -> None:
    built.with_panel(
        number(
            "Alerts",
            "none",
            "Alerts of posestream that fire now. The runbook in docs/operations.md has a section for each.",
            'sum(ALERTS{NS, alertname=~"Posestream.*", alertstate="firing"}) or vector(0)',
            steps=((None, GREEN), (1, RED)),
        )
    ).with_panel(
        number(
            "Poses",
            "reqps",
            "Poses published in a second, of all cameras together.",
            'sum(rate(posestream_frames_total{NS, outcome="posed"}[$__rate_interval]))',
            steps=((None, RED), (0.01, GREEN)),
            decimals=1,
        )
    ).with_panel(
        number(
            "Posed, last hour",
            "percentunit",
            "Of the frames that ended, those that were posed. The objective is 99 %.",
            "1 - max(posestream:outcome_burn:ratio_rate1h{NS}) * scalar(posestream:outcome_budget:ratio)",
            steps=((None, RED), (0.95, YELLOW), (0.99, GREEN)),
            decimals=2,
        )
    ).with_panel(
        number(
            "Within 1 s, last hour",
            "percentunit",
            "Of the poses of live cameras, those published within a second of their frame's admission. The objective "
            "is 99 %.",
            "1 - max(posestream:latency_burn:ratio_rate1h{NS}) * scalar(posestream:latency_budget:ratio)",
            steps=((None, RED), (0.95, YELLOW), (0.99, GREEN)),
            decimals=2,
        )
    ).with_panel(
        number(
            "Cameras silent",
            "none",
            "Live cameras, and those that never sent a frame, of which none was admitted within five minutes. "
            "`posestream cameras` lists all.",
            "count(posestream:camera_admitted:increase5m{NS} == 0 and on (namespace, camera) "
            'posestream_camera_info{NS, policy!="lossless"}) or vector(0)',
            steps=((None, GREEN), (1, RED)),
        )
    ).with_panel(
        number(
            "Worker slots",
            "none",
            "Slots of pose workers that have asked for work within ten seconds, as the server counts them.",
            "sum(posestream_shard_worker_slots{NS})",
            steps=((None, RED), (1, GREEN)),
        )
    ).with_panel(
        number(
            "Shards led",
            "none",
            "Shards that have a leading tracker. Nothing is published of one that has none. *Who leads* has how many "
            "there are.",
            "sum(posestream_tracker_leading{NS})",
            steps=((None, RED), (1, GREEN)),
        )
    ).with_panel(
        number(
            "Frames unaccounted",
            "none",
            "Frames admitted that are neither in flight nor ended, over all cameras. Never anything but 0.",
            "sum(abs(posestream:frames_unaccounted:sum{NS}))",
            steps=((None, GREEN), (1, RED)),
        )
    )


def _objectives(built: dashboard.Dashboard) -> None:
    built.with_row(dashboard.Row("Objectives")).with_panel(
        graph(
            "Burn: frames not posed",
            "none",
            "How fast the budget of 1 % of frames is spent. At 1 the objective is just met; over 14.4 in an hour or "
            "over 6 in six hours somebody is woken.",
            {window: f"max(posestream:outcome_burn:ratio_rate{window}{{NS}})" for window in _BURN_WINDOWS},
            steps=_BURN_STEPS,
        )
    ).with_panel(
        graph(
            "Burn: poses later than 1 s",
            "none",
            "The same for poses of live cameras that are published more than a second after their frame's admission.",
            {window: f"max(posestream:latency_burn:ratio_rate{window}{{NS}})" for window in _BURN_WINDOWS},
            steps=_BURN_STEPS,
        )
    ).with_panel(
        graph(
            "Age of live poses",
            "s",
            "From a frame's admission to its pose's publication. Where it grows, the stages below say where.",
            {
                f"p{100 * quantile:.0f}": f"histogram_quantile({quantile}, sum by (le) "
                '(rate(posestream_publish_age_seconds_bucket{NS, policy="live"}[$__rate_interval])))'
                for quantile in (0.5, 0.95, 0.99)
            },
            steps=((1, RED),),
        )
    )
