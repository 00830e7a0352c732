"""One camera, put together: its source with what is laid around it, its admission, its feed, and its account."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from posestream.broker import AdmissionRequest, FrameIntake, ShardOperations
from posestream.broker.shard import Shard
from posestream.errors import PosestreamError
from posestream.messages import Policy
from posestream.service import logs
from posestream.service.health import Health
from posestream.service.metrics import ProducerMetrics
from posestream.service.process import StopSignal
from producer.admission import AdmissionPolicy, LiveAdmission, LosslessAdmission
from producer.calibration.live import REGISTRY_FIELD, Files, LiveCalibration, Registry
from producer.calibration.values import Calibration
from producer.encode import Encoder
from producer.feed import Feed
from producer.holding import HeldCamera
from producer.lease import LEASE_MS, Leases
from producer.settings import CameraSettings
from producer.sources import Source, SourceKind
from producer.sources.layers import Ending, NewestOnly, Persistent
from producer.summary import Account, Accountant
from producer.tally import Phase, Tally

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the cameras of a process share."""

    leases: Leases
    metrics: ProducerMetrics
    health: Health
    stop: StopSignal


class Camera:
    """Feeds one source and accounts for its frames; `run` is for a thread of its own."""

    def __init__(
        self, settings: CameraSettings, source: Source, shard: Shard, around: Surroundings, *, wait: bool
    ) -> None:
        settings = settings.settled(source.kind)
        self.tally = Tally(settings.name)
        self.account: Account | None = None
        self.failed = False
        self._wait = wait
        self._around = around
        metrics = around.metrics
        intake = FrameIntake(shard)
        held = HeldCamera(
            settings.name,
            intake,
            around.leases,
            around.health,
            around.stop,
            on_failure=metrics.broker_errors.labels("admitting").inc,
        )
        self._accountant = Accountant(ShardOperations(shard), held, self.tally, around.stop)
        self._feed = Feed(
            settings,
            _layered(source, settings, self.tally, around),
            Encoder(settings.limits, max_side=settings.max_side, quality=settings.quality),
            _admission(settings, held, self.tally, around, on_wait=self._accountant.remind),
            _calibration(settings, intake),
            held,
            self.tally,
            metrics,
            around.stop,
        )
        around.health.set_ready(f"camera {settings.name}", "starting")
        with logs.about(camera=settings.name):
            logger.info("%s: %s frames from %s", settings.name, settings.policy, source.name)

    def run(self) -> None:
        """Feed until the source ends or the process stops; errors end this camera alone, bugs the process."""
        with logs.about(camera=self.tally.camera):
            self._run_to_its_end()

    def _run_to_its_end(self) -> None:
        try:
            self._run()
        except PosestreamError as error:
            self.failed = True
            self._around.metrics.given_up.labels(self.tally.camera).set(1)
            logger.error("%s: given up: %s", self.tally.camera, error)  # noqa: TRY400 - the message says it all
        except BaseException:
            self.failed = True
            self._around.stop.set()
            logger.exception("%s: stopping the process", self.tally.camera)
        finally:
            self.tally.phase = Phase.ENDED
            self._around.health.forget(f"camera {self.tally.camera}")
            self._around.health.forget(f"source of {self.tally.camera}")
            self._around.health.set_ready(f"camera {self.tally.camera}", None)

    def _run(self) -> None:
        complete = self._feed.run(on_taken=self._accountant.open, on_fed=self._drain)
        self.account = self._accountant.close()
        waited = complete and self._wait and not self._around.stop.is_set()
        self.failed = waited and not self.account.settled

    def _drain(self) -> bool:
        """Wait for what becomes of the last frames, unless nobody wants to know; tells whether the run is over."""
        if not self._wait:
            return True
        self.tally.phase = Phase.DRAINING
        return self._accountant.wait()


def _admission(
    settings: CameraSettings, held: HeldCamera, tally: Tally, around: Surroundings, on_wait: Callable[[], None]
) -> AdmissionPolicy:
    policy = Policy(settings.policy or Policy.LIVE)
    request = AdmissionRequest(
        camera=settings.name,
        holder=around.leases.holder,
        run="",
        policy=policy,
        depth=settings.depth or 1,
        max_age_ms=settings.max_age if policy is Policy.LIVE else 0,
        lease_ms=LEASE_MS,
    )
    if policy is Policy.LIVE:
        return LiveAdmission(held, request, tally, around.metrics)
    return LosslessAdmission(held, request, tally, around.metrics, around.stop, on_wait)


def _calibration(settings: CameraSettings, intake: FrameIntake) -> LiveCalibration:
    """Return what the settings say of the camera, or where they say nothing what is set for it on the server."""
    if settings.calibrated:
        lens = Calibration(intrinsics=settings.intrinsics.as_message() if settings.intrinsics else None)
        return LiveCalibration(
            settings.name, Files(settings.calibration, settings.calibration_camera, settings.world, lens)
        )
    return LiveCalibration(settings.name, Registry(lambda: intake.setting(settings.name, REGISTRY_FIELD)))


def _layered(source: Source, settings: CameraSettings, tally: Tally, around: Surroundings) -> Source:
    """Lay around a camera what keeps it delivering; recordings need nothing."""
    if source.kind is SourceKind.RECORDING:
        return source
    name, metrics, health = settings.name, around.metrics, around.health

    def note(up: bool) -> None:
        metrics.source_up.labels(name).set(int(up))
        tally.away = not up

    note(False)
    ending = Ending(around.stop)
    persistent = Persistent(
        source,
        ending,
        on_up=note,
        on_reconnect=metrics.reconnects.labels(name).inc,
        beat=_beat(health, f"source of {name}"),
    )
    if settings.policy != "live":
        return persistent
    return NewestOnly(
        persistent,
        ending,
        beat=_beat(health, f"camera {name}"),
        on_end=lambda: health.forget(f"source of {name}"),
    )


def _beat(health: Health, loop: str) -> Callable[[], None]:
    return lambda: health.beat(loop)
