"""One slot of the pose worker: a thread that takes a frame, processes it, finishes it, and starts over."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from posestream.broker import Shard, Token, WorkQueue, connect
from posestream.broker.clock import ServerClock
from posestream.errors import BrokerUnavailableError
from posestream.keys import ShardKeys
from posestream.messages import Outcome, encode_pose
from posestream.service.health import Health
from posestream.service.metrics import WorkerMetrics
from posestream.service.process import Patience, StopSignal
from workers.pose.frame import FrameProcessor, UnusableFrameError
from workers.pose.gate import Gate
from workers.pose.settings import PoseSettings

logger = logging.getLogger(__name__)

BLOCK_MS = 1000


@dataclass(frozen=True, slots=True)
class Shared:
    """What the slots of a process share."""

    settings: PoseSettings
    gate: Gate
    strays: StrayWatch
    clock: ServerClock
    metrics: WorkerMetrics
    health: Health
    stop: StopSignal


class StrayWatch:
    """Decides when a slot looks for stranded frames: now and then, one slot of a shard, never soon after its outage.

    After a start or an outage of the shard everybody else needs time to say that they are still at it.
    """

    def __init__(self, claim_after_ms: int) -> None:
        self._quiet_s = claim_after_ms / 1000
        self._interval_s = self._quiet_s / 4
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._quiet_until: dict[int, float] = {}
        self._next: dict[int, float] = {}

    def outage(self, shard: int) -> None:
        """Note that a shard's server was not reached just now."""
        with self._lock:
            self._quiet_until[shard] = time.monotonic() + self._quiet_s

    def again(self, shard: int) -> None:
        """Note that a stranded frame was found: where there was one there may be more."""
        with self._lock:
            self._next[shard] = 0

    def due(self, shard: int) -> bool:
        """Tell whether the caller should look through a shard now; true for one caller per shard and interval."""
        with self._lock:
            now = time.monotonic()
            quiet_until = self._quiet_until.get(shard, self._started + self._quiet_s)
            if now < max(quiet_until, self._next.get(shard, 0)):
                return False
            self._next[shard] = now + self._interval_s
            return True


