"""`asubscribe`: the same for asyncio. Reading happens in threads, so that nothing here ever holds the loop up."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, cast, overload

from posestream.errors import PosestreamError
from posestream.keys import DEFAULT_PREFIX
from posestream.messages import PoseFrame
from posestream.subscriber.events import Event
from posestream.subscriber.options import Options, read_options
from posestream.subscriber.session import Session
from posestream.subscriber.start import Position, Start

T = TypeVar("T")


class _Holder:
    """A session that is being opened in a thread; it is stopped as soon as it is there when nobody wants it by then."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self._lock = threading.RLock()  # a subscription may be finalized anywhere, in the midst of `open`, too
        self.stopped = False

    def open(self, options: Options, *, events: bool, on_arrival: Callable[[], None]) -> Session:
        """Open it."""
        session = Session(options, events=events, on_arrival=on_arrival)
        with self._lock:
            self.session = session
            if self.stopped:
                session.stop()
        return session

    def stop(self) -> None:
        """Stop it, now or when it is there; from any thread."""
        with self._lock:
            self.stopped = True
            if self.session is not None:
                self.session.stop()


class AsyncSubscription(Generic[T]):
    """An asynchronous iterator over what is published; ends when stopped. `asubscribe` makes one.

    It connects when it is entered or first iterated over. Cancelling whoever waits loses nothing: the next one goes on.
    """

    def __init__(self, options: Options, *, events: bool) -> None:
        self._options = options
        self._events = events
        self._arrived = asyncio.Event()
        self._holder = _Holder()
        self._opening: asyncio.Future[Session] | None = None
        weakref.finalize(self, self._holder.stop)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        session = await self._opened()
        # However much waits here, others have their turn, before anything is taken that cancelling could lose.
        await asyncio.sleep(0)
        while not session.stopped:
            self._arrived.clear()
            item = session.take(wait=False)
            if item is not None:
                return cast(T, item)
            await self._arrived.wait()
        session.take(wait=False)  # who asks again has done with the last frame
        raise StopAsyncIteration

    def take(self) -> T | None:
        """Return the next item if there is one by now, without waiting; else None, as before it is entered."""
        return None if self._holder.session is None else cast(T | None, self._holder.session.take(wait=False))

    @property
    def stopped(self) -> bool:
        """Whether it has been stopped or closed: nothing comes any more."""
        return self._holder.stopped

    @property
    def positions(self) -> dict[str, Position]:
        """How far it has come with each camera: kept, and given as `start`, it goes on from there."""
        return {} if self._holder.session is None else self._holder.session.positions

    def stop(self) -> None:
        """End the iteration, from any task or thread; does not wait."""
        self._holder.stop()

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
        if self._opening is not None:
            with contextlib.suppress(PosestreamError):  # then there is nothing to close
                session = await self._opened()
                await asyncio.to_thread(lambda: session.close(last_is_done=last_is_done))

    async def _opened(self) -> Session:
        """Return the session, opened if it is not yet; once, however many ask, and whoever is cancelled meanwhile."""
        if self._opening is None:
            loop, arrived = asyncio.get_running_loop(), self._arrived
            opened = partial(self._holder.open, self._options, events=self._events)

            def on_arrival() -> None:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(arrived.set)

            self._opening = loop.run_in_executor(None, partial(opened, on_arrival=on_arrival))
        opening = self._opening
        try:
            return await asyncio.shield(opening)
        except Exception:
            if self._opening is opening:  # whoever asks next tries again
                self._opening = None
            raise


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
