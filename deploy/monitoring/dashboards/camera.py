"""The dashboard of one camera: what it sends, what becomes of it, how late its poses are, and whom it sees."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from deploy.monitoring.dashboards.panels import (
    GREEN,
    OUTCOME_COLOURS,
    RED,
    YELLOW,
    board,
    camera_variable,
    graph,
    number,
)

UID = "posestream-camera"


def camera() -> dashboard.Dashboard:
    """Return the dashboard."""
    built = board("posestream / one camera", UID, "What one camera sends, and what becomes of it.")
    built.with_variable(camera_variable())
    for add in (_state, _frames, _poses):
        add(built)
    return built


def _state(built: dashboard.Dashboard) -> None:
    built.with_panel(
        number(
            "Source",
            "none",
            "Whether the camera delivers frames to its producer. Without a value its producer is not scraped, or the "
            "frames come from elsewhere.",
            "max(posestream_source_up{CAM})",
            words={"0": ("away", RED), "1": ("delivers", GREEN)},
        )
    ).with_panel(
        number(
            "Producer last heard of",
            "s",
            "Producers speak at least every second or two, whether or not they have frames. Beyond a few seconds "
            "the producer is gone or can not reach the server.",
            "max(posestream_camera_silence_seconds{CAM})",
            steps=((None, GREEN), (10, YELLOW), (60, RED)),
            decimals=1,
        )
    ).with_panel(
        number(
            "Admitted",
            "reqps",
            "Frames admitted in a second. Compare with what the camera should send.",
            "sum(rate(posestream_frames_admitted_total{CAM}[$__rate_interval]))",
            steps=((None, RED), (0.01, GREEN)),
            decimals=1,
        )
    ).with_panel(
        number(
            "Posed",
            "percentunit",
            "Of the frames that ended within five minutes, those that were posed; the others were superseded, stale, "
            "late or dead.",
            'sum(rate(posestream_frames_total{CAM, outcome="posed"}[5m]))'
            " / (sum(rate(posestream_frames_total{CAM}[5m])) > 0)",
            steps=((None, RED), (0.95, YELLOW), (0.99, GREEN)),
            decimals=1,
        )
    ).with_panel(
        number(
            "Mean age",
            "s",
            "Age of a pose when it is published, since the frame was admitted, over five minutes. The objective for "
            "live cameras is 1 s.",
            "sum(rate(posestream_camera_age_seconds_total{CAM}[5m]))"
            ' / (sum(rate(posestream_frames_total{CAM, outcome="posed"}[5m])) > 0)',
            steps=((None, GREEN), (0.5, YELLOW), (1, RED)),
            decimals=2,
        )
    ).with_panel(
        number(
            "People",
            "none",
            "People in a pose on average, over five minutes. A place that is never empty and has none: look at the "
            "picture.",
            "sum(rate(posestream_camera_people_total{CAM}[5m]))"
            ' / (sum(rate(posestream_frames_total{CAM, outcome="posed"}[5m])) > 0)',
            decimals=1,
        )
    ).with_panel(
        number(
            "In flight",
            "none",
            "Frames admitted and not yet published. A live camera has a handful, a file up to its depth (64).",
            "sum(posestream_frames_in_flight{CAM})",
        )
    ).with_panel(
        number(
            "Unaccounted",
            "none",
            "Frames admitted that are neither in flight nor ended. Never anything but 0.",
            "sum(posestream:frames_unaccounted:sum{CAM})",
            steps=((None, RED), (0, GREEN), (1, RED)),
        )
    )


def _frames(built: dashboard.Dashboard) -> None:
    built.with_row(dashboard.Row("Frames in")).with_panel(
        graph(
            "Frames offered, by result",
            "reqps",
            "What came of the frames its producer offered. `admitted` alone is healthy; `already` are repeats after a "
            "lost reply, the rest are reasons of a refusal, or `unavailable`.",
            {"{{result}}": "sum by (result) (rate(posestream_offered_frames_total{CAM}[$__rate_interval]))"},
            stacked=True,
            colours={"admitted": GREEN},
        )
    ).with_panel(
        graph(
            "Size of a frame",
            "bytes",
            "Encoded bytes of an admitted frame on average. Where it drops to a fraction the camera shows nothing.",
            {
                "mean": "sum(rate(posestream_offered_bytes_total{CAM}[$__rate_interval]))"
                " / (sum(rate(posestream_frames_admitted_total{CAM}[$__rate_interval])) > 0)"
            },
        )
    ).with_panel(
        graph(
            "Source",
            "none",
            "1 while it delivers, 1 once its producer has given it up, and attempts in a minute to get it back.",
            {
                "delivers": "max(posestream_source_up{CAM})",
                "given up": "max(posestream_camera_given_up{CAM})",
                "attempts a minute": "60 * sum(rate(posestream_source_reconnects_total{CAM}[$__rate_interval]))",
            },
            colours={"delivers": GREEN, "given up": "orange", "attempts a minute": RED},
        )
    )


def _poses(built: dashboard.Dashboard) -> None:
    built.with_row(dashboard.Row("Poses out")).with_panel(
        graph(
            "Frames by outcome",
            "reqps",
            "How its frames ended. Superseded: a newer one came before a worker was free. Stale: too old when taken. "
            "Late: posed after its turn. Dead: `posestream dead list` says why.",
            {"{{outcome}}": "sum by (outcome) (rate(posestream_frames_total{CAM}[$__rate_interval]))"},
            stacked=True,
            colours=OUTCOME_COLOURS,
        )
    ).with_panel(
        graph(
            "Mean age of a pose",
            "s",
            "Since the frame's admission, when published. It grows with what waits, and with a missing frame that the "
            "tracker waits for.",
            {
                "age": "sum(rate(posestream_camera_age_seconds_total{CAM}[$__rate_interval]))"
                ' / (sum(rate(posestream_frames_total{CAM, outcome="posed"}[$__rate_interval])) > 0)'
            },
            steps=((1, RED),),
        )
    ).with_panel(
        graph(
            "Waiting and in flight",
            "none",
            "Waiting: no worker has them. The rest of those in flight are in a worker's hand or wait for their turn.",
            {
                "waiting": "sum(posestream_frames_waiting{CAM})",
                "in flight": "sum(posestream_frames_in_flight{CAM})",
            },
        )
    ).with_panel(
        graph(
            "People in a pose",
            "none",
            "On average.",
            {
                "people": "sum(rate(posestream_camera_people_total{CAM}[$__rate_interval]))"
                ' / (sum(rate(posestream_frames_total{CAM, outcome="posed"}[$__rate_interval])) > 0)'
            },
        )
    ).with_panel(
        graph(
            "Frames given up on",
            "reqps",
            "Live frames whose turn passed while they were missing: in the hands of a worker that died or is slow.",
            {"skipped": "sum(rate(posestream_tracker_skipped_frames_total{CAM}[$__rate_interval]))"},
        )
    ).with_panel(
        graph(
            "Frames refused",
            "reqps",
            "Never admitted. held: another producer has the camera. backlog: the shard is full. order, ahead, missing: "
            "the producer's clock or program. full, gap: how files are told to wait and rewind.",
            {"{{reason}}": "sum by (reason) (rate(posestream_frames_refused_total{CAM}[$__rate_interval]))"},
            stacked=True,
        )
    )
