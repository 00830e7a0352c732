"""Rows of the overview along a frame's way: intake, outcomes, backlog, stage times."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from deploy.monitoring.dashboards.panels import GREEN, OUTCOME_COLOURS, RED, YELLOW, graph, ranking


def intake(built: dashboard.Dashboard) -> None:
    """Add the row."""
    built.with_row(dashboard.Row("Intake")).with_panel(
        graph(
            "Frames admitted, by camera",
            "reqps",
            "The twenty cameras that send most. One that drops to 0 is silent.",
            {"{{camera}}": "topk(20, sum by (camera) (rate(posestream_frames_admitted_total{NS}[$__rate_interval])))"},
        )
    ).with_panel(
        graph(
            "Frames refused, by reason",
            "reqps",
            "Refused frames are never admitted. held: two producers have one camera. backlog: a shard is full. order, "
            "ahead, missing: a producer's clock or program. full and gap are how files are told to wait and to rewind.",
            {"{{reason}}": "sum by (reason) (rate(posestream_frames_refused_total{NS}[$__rate_interval]))"},
            stacked=True,
        )
    ).with_panel(
        graph(
            "Sources",
            "none",
            "Sources that producers have, and those that deliver. Between the two are cameras that are away, which are "
            "tried again, and those given up, which are not: the producer's log says why.",
            {
                "there are": "count(posestream_source_up{NS})",
                "deliver": "sum(posestream_source_up{NS})",
                "given up": "sum(posestream_camera_given_up{NS})",
            },
            colours={"there are": YELLOW, "deliver": GREEN, "given up": RED},
        )
    )


def outcomes(built: dashboard.Dashboard) -> None:
    """Add the row."""
    built.with_row(dashboard.Row("Outcomes")).with_panel(
        graph(
            "Frames by outcome",
            "reqps",
            "How admitted frames end. Superseded and stale: too few workers. Late: results came after their turn. "
            "Dead: frames that could not be used or crashed workers.",
            {"{{outcome}}": "sum by (outcome) (rate(posestream_frames_total{NS}[$__rate_interval]))"},
            stacked=True,
            colours=OUTCOME_COLOURS,
        )
    ).with_panel(
        ranking(
            "Cameras that lose most",
            "percentunit",
            "Share of a camera's frames that ended as anything but posed, over five minutes.",
            'topk(8, sum by (camera) (rate(posestream_frames_total{NS, outcome!="posed"}[5m]))'
            " / (sum by (camera) (rate(posestream_frames_total{NS}[5m])) > 0))",
            "{{camera}}",
            steps=((None, GREEN), (0.01, YELLOW), (0.05, RED)),
        )
    ).with_panel(
        graph(
            "Dead letters, by reason",
            "none",
            "Frames that pose workers gave up on, by reason, in a minute. corrupt, truncated, not_an_image: the camera "
            "or its network. failed: an error in the worker, which its log tells. Those that crashed workers are only "
            "in the panel of outcomes.",
            {"{{reason}}": "60 * sum by (reason) (rate(posestream_worker_dead_letters_total{NS}[$__rate_interval]))"},
            stacked=True,
        )
    )


def backlog(built: dashboard.Dashboard) -> None:
    """Add the row."""
    built.with_row(dashboard.Row("Backlog")).with_panel(
        graph(
            "Frames waiting, by camera",
            "none",
            "Frames that no worker has taken, of the ten cameras with most. Live cameras stay at their depth (4) under "
            "overload, and drop frames.",
            {"{{camera}}": "topk(10, sum by (camera) (posestream_frames_waiting{NS}))"},
        )
    ).with_panel(
        graph(
            "Where frames are",
            "none",
            "Waiting or in a worker's hand; ended and not yet published; and of those the ones held back for order.",
            {
                "waiting or in hand": "sum(posestream_shard_work_entries{NS})",
                "results": "sum(posestream_shard_result_entries{NS})",
                "held back": "sum(posestream_tracker_held_records{NS})",
            },
        )
    ).with_panel(
        graph(
            "Time to work off what waits",
            "s",
            "What the lossless frames that wait cost the workers that there are, all together. Of a file no more than "
            "its depth (64) waits here, so that this is a few seconds at most: it tells that workers have files to do. "
            "How much is still to come only the producer knows.",
            {"backlog": "sum(posestream_backlog_seconds{NS}) / (count(posestream_worker_slots{NS}) > 0)"},
        )
    )


def stages(built: dashboard.Dashboard) -> None:
    """Add the row."""
    mean = (
        'sum by (stage) (rate(posestream_stage_seconds_sum{{NS, stage=~"{stages}"}}[$__rate_interval]))'
        ' / (sum by (stage) (rate(posestream_stage_seconds_count{{NS, stage=~"{stages}"}}[$__rate_interval])) > 0)'
    )
    built.with_row(dashboard.Row("Stage times")).with_panel(
        graph(
            "Producer",
            "s",
            "Mean time of a frame in each stage. Reading includes the wait for the camera.",
            {"{{stage}}": mean.format(stages="read|encode|admit")},
        )
    ).with_panel(
        graph(
            "Pose worker",
            "s",
            "Mean time of a frame in each stage, one upon the other. Taking is left out, as it includes the wait for "
            "work. load and finish are the server and the network to it, infer is the network's inference.",
            {"{{stage}}": mean.format(stages="load|decode_image|infer|decode_poses|finish")},
            stacked=True,
        )
    ).with_panel(
        graph(
            "Tracker",
            "s",
            "Mean time of a turn in each stage. Reading includes the wait for results, of up to 250 ms.",
            {"{{stage}}": mean.format(stages="read_results|release|publish")},
        )
    )


ROWS = (intake, outcomes, backlog, stages)