class Slot:
    """Takes, processes and finishes one frame at a time, on its own connection and inference request."""

    def __init__(self, name: str, keys: ShardKeys, processor: FrameProcessor, shared: Shared) -> None:
        self.name = name
        self.shard_keys = keys
        self.in_hand: Token | None = None
        self._processor = processor
        self._shared = shared
        self._stages = shared.metrics.stages
        self._shard = Shard(
            connect(shared.settings.redis_url, name=name),
            keys,
            on_recovery=lambda what: shared.metrics.broker_recoveries.labels(what).inc(),
        )
        self.queue = WorkQueue(self._shard, consumer=name)
        self._patience = Patience(shared.stop, shared.metrics.broker_errors.labels("pose").inc)
        self._unsure = False  # of what is in hand by the server's books

    def run(self) -> None:
        """Work until asked to stop, then leave the group."""
        while not self._shared.stop.is_set():
            self._shared.health.beat(self.name)
            try:
                self.step()
            except BrokerUnavailableError as error:
                # Whatever was in hand still is, by the server's books: it is looked up there before anything is taken.
                self._unsure = True
                self._shared.strays.outage(self.shard_keys.shard)
                self._shared.health.set_ready("broker", str(error))
                self._patience.failed(error)
            else:
                self._patience.succeeded()
                self._shared.health.set_ready("broker", None)
        self._leave()

    def step(self) -> None:
        """Take one frame and end it: take, load, decode the image, infer, decode the poses, finish."""
        if self._unsure:
            self._resume()
        elif self._strays_due() and self.queue.stranded(self._shared.settings.claim_after_ms):
            self._reclaim()
        else:
            with self._shared.gate.shared():
                with self._stages("take"):
                    token = self.queue.take(BLOCK_MS)
                if token is not None:
                    with self._holding(token):
                        self._process(token)

    def _strays_due(self) -> bool:
        return self._shared.strays.due(self.shard_keys.shard)

    @contextmanager
    def _holding(self, token: Token) -> Iterator[None]:
        """Let the heartbeat speak for the token meanwhile."""
        self.in_hand = token
        self._shared.metrics.busy.inc()
        try:
            yield
        finally:
            self._shared.metrics.busy.dec()
            self.in_hand = None

    def _process(self, token: Token) -> None:
        """Load the frame in hand, process it, and end it, one way or another."""
        with self._stages("load"):
            token, frame = self.queue.load(token)
        if 0 < token.expires_ms < self._shared.clock.now_ms():
            self._finish(token, Outcome.STALE, "max_age")
            return
        if frame is None:
            self._finish(token, Outcome.DEAD, "missing", "the frame's pixels are gone from the server")
            return
        try:
            pose = self._processor.process(token, frame)
            packed = encode_pose(pose)
        except UnusableFrameError as error:
            self._finish(token, Outcome.DEAD, error.reason, str(error))
        except Exception as error:  # one frame must not take its neighbours down: it is counted, and tried again alone
            logger.exception("frame failed", extra={"camera": token.camera, "frame": str(token.frame_id)})
            self._fail(token, f"{type(error).__name__}: {error}")
        else:
            self._finish(token, Outcome.POSED, packed)
            self._shared.metrics.people.inc(len(pose.people))

    def _fail(self, token: Token, error: str) -> None:
        if self.queue.release(token, self._shared.settings.max_deliveries, error):
            self._shared.metrics.finished.labels(Outcome.DEAD.value).inc()
            self._note_dead(token, "failed", error)

    def _finish(self, token: Token, outcome: Outcome, data: bytes | str, error: str = "") -> None:
        with self._stages("finish"):
            kept = self.queue.finish(token, outcome, data, error)
        metrics = self._shared.metrics
        metrics.finished.labels(outcome.value if kept else "lost").inc()
        metrics.age.observe(max(0.0, (self._shared.clock.now_ms() - token.frame_id.ms) / 1000))
        if not kept:
            # Taken over, most likely. A replica that became the server may have other books: see what they say of us.
            self._unsure = True
        elif outcome is Outcome.DEAD:
            self._note_dead(token, str(data), error)

    def _note_dead(self, token: Token, reason: str, error: str) -> None:
        self._shared.metrics.dead_letters.labels(reason).inc()
        extra = {"camera": token.camera, "frame": str(token.frame_id)}
        logger.warning("dead letter: %s (%s)", reason, error, extra=extra)

    def _resume(self) -> None:
        """When unsure: end what the server says is in hand, one at a time and alone, as it may be a bad one."""
        # Asked before the gate, where a server that hangs would keep the other slots waiting for their turn to ask.
        tokens = self.queue.in_hand()
        self._unsure = False
        if tokens:
            with self._shared.gate.alone():
                for token in tokens:
                    with self._holding(token):
                        self._process(token)

    def _reclaim(self) -> None:
        """Take over one stranded frame, with nothing else in hand."""
        settings = self._shared.settings
        with self._shared.gate.alone():
            token = self.queue.reclaim(settings.claim_after_ms, settings.max_deliveries)
            if token is not None:
                self._shared.strays.again(self.shard_keys.shard)
                self._shared.metrics.reclaimed.inc()
                with self._holding(token):
                    self._process(token)

    def _leave(self) -> None:
        self._shared.health.forget(self.name)
        try:
            if self._unsure:
                self._give_back()
            self.queue.retire()
        except BrokerUnavailableError as error:
            logger.warning("left without saying so: %s", error)
        self._shard.close()

    def _give_back(self) -> None:
        """Release what the server says is in hand: an outage is no failed delivery."""
        for token in self.queue.in_hand():
            self.queue.release(token, self._shared.settings.max_deliveries)
