"""Composition root of the tracker: settings in, every object made, run."""

from __future__ import annotations

import logging
import os
import socket
from uuid import uuid4

from posestream.service import logs
from posestream.service.health import Health, HealthServer
from posestream.service.metrics import TrackerMetrics
from posestream.service.process import StopSignal, Tasks
from posestream.service.settings import described, load
from posestream.service.shards import wait_for_shards
from workers.track.service import ShardTracker
from workers.track.settings import TrackSettings

logger = logging.getLogger(__name__)


def main(argv: list[str]) -> int:
    """Run the tracker until it is asked to stop."""
    settings = load(TrackSettings, argv, program="python -m workers track", table="track")
    logs.configure(settings.log_level, settings.log_format)
    stop = StopSignal()
    stop.listen()
    metrics = TrackerMetrics()
    health = Health()
    health_server = HealthServer(health, settings.listen_host, settings.health_port)
    metrics_port = metrics.serve(settings.listen_host, settings.metrics_port)
    logger.info("tracker starts", extra={"settings": described(settings)})
    logger.info("listening", extra={"metrics_port": metrics_port, "health_port": health_server.port})
    shards = wait_for_shards(
        settings.redis_url,
        settings.prefix,
        settings.shards,
        stop=stop,
        health=health,
        on_error=metrics.broker_errors.labels("start").inc,
        told=metrics.known_shards.set,
    )
    holder = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
    tasks = Tasks(stop)
    for keys in shards:
        tracker = ShardTracker(holder, keys, settings, metrics, health, stop)
        tasks.start(tracker.name, tracker.run)
    stop.wait()
    tasks.join()
    health_server.close()
    tasks.check()
    logger.info("stopped")
    return 0
