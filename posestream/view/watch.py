"""One camera while somebody watches it: one read of its poses, one of its frames, for however many pages."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

from posestream.broker import FrameLog
from posestream.errors import BrokerUnavailableError, PosestreamError
from posestream.keys import FrameId
from posestream.messages import PoseFrame
from posestream.subscriber import AsyncSubscription
from posestream.view.figures import Figures, age_ms
from posestream.view.matching import Matcher, Moment
from posestream.view.stage import Floors, Stage
from posestream.view.tail import FrameTail
from posestream.view.wire import Shown

logger = logging.getLogger(__name__)

_TICK_S: Final = 0.1
_AWAY_S: Final = 1.0


def steady_ms() -> float:
    """Return milliseconds on a clock that never steps."""
    return time.monotonic() * 1000


class CameraWatch:
    """Follows a camera from `start` to `stop`, and gives `on_shown` every moment. For one event loop.

    `subscribe` makes a subscription to the camera's poses from now on, `frames` what its frames are read from, and
    `server_ms` tells the server's time. `on_end` gets the tasks when they have ended, which only a mistake makes them.
    """

    def __init__(
        self,
        camera: str,
        *,
        subscribe: Callable[[], AsyncSubscription[PoseFrame]],
        frames: Callable[[], FrameLog],
        server_ms: Callable[[], float],
        on_shown: Callable[[Shown], None],
        on_end: Callable[[asyncio.Task[None]], None],
    ) -> None:
        self.camera = camera
        self.in_world: bool | None = None
        """Whether its place in the world is known; None before the first pose."""
        self.figures = Figures(steady_ms())
        self._problem = ""
        self._subscribe = subscribe
        self._frames = frames
        self._server_ms = server_ms
        self._on_shown = on_shown
        self._on_end = on_end
        self._matcher = Matcher(steady_ms())
        self._floors = Floors()
        self._tail: FrameTail | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to follow the poses."""
        self._tasks = [asyncio.create_task(self._follow_poses()), asyncio.create_task(self._keep_time())]
        for task in self._tasks:
            task.add_done_callback(self._on_end)

    def show_pictures(self, wanted: bool) -> None:
        """Read the frames, too, or do not any longer."""
        if wanted == (self._tail is not None):
            return
        if self._tail is not None:
            self._tail.stop()
            self._tail = None
            self._matcher = Matcher(steady_ms())
        self._matcher.pictures = wanted
        if wanted:
            loop = asyncio.get_running_loop()

            def on_frame(frame_id: FrameId, image: bytes) -> None:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody watches any more
                    loop.call_soon_threadsafe(self._add_image, tail, frame_id, image)

            tail = self._tail = FrameTail(self._frames(), self.camera, on_frame)
            tail.start()

    @property
    def problem(self) -> str:
        """What keeps poses or pictures from being shown, and does not go by itself; "" when nothing does."""
        return self._problem or ("" if self._tail is None else self._tail.problem)

    async def stop(self) -> None:
        """Read nothing any longer."""
        if self._tail is not None:
            self._tail.stop()
            self._tail = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Its parts --------------------------------------------------------------------------------------------------------

    async def _follow_poses(self) -> None:
        """Follow the poses, and begin anew where a subscription ends: the page says meanwhile what is wrong."""
        while True:
            try:
                async with self._subscribe() as poses:
                    async for pose in poses:
                        self._add_pose(pose)
            except BrokerUnavailableError as error:  # who looks at the cameras says so
                logger.debug("poses of %s: %s", self.camera, error)
            except PosestreamError as error:
                self._problem = str(error)
            await asyncio.sleep(_AWAY_S)

    async def _keep_time(self) -> None:
        """Let no pose wait for its picture for too long."""
        while True:
            await asyncio.sleep(_TICK_S)
            self._show(self._matcher.due(steady_ms()))

    def _add_pose(self, pose: PoseFrame) -> None:
        now_ms = steady_ms()
        self._problem = ""
        self.figures.add(pose, age_ms(pose, time.time() * 1000, self._server_ms()), now_ms)
        self.in_world = pose.extrinsics is not None
        self._show(self._matcher.add_pose(pose, now_ms))

    def _add_image(self, tail: FrameTail, frame_id: FrameId, image: bytes) -> None:
        if tail is self._tail:
            self._show(self._matcher.add_image(frame_id, image, steady_ms()))

    def _show(self, moments: list[Moment]) -> None:
        for moment in moments:
            self._on_shown(Shown(self.camera, moment, None if moment.pose is None else self._stage(moment.pose)))

    def _stage(self, pose: PoseFrame) -> Stage:
        if pose.extrinsics is not None:
            return Stage.of_world(pose.extrinsics)
        return Stage.of_floor(self._floors.seen(pose.people, steady_ms()))
