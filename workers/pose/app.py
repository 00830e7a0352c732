"""Composition root of the pose worker: settings in, every object made, run."""

from __future__ import annotations

import logging

import cv2

from posestream.service import logs
from posestream.service.health import Health, HealthServer
from posestream.service.metrics import WorkerMetrics
from posestream.service.process import StopSignal
from posestream.service.settings import described, load
from workers.pose.memory import keep_freed_memory
from workers.pose.service import PoseService
from workers.pose.settings import PoseSettings

logger = logging.getLogger(__name__)


def main(argv: list[str]) -> int:
    """Run the pose worker until it is asked to stop."""
    settings = load(PoseSettings, argv, program="python -m workers pose", table="pose")
    logs.configure(settings.log_level, settings.log_format)
    stop = StopSignal()
    stop.listen()
    cv2.setNumThreads(1)  # the slots are the parallelism
    keep_freed_memory()
    metrics = WorkerMetrics()
    health = Health()
    health_server = HealthServer(health, settings.listen_host, settings.health_port)
    metrics_port = metrics.serve(settings.listen_host, settings.metrics_port)
    logger.info("pose worker starts", extra={"settings": described(settings)})
    logger.info("listening", extra={"metrics_port": metrics_port, "health_port": health_server.port})
    PoseService(settings, metrics, health, stop).run()
    health_server.close()
    return 0
