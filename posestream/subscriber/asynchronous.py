"""`asubscribe`: the same for asyncio. Reading happens in threads, so that nothing here ever holds the loop up."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, cast, overload

from posestream.keys import DEFAULT_PREFIX
from posestream.messages import PoseFrame
from posestream.subscriber.events import Event
from posestream.subscriber.options import Options, read_options
from posestream.subscriber.session import Session
from posestream.subscriber.start import Position, Start

T = TypeVar("T")


class AsyncSubscription(Generic[T]):
    """An asynchronous iterator over what is published; ends when stopped. `asubscribe` makes one.

    It connects when it is entered or first iterated over. Cancelling whoever waits loses nothing: the next one goes on.
    """

    def __init__(self, options: Options, *, events: bool) -> None:
        self._options = options
        self._events = events
        self._arrived = asyncio.Event()
        self._session: Session | None = None
        self._stopped = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        session = await self._opened()
        while not session.stopped:
            self._arrived.clear()
            item = session.take(wait=False)
            if item is not None:
                return cast(T, item)
            await self._arrived.wait()
        session.take(wait=False)  # who asks again has done with the last frame
        raise StopAsyncIteration

    @property
    def positions(self) -> dict[str, Position]:
        """The last frame of each camera that has been handed out: kept, and given as `start`, it goes on from there."""
        return {} if self._session is None else self._session.positions

    def stop(self) -> None:
        """End the iteration, from any task or thread; does not wait."""
        self._stopped = True
        if self._session is not None:
            self._session.stop()

    async def close(self) -> None:
        """End the iteration and wait until the connections are closed; the frame in hand counts as done."""
        await self._close(last_is_done=True)

    async def __aenter__(self) -> Self:
        await self._opened()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close(last_is_done=kind is None)

    async def _close(self, *, last_is_done: bool) -> None:
        self.stop()
        if self._session is not None:
            session = self._session
            await asyncio.to_thread(lambda: session.close(last_is_done=last_is_done))

    async def _opened(self) -> Session:
        """Return the session, opened if it is not yet; not twice, whoever is cancelled meanwhile."""
        if self._session is None:
            loop, arrived = asyncio.get_running_loop(), self._arrived

            def on_arrival() -> None:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(arrived.set)

            opening = loop.run_in_executor(
                None, lambda: Session(self._options, events=self._events, on_arrival=on_arrival)
            )
            try:
                self._session = await asyncio.shield(opening)
            except asyncio.CancelledError:
                opening.add_done_callback(_stop_opened)
                raise
            weakref.finalize(self, self._session.stop)
            if self._stopped:
                self._session.stop()
        return self._session


def _stop_opened(opening: asyncio.Future[Session]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().stop()


@overload
def asubscribe(
    url: str = ...,
    *,
    cameras: str | Iterable[str] | None = ...,
    start: Start = ...,
    events: Literal[False] = ...,
    latest: bool = ...,
    group: str | None = ...,
    consumer: str = ...,
    claim_after_s: float = ...,
    offline_after_s: float = ...,
    prefix: str = ...,
) -> AsyncSubscription[PoseFrame]: ...


@overload
def asubscribe(
    url: str = ...,
    *,
    events: Literal[True],
    cameras: str | Iterable[str] | None = ...,
    start: Start = ...,
    latest: bool = ...,
    group: str | None = ...,
    consumer: str = ...,
    claim_after_s: float = ...,
    offline_after_s: float = ...,
    prefix: str = ...,
) -> AsyncSubscription[PoseFrame | Event]: ...


def asubscribe(
    url: str = "redis://127.0.0.1:6379/0",
    *,
    cameras: str | Iterable[str] | None = None,
    start: Start = "now",
    events: bool = False,
    latest: bool = False,
    group: str | None = None,
    consumer: str = "",
    claim_after_s: float = 30.0,
    offline_after_s: float = 10.0,
    prefix: str = DEFAULT_PREFIX,
) -> AsyncSubscription[Any]:
    """Return an asynchronous iterator over frames: as `subscribe`, which explains the arguments.

    Raises:
        ConfigurationError: an argument is wrong. What else `subscribe` raises comes when this is entered or iterated.
    """
    options = read_options(
        url,
        cameras=cameras,
        start=start,
        latest=latest,
        group=group,
        consumer=consumer,
        claim_after_s=claim_after_s,
        offline_after_s=offline_after_s,
        prefix=prefix,
    )
    return AsyncSubscription(options, events=events)
