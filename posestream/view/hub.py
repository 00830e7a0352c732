"""Between the server and the pages: what is watched by anybody is read once, and nothing else is read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Final

from posestream.broker import redact
from posestream.errors import BrokerUnavailableError, PosestreamError
from posestream.keys import DEFAULT_PREFIX, Topology
from posestream.subscriber import asubscribe
from posestream.view.page import Page
from posestream.view.sightings import Observatory, Sighting, described
from posestream.view.watch import CameraWatch, steady_ms
from posestream.view.wire import Shown

logger = logging.getLogger(__name__)

MAX_PAGES: Final = 64
LOOK_S: Final = 1.0


class HubFullError(PosestreamError):
    """So many pages look that one more would make it worse for all of them."""


class Hub:
    """All pages of a viewer. For one event loop; `on_failure` is told of what can only be a mistake in the program."""

    def __init__(self, url: str, prefix: str, on_failure: Callable[[BaseException], None]) -> None:
        self._url = url
        self._prefix = prefix
        self._on_failure = on_failure
        self._server = redact(url) + ("" if prefix == DEFAULT_PREFIX else f", prefix {prefix}")
        self._observatory = Observatory(url, prefix)
        self._topology: Topology | None = None
        self._sighting = Sighting()
        self._pages: set[Page] = set()
        self._watches: dict[str, CameraWatch] = {}
        self._in_world: set[str] = set()
        self._looking: asyncio.Task[None] | None = None
        self._somebody_came = asyncio.Event()

    @contextlib.asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """Have a page for as long as the context lasts.

        Raises:
            HubFullError: there are too many.
        """
        if len(self._pages) >= MAX_PAGES:
            raise HubFullError(f"{MAX_PAGES} pages are open already; close one of them")
        page = Page()
        self._pages.add(page)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_on())
            self._looking.add_done_callback(self._check)
        self._somebody_came.set()
        try:
            yield page
        finally:
            self._pages.discard(page)
            await self.rearrange()

    async def rearrange(self) -> None:
        """Watch what the pages look at by now, and nothing else."""
        wanted: dict[str, bool] = {}
        for page in self._pages:
            for camera, pictures in page.watched.items():
                wanted[camera] = wanted.get(camera, False) or pictures
        gone = [self._watches.pop(camera) for camera in set(self._watches) - set(wanted)]
        if self._topology is not None:
            for camera, pictures in wanted.items():
                if camera in self._sighting.cameras:
                    self._watch(camera, self._topology).show_pictures(pictures)
        await asyncio.gather(*(watch.stop() for watch in gone))

    async def cameras(self) -> list[dict[str, Any]]:
        """Look which cameras there are, and how each does, for whoever has no page.

        Raises:
            BrokerError: the server can not be reached, or refuses something.
        """
        sighting = await asyncio.to_thread(self._look_alone)
        return [{"name": name, **described(camera)} for name, camera in sorted(sighting.cameras.items())]

    def _look_alone(self) -> Sighting:
        observatory = Observatory(self._url, self._prefix)  # the pages' own is another thread's
        try:
            return observatory.look()
        finally:
            observatory.close()

    async def close(self) -> None:
        """Read nothing any longer."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await asyncio.gather(*(watch.stop() for watch in self._watches.values()))
        self._observatory.close()

    def _check(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._on_failure(failure)

    # Looking ----------------------------------------------------------------------------------------------------------

    async def _look_on(self) -> None:
        """Look at the cameras once a second while there are pages, and at once for a new one; and tell them."""
        while True:
            self._somebody_came.clear()
            await self._look()
            status = json.dumps(self._status(), allow_nan=False)
            for page in self._pages:
                page.tell(status)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S if self._pages else None):
                    await self._somebody_came.wait()

    async def _look(self) -> None:
        try:
            if self._topology is None or not self._sighting.cameras:
                self._topology = await asyncio.to_thread(self._observatory.topology)
            self._sighting = await asyncio.to_thread(self._observatory.look)
            await self.rearrange()
        except BrokerUnavailableError as error:
            logger.debug("looking at the cameras: %s", error)
            self._sighting = replace(self._sighting, problem="The Redis server can not be reached")
        except PosestreamError as error:
            self._sighting = replace(self._sighting, problem=str(error))

    def _status(self) -> dict[str, Any]:
        sighting = self._sighting
        return {
            "type": "status",
            "problem": sighting.problem or None,
            "server": self._server,
            "now_ms": sighting.now_ms,
            "workers": sighting.workers,
            "tracker": sighting.tracker,
            "cameras": [
                {"name": name, **described(camera), **self._figures(name)}
                for name, camera in sorted(sighting.cameras.items())
            ],
        }

    def _figures(self, camera: str) -> dict[str, Any]:
        watch, now_ms = self._watches.get(camera), steady_ms()
        if watch is not None and watch.in_world is not None:  # remembered when nobody watches it any longer
            (self._in_world.add if watch.in_world else self._in_world.discard)(camera)
        return {
            "watched": watch is not None,
            "in_world": camera in self._in_world,
            "frames_per_s": 0.0 if watch is None else round(watch.figures.frames_per_s(now_ms), 2),
            "latency_ms": None if watch is None else watch.figures.latency_ms(now_ms),
            "people": None if watch is None else watch.figures.people(now_ms),
            "trouble": (watch.problem or None) if watch is not None else None,
        }

    # Watching ---------------------------------------------------------------------------------------------------------

    def _watch(self, camera: str, topology: Topology) -> CameraWatch:
        if camera not in self._watches:
            watch = CameraWatch(
                camera,
                subscribe=lambda: asubscribe(self._url, cameras=camera, prefix=self._prefix),
                frames=lambda: self._observatory.frames(camera, topology),
                server_ms=self._observatory.clock.now_ms,
                on_shown=lambda shown: self._show(camera, shown),
                on_end=self._check,
            )
            self._watches[camera] = watch
            watch.start()
        return self._watches[camera]

    def _show(self, camera: str, shown: Shown) -> None:
        for page in self._pages:
            if camera in page.watched:
                page.show(camera, shown)
