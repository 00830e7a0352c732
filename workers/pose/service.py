"""The pose worker as a process: startup, the slots and the heartbeat, shutdown."""

from __future__ import annotations

import logging
import os
import socket
from uuid import uuid4

from posestream.broker import Shard, WorkQueue, connect
from posestream.broker.clock import ServerClock
from posestream.errors import PosestreamError
from posestream.image import ImageLimits
from posestream.keys import ShardKeys
from posestream.service.health import Health
from posestream.service.metrics import WorkerMetrics
from posestream.service.process import StopSignal, Tasks
from posestream.service.shards import wait_for_shards
from workers.pose.cpus import usable_cpus
from workers.pose.fit import natural_width
from workers.pose.frame import FrameProcessor
from workers.pose.gate import Gate
from workers.pose.heartbeat import Heartbeat
from workers.pose.network import NetworkOptions, PoseNetwork
from workers.pose.settings import PoseSettings
from workers.pose.slot import Shared, Slot, StrayWatch

logger = logging.getLogger(__name__)


class PoseService:
    """Runs the slots of one worker process."""

    def __init__(self, settings: PoseSettings, metrics: WorkerMetrics, health: Health, stop: StopSignal) -> None:
        self._settings = settings
        self._metrics = metrics
        self._health = health
        self._stop = stop
        self._clock = ServerClock()
        self._slots: list[Slot] = []

    def run(self) -> None:
        """Work until asked to stop.

        Raises:
            PosestreamError: the model or a setting is no good, or a slot met an error that retrying can not mend.
        """
        settings = self._settings
        self._health.set_ready("model", "not compiled yet")
        network = self._start_network()
        shards = wait_for_shards(
            settings.redis_url,
            settings.prefix,
            settings.shards,
            stop=self._stop,
            health=self._health,
            on_error=self._metrics.broker_errors.labels("start").inc,
            clock=self._clock,
        )
        if shards:
            self._work(network, shards)
        network.close()

    def _work(self, network: PoseNetwork, shards: list[ShardKeys]) -> None:
        self._slots = self._make_slots(network, shards)
        tasks = Tasks(self._stop)
        tasks.start(
            "heartbeat",
            Heartbeat(
                self._slots,
                self._settings,
                self._clock,
                self._health,
                self._stop,
                self._metrics,
            ).run,
        )
        for slot in self._slots:
            tasks.start(slot.name, slot.run)
        logger.info("ready to work", extra={"slots": len(self._slots), "shards": len(shards)})
        self._stop.wait()
        self._drain(tasks)
        tasks.check()

    # Startup --------------------------------------------------------------------------------------------------------

    def _start_network(self) -> PoseNetwork:
        settings = self._settings
        cpus = usable_cpus()
        self._metrics.cpus.set(cpus)
        network = PoseNetwork(
            settings.network,
            NetworkOptions(
                device=settings.device,
                threads=settings.threads or cpus,
                precision=settings.precision,
                cache=settings.cache,
                limit=settings.networks,
            ),
            on_compiled=self._on_compiled,
        )
        network.warm_up(natural_width(settings.first_wh))
        self._health.set_ready("model", None)
        return network

    def _on_compiled(self, seconds: float, count: int) -> None:
        self._metrics.compile_seconds.observe(seconds)
        self._metrics.networks.set(count)

    def _make_slots(self, network: PoseNetwork, shards: list[ShardKeys]) -> list[Slot]:
        settings = self._settings
        count = max(len(shards), settings.slots or network.slots(natural_width(settings.first_wh)))
        shared = Shared(
            settings=settings,
            gate=Gate(),
            strays=StrayWatch(settings.claim_after_ms),
            clock=self._clock,
            metrics=self._metrics,
            health=self._health,
            stop=self._stop,
        )
        self._metrics.slots.set(count)
        # Unique to this start of this process: what a slot holds is known by its name alone.
        process = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
        limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
        return [
            Slot(
                f"{process}-{number}",
                shards[number % len(shards)],
                FrameProcessor(network, limits, self._metrics.stages, settings.placing),
                shared,
            )
            for number in range(count)
        ]

    # Shutdown -------------------------------------------------------------------------------------------------------

    def _drain(self, tasks: Tasks) -> None:
        """Let the slots end what they have in hand; give back what is left when the grace period is over."""
        self._health.set_ready("process", "stopping")
        tasks.join(self._settings.grace_s)
        client = connect(self._settings.redis_url, name="pose-stop")
        for slot in self._slots:
            token = slot.in_hand
            if token is not None:
                try:
                    WorkQueue(Shard(client, slot.shard_keys), slot.name).release(token, self._settings.max_deliveries)
                except PosestreamError as error:
                    logger.warning("frame not given back: %s", error, extra={"camera": token.camera})
        logger.info("stopped")
