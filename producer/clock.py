"""Frame ids on the server's clock, which is only ever seen through its replies."""

from __future__ import annotations

from collections import deque
from typing import Final

from posestream.keys import FrameId

_SAMPLES: Final = 16


class FrameClock:
    """Estimates the server's clock and gives out frame ids, each larger than the one before.

    Times of this process are seconds on its steady clock (time.monotonic), so that setting the wall clock changes
    nothing.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=_SAMPLES)
        self._offset_ms = 0.0
        self._last = FrameId(0)

    def observe(self, server_ms: int, sent_s: float, received_s: float) -> None:
        """Learn from a reply that carries the server's time, sent for at `sent_s` and received at `received_s`.

        The server read its clock somewhere in between; of the latest replies the quickest one tells best when.
        """
        offset_ms = server_ms - (sent_s + received_s) * 500.0
        self._samples.append((received_s - sent_s, offset_ms))
        self._offset_ms = min(self._samples)[1]

    def restart(self, server_ms: int, sent_s: float, received_s: float, *, last: FrameId) -> None:
        """Forget earlier replies and ids: the server's clock has turned out to be elsewhere, the camera at `last`."""
        self._samples.clear()
        self._last = last
        self.observe(server_ms, sent_s, received_s)

    def server_ms(self, now_s: float) -> int:
        """Return what the server's clock is thought to say at `now_s`."""
        return int(now_s * 1000.0 + self._offset_ms)

    def seen(self, frame_id: FrameId) -> None:
        """Give only larger ids from now on."""
        self._last = max(self._last, frame_id)

    def next_id(self, now_s: float) -> FrameId:
        """Return the id of a frame that is admitted at `now_s`."""
        self._last = self._last.next(self.server_ms(now_s))
        return self._last
