"""What is laid around a source: fewer frames, reconnection, and only the newest frame for a slow reader."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from posestream.errors import SourceError
from posestream.service.process import StopSignal, jittered_wait_s
from producer.pacing import Thinning
from producer.sources.base import Picture, Source, SourceFacts, SourceKind, Stamp, Unreadable

logger = logging.getLogger(__name__)

_TURN_S = 0.5


class Thinned:
    """At most `fps` frames a second of a source; the same ones whenever a recording is played."""

    def __init__(self, source: Source, fps: float) -> None:
        self.name = source.name
        self.kind = source.kind
        self._source = source
        self._fps = fps
        self._thinning = self._begun()

    def _begun(self) -> Thinning:
        step_ms = 1000.0 / self._fps
        return Thinning(self._fps, early_ms=step_ms / 4 if self.kind is SourceKind.CAMERA else min(step_ms / 4, 2.0))

    @property
    def identity(self) -> str | None:
        """The source's, and the rate, because other frames are at the same places with another rate."""
        inner = self._source.identity
        return None if inner is None else f"{inner}@{self._fps:g}"

    @property
    def facts(self) -> SourceFacts:
        """The source's, with the number of frames to be expected."""
        inner = self._source.facts
        if inner.fps is None or inner.fps <= self._fps:
            return inner
        frames = None if inner.frames is None else max(1, round(inner.frames * self._fps / inner.fps))
        return replace(inner, frames=frames, fps=self._fps)

    def open(self) -> None:
        """Open the source, and begin anew to choose."""
        self._source.open()
        self._thinning = self._begun()

    def grab(self) -> Stamp | None:
        """Move on to the next frame that is taken."""
        while (stamp := self._source.grab()) is not None:
            at_ms = time.monotonic() * 1000.0 if stamp.media_ms is None else stamp.media_ms
            if self._thinning.takes(at_ms):
                return stamp
        return None

    def retrieve(self) -> Picture:
        """Return the frame grabbed last."""
        return self._source.retrieve()

    def close(self) -> None:
        """Close the source."""
        self._source.close()


class Ending:
    """Says when a camera's reader is to end: when the process stops, or when the camera alone is closed."""

    def __init__(self, stop: StopSignal) -> None:
        self._stop = stop
        self._closed = threading.Event()

    def close(self) -> None:
        """Ask the camera's reader to end."""
        self._closed.set()

    def reopen(self) -> None:
        """Let a reader begin."""
        self._closed.clear()

    def is_set(self) -> bool:
        """Tell whether to end."""
        return self._closed.is_set() or self._stop.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep for so long, or until it is about time to end."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0 and not self.is_set():
            self._stop.wait(min(left_s, _TURN_S))


class Persistent:
    """A camera that is opened again whenever it is lost, until it comes back or its reader is to end.

    `on_up` is told whether the camera delivers, `on_reconnect` of every attempt to get a lost one back, and `beat`
    that the loop turns.
    """

    def __init__(
        self,
        source: Source,
        ending: Ending,
        *,
        on_up: Callable[[bool], None],
        on_reconnect: Callable[[], None],
        beat: Callable[[], None],
    ) -> None:
        self.name = source.name
        self.kind = source.kind
        self.identity = source.identity
        self._source = source
        self._ending = ending
        self._on_up = on_up
        self._on_reconnect = on_reconnect
        self._beat = beat
        self._failures = 0
        self._open = False

    @property
    def facts(self) -> SourceFacts:
        """The source's, as it said when last opened."""
        return self._source.facts

    def open(self) -> None:
        """Start from the first frame again; the camera itself is opened with the next grab."""
        self._open = False

    def grab(self) -> Stamp | None:
        """Wait for the next frame, for as long as that takes; None at a recording's end and when asked to end."""
        while not self._ending.is_set():
            self._beat()
            try:
                if not self._open:
                    self._source.open()
                    self._open = True
                stamp = self._source.grab()
            except SourceError as error:
                self._lost(error)
                continue
            if self._failures:
                logger.info("%s: delivers again after %d attempts", self.name, self._failures)
            self._failures = 0
            self._on_up(stamp is not None)
            return stamp
        return None

    def _lost(self, error: SourceError) -> None:
        self._on_up(False)
        if not self._failures:
            logger.warning("no frames, trying on: %s", error)
        self._failures += 1
        self._open = False
        self._source.close()
        self._ending.wait(jittered_wait_s(self._failures, first_s=0.25, most_s=10.0))
        if not self._ending.is_set():
            self._on_reconnect()

    def retrieve(self) -> Picture:
        """Return the frame grabbed last."""
        return self._source.retrieve()

    def close(self) -> None:
        """Close the camera."""
        self._open = False
        self._source.close()


class NewestOnly:
    """A camera read by a thread of its own, so that whoever is slow gets the newest frame and never an old one.

    A recording behind a URL is not overrun: its reader waits until each frame was taken. `on_end` is called when the
    reader has ended.
    """

    def __init__(self, source: Source, ending: Ending, *, beat: Callable[[], None], on_end: Callable[[], None]) -> None:
        self.name = source.name
        self.kind = source.kind
        self.identity = source.identity
        self._source = source
        self._ending = ending
        self._beat = beat
        self._on_end = on_end
        self._changed = threading.Condition()
        self._newest: tuple[Stamp, Picture] | None = None
        self._taken: Picture = Unreadable("no frame grabbed yet")
        self._problem: Exception | None = None
        self._finished = False

    @property
    def facts(self) -> SourceFacts:
        """The source's, as far as it has been opened yet."""
        return self._source.facts

    def open(self) -> None:
        """Start reading (again, after a recording's end)."""
        self._newest = self._problem = None
        self._finished = False
        self._ending.reopen()
        run = contextvars.copy_context().run  # so that its log lines are about the camera, too
        threading.Thread(target=run, args=(self._read,), name=f"read {self.name}", daemon=True).start()

    def _read(self) -> None:
        try:
            self._source.open()
            while not self._ending.is_set() and (stamp := self._source.grab()) is not None:
                self._offer((stamp, self._source.retrieve()), overrun=stamp.media_ms is None)
        except Exception as error:  # noqa: BLE001 - raised again in the thread that asks for frames
            self._problem = error
        finally:
            self._source.close()
            self._on_end()
            with self._changed:
                self._finished = True
                self._changed.notify_all()

    def _offer(self, frame: tuple[Stamp, Picture], *, overrun: bool) -> None:
        with self._changed:
            while not overrun and self._newest is not None and not self._ending.is_set():
                self._changed.wait(_TURN_S)
            self._newest = frame
            self._changed.notify_all()

    def grab(self) -> Stamp | None:
        """Wait for a frame that has not been given out; None at the end and when asked to end."""
        while not self._ending.is_set():
            self._beat()
            with self._changed:
                if self._newest is None and not self._finished:
                    self._changed.wait(_TURN_S)
                if self._newest is not None:
                    stamp, self._taken = self._newest
                    self._newest = None
                    self._changed.notify_all()
                    return stamp
                if self._finished:
                    break
        if self._problem is not None:
            raise self._problem
        return None

    def retrieve(self) -> Picture:
        """Return the frame grabbed last."""
        return self._taken

    def close(self) -> None:
        """Leave the camera to its reader, which closes it after the frame at hand."""
        self._ending.close()
