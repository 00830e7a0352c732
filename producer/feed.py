"""One camera's loop: read, pace, encode, admit."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from posestream import calibration_maps
from posestream.messages import FrameMeta, encode_meta
from posestream.service.metrics import ProducerMetrics
from posestream.service.process import StopSignal
from producer.admission import AdmissionPolicy
from producer.calibration.live import LiveCalibration
from producer.calibration.values import Calibration
from producer.encode import EncodedFrame, Encoder
from producer.holding import HeldCamera
from producer.pacing import NoPace, Pace, SourcePace
from producer.settings import CameraSettings
from producer.sources import Source, SourceKind, Stamp
from producer.tally import Phase, Tally

logger = logging.getLogger(__name__)

_MUCH: Final = 0.9  # of the frames announced: containers count, and rates thin, only about right


class Feed:
    """Plays one source into its camera, in a thread of its own."""

    def __init__(
        self,
        camera: CameraSettings,
        source: Source,
        encoder: Encoder,
        admission: AdmissionPolicy,
        calibration: LiveCalibration,
        held: HeldCamera,
        tally: Tally,
        metrics: ProducerMetrics,
        stop: StopSignal,
    ) -> None:
        self._camera = camera
        self._source = source
        self._encoder = encoder
        self._admission = admission
        self._calibration = calibration
        self._calibrated = Calibration()
        self._held = held
        self._tally = tally
        self._metrics = metrics
        self._stop = stop
        self._described_wh: tuple[int, int] | None = None
        self._described = Calibration()
        self._position = 0
        self._on_taken: Callable[[], None] = _nothing
        self._on_fed: Callable[[], bool] = lambda: True

    def run(self, on_taken: Callable[[], None], on_fed: Callable[[], bool]) -> bool:
        """Play the source to its end, again and again if it loops; tells whether the run came to its end.

        `on_taken` is called when the camera is this producer's for the first time, before the first frame; `on_fed`
        after the last frame, and tells whether the run is over: until it is, a producer that is started again goes on
        there.
        """
        self._on_taken, self._on_fed = on_taken, on_fed
        complete = False
        try:
            while not self._stop.is_set():
                complete = self._play_once()
                if not (complete and self._camera.loop):
                    break
        finally:
            self._source.close()
            self._set_up(0)
        return complete

    def _play_once(self) -> bool:
        self._open()
        self._held.description = self._description()
        start = self._admission.begin(self._source.identity)
        if start is None:
            return False
        over = False
        try:
            self._on_taken()
            self._on_taken = _nothing
            self._tally.resumed_at = start
            self._tally.phase = Phase.FEEDING
            self._set_up(1)
            over = self._play_from(start) and (self._camera.loop or self._on_fed())
        finally:
            self._admission.end(complete=over, keep=over and self._camera.loop and not self._stop.is_set())
        return over

    def _play_from(self, wanted: int) -> bool:
        """Feed the source from a position; tells whether its end was reached."""
        pace: Pace = SourcePace() if self._camera.played_as_recorded else NoPace()
        while not self._stop.is_set():
            self._held.beat()
            with self._metrics.stages("read"):
                stamp = self._grab(wanted)
                if stamp is None:
                    return self._at_end(wanted)
                picture = self._source.retrieve()
            if stamp.media_ms is not None:
                self._pause(pace.wait_s(stamp.media_ms, time.monotonic()))
            with self._metrics.stages("encode"):
                frame = self._encoder.encode(picture)
                meta = self._meta(stamp, frame)
            with self._metrics.stages("admit"):
                following = self._admission.admit(wanted, frame.image, meta)
            if following is None:
                return True
            wanted = following
            self._note(frame, wanted)
        return False

    def _at_end(self, frames: int) -> bool:
        """Tell whether this is the source's end and not the process's; says so when it comes early."""
        if self._stop.is_set():
            return False
        announced = self._source.facts.frames or 0
        if frames < _MUCH * announced:
            logger.warning(
                "%s: %s ends after %d of the %d frames that it announces: it is cut short or broken",
                self._camera.name,
                self._source.name,
                frames,
                announced,
            )
        return True

    def _open(self) -> None:
        """(Re)start the source at its first frame."""
        self._source.open()
        self._position = 0
        self._tally.total = self._source.facts.frames

    def _grab(self, wanted: int) -> Stamp | None:
        """Move to a position of the source, over the frames before it without decoding them."""
        if self._source.identity is None:
            self._position = wanted  # frames never come twice: the next one takes this place
        elif wanted < self._position:
            self._open()
        while True:
            stamp = self._source.grab()
            self._position += 1
            if stamp is None or self._position > wanted or self._stop.is_set():
                return stamp
            self._held.beat()

    def _set_up(self, up: int) -> None:
        if self._source.kind is SourceKind.RECORDING:  # a camera's reader knows better
            self._metrics.source_up.labels(self._camera.name).set(up)

    def _pause(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0 and not self._stop.wait(min(left_s, 5.0)):
            self._held.beat()

    def _meta(self, stamp: Stamp, frame: EncodedFrame) -> bytes:
        facts = self._source.facts
        of_source = Calibration(None, facts.intrinsics, None, facts.extrinsics)
        self._calibrated = known = self._calibration.now(time.monotonic(), frame.source_wh, of_source)
        return encode_meta(
            FrameMeta(
                captured_ms=stamp.captured_ms,
                clock=stamp.clock,
                source_wh=frame.source_wh if frame.scaled else None,
                intrinsics=known.intrinsics,
                distortion=known.distortion,
                extrinsics=known.extrinsics,
                error=frame.error,
            )
        )

    def _note(self, frame: EncodedFrame, wanted: int) -> None:
        self._tally.position = wanted
        self._tally.total = self._source.facts.frames
        if frame.passed_through:
            self._metrics.passed_through.labels(self._camera.name).inc()
        described = (frame.source_wh or self._described_wh, self._calibrated)
        if described != (self._described_wh, self._described):
            self._described_wh, self._described = described
            self._held.description = self._description()
            self._held.announce()

    def _description(self) -> dict[str, Any]:
        known: dict[str, Any] = {"source": self._source.name, "policy": self._camera.policy}
        if self._described_wh is not None:
            known["width"], known["height"] = self._described_wh
            of_camera = self._described
            known |= calibration_maps.described(of_camera.intrinsics, of_camera.distortion, of_camera.extrinsics)
        if self._source.facts.fps is not None:
            known["fps"] = self._source.facts.fps
        return known


def _nothing() -> None:
    """Do nothing."""
