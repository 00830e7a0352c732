"""Composition root of `python -m producer run`: settings in, every object made, one thread for each camera."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from rich.console import Console

from posestream.broker import FrameIntake, Shard, connect, read_topology
from posestream.errors import BrokerUnavailableError, ConfigurationError, SourceError
from posestream.keys import Topology
from posestream.service import logs
from posestream.service.health import Health, HealthServer
from posestream.service.metrics import ProducerMetrics
from posestream.service.process import Patience, StopSignal
from posestream.service.settings import described, load
from producer.cameras import Camera, Surroundings
from producer.lease import Leases
from producer.progress import display_for
from producer.settings import CameraSettings, RunSettings, camera_list
from producer.sources import Source, make_source, public_name

logger = logging.getLogger(__name__)

_REFRESH_S: Final = 0.1
_FAREWELL_S: Final = 1.5

T = TypeVar("T")


def main(argv: list[str]) -> int:
    """Send frames until every source has ended or the process is asked to stop."""
    settings = load(RunSettings, argv, program="python -m producer run", table="producer")
    planned, broken = plan(camera_list(settings))
    console = Console(stderr=True)
    logs.configure(settings.log_level, settings.log_format, console=console)
    stop = StopSignal()
    stop.listen()
    metrics, health = ProducerMetrics(), Health()
    health_server = HealthServer(health, settings.listen_host, settings.health_port)
    metrics_port = metrics.serve(settings.listen_host, settings.metrics_port)
    shown = described(settings) | {"source": settings.source and public_name(settings.source)}
    logger.debug("settings", extra={"settings": shown})
    logger.info("listening", extra={"metrics_port": metrics_port, "health_port": health_server.port})
    for camera, _ in planned:
        metrics.given_up.labels(camera.name).set(0)
    for name, problem in broken.items():
        metrics.given_up.labels(name).set(1)
        logger.error("given up: camera %s: %s", name, problem)
    process = Process(settings, metrics, health, stop)
    try:
        code = process.run(planned, console)
    finally:
        health_server.close()
    return 1 if broken else code


def plan(cameras: Sequence[CameraSettings]) -> tuple[list[tuple[CameraSettings, Source]], dict[str, str]]:
    """Return every camera with its source, and what is wrong with each of those whose source is broken.

    Raises:
        ConfigurationError: naming every camera whose source is no source at all.
        SourceError: every source is broken.
    """
    planned, problems, broken = [], [], {}
    for camera in cameras:
        try:
            planned.append((camera, make_source(camera.source, camera.limits, camera.fps)))
        except ConfigurationError as error:
            problems.append(f"camera {camera.name}: {error}")
        except SourceError as error:
            broken[camera.name] = str(error)
    if problems:
        raise ConfigurationError("\n".join(problems))
    if not planned:
        raise SourceError("\n".join(f"camera {name}: {problem}" for name, problem in broken.items()))
    return planned, broken


class Process:
    """The running producer: cameras, leases and display."""

    def __init__(self, settings: RunSettings, metrics: ProducerMetrics, health: Health, stop: StopSignal) -> None:
        self._settings = settings
        self._metrics = metrics
        self._health = health
        self._stop = stop
        self._name = f"producer-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"

    def run(self, planned: Sequence[tuple[CameraSettings, Source]], console: Console) -> int:
        """Feed all cameras; returns the exit code."""
        topology = self._patiently(self._prepare)
        if topology is None:
            return 0
        shards = self._shards(topology)
        leases = Leases(self._name, lambda camera: FrameIntake(shards(camera)), topology.shard_of, self._health)
        around = Surroundings(leases, self._metrics, self._health, self._stop)
        wait = self._settings.wait
        cameras = [
            Camera(camera, source, self._shards(topology)(camera.name), around, wait=wait) for camera, source in planned
        ]
        threads = [_start(camera.run, f"camera {camera.tally.camera}") for camera in cameras]
        _start(leases.run, "leases")
        with display_for(console, [camera.tally for camera in cameras]) as display:
            while any(thread.is_alive() for thread in threads) and not self._stop.is_set():
                display.update()
                self._stop.wait(_REFRESH_S)
            _join(threads, _FAREWELL_S)
        leases.close()
        return _report(cameras)

    def _prepare(self) -> Topology:
        client = connect(self._settings.redis_url, name=self._name)
        topology = read_topology(client, self._settings.prefix)
        for keys in topology.all_keys():
            Shard(client, keys).prepare()
        return topology

    def _patiently(self, action: Callable[[], T]) -> T | None:
        """Try until the server answers; None when asked to stop before that."""
        patience = Patience(self._stop, on_failure=self._metrics.broker_errors.labels("starting").inc)
        while not self._stop.is_set():
            self._health.beat("start")
            try:
                result = action()
            except BrokerUnavailableError as error:
                self._health.set_ready("server", str(error))
                patience.failed(error)
            else:
                patience.succeeded()
                self._health.forget("start")
                self._health.set_ready("server", None)
                return result
        return None

    def _shards(self, topology: Topology) -> Callable[[str], Shard]:
        """Return what gives a camera's shard, on one connection that is only for the calling thread."""
        client = connect(self._settings.redis_url, name=self._name)
        recovered = self._metrics.broker_recoveries
        return lambda camera: Shard(client, topology.keys_of(camera), lambda what: recovered.labels(what).inc())


def _start(run: Callable[[], None], name: str) -> threading.Thread:
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


def _join(threads: Sequence[threading.Thread], seconds: float) -> None:
    """Wait for threads to end, together no longer than that: a hanging server or camera must not delay the exit."""
    until_s = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until_s - time.monotonic()))


def _report(cameras: Sequence[Camera]) -> int:
    for camera in cameras:
        if camera.account is not None:
            print(camera.account.text)  # noqa: T201
        elif not camera.failed:
            print(f"{camera.tally.camera}: {camera.tally.admitted} frames admitted; left without an answer")  # noqa: T201
    return 1 if any(camera.failed for camera in cameras) else 0
