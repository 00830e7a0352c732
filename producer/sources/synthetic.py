"""Synthetic people as a source: a camera that never ends, or, with `frames=`, a recording of so many frames."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from posestream.messages import CaptureClock
from producer.sources.base import Picture, SourceFacts, SourceKind, Stamp, Unreadable
from producer.synthetic.options import parse_options
from producer.synthetic.view import SyntheticView

_TURN_S = 0.5


class SyntheticSource:
    """The frames of a `synthetic:` address.

    Frame i shows the scene at i / fps seconds and is captured at `start` + i / fps. A camera gives the frame that is
    due, and leaves out those that nobody asked for in time; a recording gives every frame, at any speed.
    """

    def __init__(self, text: str, now_s: Callable[[], float] = time.time) -> None:
        self.name = text
        self._options = options = parse_options(text)
        self._view = SyntheticView(options)
        self._now_s = now_s
        self._start_ms = options.start_ms or 0
        self._index = -1
        self.kind = SourceKind.CAMERA if options.frames is None else SourceKind.RECORDING
        self.identity = None if options.frames is None else text
        self.facts = SourceFacts(
            frames=options.frames,
            fps=options.fps,
            intrinsics=self._view.intrinsics,
            extrinsics=self._view.extrinsics,
        )

    def open(self) -> None:
        """Start from the first frame; a camera without `start` starts now."""
        self._index = -1
        self._view.image(0)  # the first picture takes as long as many others: the room is drawn with it
        if self._options.start_ms is None and self.kind is SourceKind.CAMERA:
            self._start_ms = int(self._now_s() * 1000)

    def grab(self) -> Stamp | None:
        """Move on to the next frame; a camera waits until one is due."""
        self._index += 1
        if self.kind is SourceKind.RECORDING:
            if self._index >= (self._options.frames or 0):
                return None
            media_ms = self._index * 1000 / self._options.fps
            captured_ms = self._options.captured_ms(self._index, self._start_ms)
            return Stamp(captured_ms, CaptureClock.FILE, media_ms)
        self._wait_until_due()
        return Stamp(self._options.captured_ms(self._index, self._start_ms), CaptureClock.SENSOR, None)

    def _wait_until_due(self) -> None:
        newest = math.floor((self._now_s() - self._start_ms / 1000) * self._options.fps)
        self._index = max(self._index, newest)
        due_s = self._start_ms / 1000 + self._index / self._options.fps
        while (wait_s := due_s - self._now_s()) > 0:
            time.sleep(min(wait_s, _TURN_S))

    def retrieve(self) -> Picture:
        """Draw the frame grabbed last."""
        return self._view.image(self._index) if self._index >= 0 else Unreadable("no frame grabbed yet")

    def close(self) -> None:
        """Nothing is held."""
