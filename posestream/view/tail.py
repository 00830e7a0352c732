"""Reading a camera's frames while somebody looks: on a thread, as they are gone when a worker has done with them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from posestream.broker import FrameLog
from posestream.errors import BrokerError, BrokerUnavailableError
from posestream.keys import FrameId

logger = logging.getLogger(__name__)

_BLOCK_MS: Final = 250
_BATCH: Final = 4
_AWAY_S: Final = 1.0


class FrameTail:
    """Reads from `start` to `stop`; `on_frame` is called on the thread, with the frame's id and its encoded image."""

    def __init__(self, log: FrameLog, camera: str, on_frame: Callable[[FrameId, bytes], None]) -> None:
        self.problem = ""
        """Why it has ended by itself, if it has."""
        self._log = log
        self._camera = camera
        self._on_frame = on_frame
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"frames of {camera}", daemon=True)

    def start(self) -> None:
        """Begin to read, with the frames that wait by now."""
        self._thread.start()

    def stop(self) -> None:
        """End it, without waiting: it reads one more time at most."""
        self._stop.set()

    def _run(self) -> None:
        try:
            self._follow()
        except BrokerError as error:  # the poses are shown without pictures then
            self.problem = str(error)
            logger.error("no pictures of %s: %s", self._camera, error)  # noqa: TRY400 - the message says it all
        finally:
            self._log.close()

    def _follow(self) -> None:
        after = FrameId(0)
        while not self._stop.is_set():
            try:
                frames = self._log.read(self._camera, after, count=_BATCH, block_ms=_BLOCK_MS)
            except BrokerUnavailableError:  # the page is told by whoever looks at the cameras
                self._stop.wait(_AWAY_S)
                continue
            for frame_id, image in frames:
                after = frame_id
                if not self._stop.is_set():
                    self._on_frame(frame_id, image)
