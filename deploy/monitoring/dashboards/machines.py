"""Rows of the overview about what does the work: workers, tracker, server, and how many workers there should be."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from deploy.monitoring.dashboards.panels import GREEN, RED, YELLOW, graph


def workers(built: dashboard.Dashboard) -> None:
    """Add the row."""
    built.with_row(dashboard.Row("Workers and their CPUs")).with_panel(
        graph(
            "Slots",
            "none",
            "Frames that workers can have in hand, and have. All busy all the time: there are too few workers.",
            {"there are": "sum(posestream_worker_slots{NS})", "busy": "sum(posestream_worker_slots_busy{NS})"},
        )
    ).with_panel(
        graph(
            "Frames, by worker",
            "reqps",
            "Frames that each worker ended. One that lags behind its peers is throttled, or shares its CPUs.",
            {
                "{{instance}}": "topk(20, sum by (instance) "
                "(rate(posestream_worker_frames_total{NS}[$__rate_interval])))"
            },
        )
    ).with_panel(
        graph(
            "Taken over and lost",
            "none",
            "In a minute: frames taken over from workers that fell silent, and frames that a worker ended too late, as "
            "another had taken them over by then.",
            {
                "taken over": "60 * sum(rate(posestream_worker_reclaimed_frames_total{NS}[$__rate_interval]))",
                "lost": '60 * sum(rate(posestream_worker_frames_total{NS, outcome="lost"}[$__rate_interval]))',
            },
            colours={"lost": RED},
        )
    ).with_panel(
        graph(
            "CPU used, by worker",
            "percentunit",
            "Of the CPUs that a worker may use.",
            {
                "{{instance}}": "topk(20, sum by (instance) (rate(process_cpu_seconds_total{OURS}[$__rate_interval]))"
                " / on (instance) sum by (instance) (posestream_worker_cpus{NS}))"
            },
        )
    ).with_panel(
        graph(
            "CPU throttled",
            "percentunit",
            "Seconds in a second for which a CPU quota stopped a process's threads, added up over them. 0 without a "
            "quota. More than a little: the quota is no whole number of CPUs, or something beside the slots computes.",
            {
                "{{instance}}": "topk(20, sum by (instance) "
                "(rate(posestream_cpu_throttled_seconds_total{NS}[$__rate_interval])))"
            },
            steps=((0.25, RED),),
        )
    ).with_panel(
        graph(
            "Memory, by worker",
            "bytes",
            "Resident memory.",
            {
                "{{instance}}": "topk(20, sum by (instance) (process_resident_memory_bytes{OURS} "
                "and on (instance) posestream_worker_slots{NS}))"
            },
        )
    )


def tracker(built: dashboard.Dashboard) -> None:
    """Add the row."""
    built.with_row(dashboard.Row("Tracker")).with_panel(
        graph(
            "Who leads",
            "none",
            "1 for the tracker that leads a shard, 0 for those that stand by; and how many shards there are.",
            {
                "shard {{shard}}: {{instance}}": "sum by (shard, instance) (posestream_tracker_leading{NS})",
                "shards": "max(posestream_shards{NS})",
            },
        )
    ).with_panel(
        graph(
            "Given up on, reloaded",
            "none",
            "In a minute: live frames whose turn passed while they were missing, and publications refused because "
            "another tracker had published meanwhile.",
            {
                "skipped": "60 * sum(rate(posestream_tracker_skipped_frames_total{NS}[$__rate_interval]))",
                "mismatch: {{what}}": "60 * sum by (what) "
                "(rate(posestream_tracker_mismatches_total{NS}[$__rate_interval]))",
            },
        )
    ).with_panel(
        graph(
            "CPU used by trackers",
            "percentunit",
            "Of one CPU. A tracker has a thread for each shard and can not use much more than one.",
            {
                "{{instance}}": "sum by (instance) (rate(process_cpu_seconds_total{OURS}[$__rate_interval]) "
                "and on (instance) posestream_tracker_leading{NS})"
            },
            steps=((0.8, RED),),
        )
    )


def server(built: dashboard.Dashboard) -> None:
    """Add the row."""
    built.with_row(dashboard.Row("Redis or Valkey")).with_panel(
        graph(
            "Memory",
            "bytes",
            "What the server uses and may use (maxmemory; 0 is no limit), and what frames take of it and may take.",
            {
                "used": "max(posestream_server_memory_bytes{NS})",
                "limit": "max(posestream_server_memory_limit_bytes{NS})",
                "frames": "sum(posestream_shard_frame_bytes{NS})",
                "frames' limit": "sum(posestream_shard_frame_bytes_limit{NS})",
            },
            colours={"limit": RED, "frames' limit": "orange"},
        )
    ).with_panel(
        graph(
            "CPU, by shard's server",
            "percentunit",
            "Of one CPU, as the server runs commands in one thread. Near 1 more shards on more nodes are needed.",
            {"shard {{shard}}": "max by (shard) (rate(posestream_server_cpu_seconds_total{NS}[$__rate_interval]))"},
            steps=((0.8, RED),),
        )
    ).with_panel(
        graph(
            "Commands",
            "ops",
            "By the server of each shard.",
            {"shard {{shard}}": "max by (shard) (rate(posestream_server_commands_total{NS}[$__rate_interval]))"},
        )
    ).with_panel(
        graph(
            "Traffic",
            "Bps",
            "What the server receives and sends. Frames go in once and out once; each subscriber adds its poses.",
            {
                "received": "max(rate(posestream_server_received_bytes_total{NS}[$__rate_interval]))",
                "sent": "max(rate(posestream_server_sent_bytes_total{NS}[$__rate_interval]))",
            },
        )
    ).with_panel(
        graph(
            "Dead letters kept",
            "none",
            "They hold images, up to `max_dead_bytes`; the oldest go first. `posestream dead` lists, requeues, purges.",
            {"shard {{shard}}": "max by (shard) (posestream_shard_dead_letters{NS})"},
        )
    ).with_panel(
        graph(
            "Trouble with the server",
            "none",
            "In a minute: exchanges that failed and are tried again, and functions or groups that had to be made anew, "
            "as after a flush or a failover.",
            {
                "failed: {{doing}}": "60 * sum by (doing) (rate(posestream_broker_errors_total{NS}[$__rate_interval]))",
                "made anew: {{what}}": "60 * sum by (what) "
                "(rate(posestream_broker_recoveries_total{NS}[$__rate_interval]))",
            },
        )
    )


def scaling(built: dashboard.Dashboard) -> None:
    """Add the row."""
    built.with_row(dashboard.Row("Autoscaling")).with_panel(
        graph(
            "Workers needed and there",
            "none",
            "Needed: what live cameras keep busy by the tracker's `worker_fps`, which is what scales a live fleet.",
            {
                "needed by live cameras": "sum(posestream_offered_load{NS})",
                "there are": "count(posestream_worker_slots{NS})",
            },
            colours={"needed by live cameras": YELLOW, "there are": GREEN},
        )
    ).with_panel(
        graph(
            "Lossless work waiting",
            "s",
            "Of one worker's time: what scales a lossless fleet.",
            {"backlog": "sum(posestream_backlog_seconds{NS})"},
        )
    ).with_panel(
        graph(
            "Speed of a worker",
            "reqps",
            "Assumed: the tracker's `worker_fps`. Made: on average per worker, which is the speed only while all "
            "of them are busy; correct `worker_fps` by it then. PosestreamWorkerFpsOff tells when it is far off.",
            {
                "assumed": "max(posestream_assumed_worker_fps{NS})",
                "made": "sum(rate(posestream_worker_frames_total{NS}[$__rate_interval]))"
                " / count(posestream_worker_slots{NS})",
            },
        )
    )


ROWS = (workers, tracker, server, scaling)
