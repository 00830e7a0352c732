"""`subscribe`: frames as they are published, from an iterator that blocks."""

from __future__ import annotations

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


class Subscription(Generic[T]):
    """An iterator over what is published; ends when stopped. `subscribe` makes one."""

    def __init__(self, options: Options, *, events: bool) -> None:
        self._session = Session(options, events=events)
        weakref.finalize(self, self._session.stop)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        item = self._session.take(wait=True)
        if item is None:
            raise StopIteration
        return cast(T, item)

    def take(self) -> T | None:
        """Return the next item if there is one by now, without waiting; else None."""
        return cast(T | None, self._session.take(wait=False))

    @property
    def stopped(self) -> bool:
        """Whether it has been stopped or closed: nothing comes any more."""
        return self._session.stopped

    @property
    def positions(self) -> dict[str, Position]:
        """How far it has come with each camera: kept, and given as `start`, it goes on from there."""
        return self._session.positions

    def stop(self) -> None:
        """End the iteration, from any thread; does not wait."""
        self._session.stop()

    def close(self) -> None:
        """End the iteration and wait until the connections are closed; the frame in hand counts as done."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close(last_is_done=kind is None)


@overload
def subscribe(
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
) -> Subscription[PoseFrame]: ...


@overload
def subscribe(
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
) -> Subscription[PoseFrame | Event]: ...


def subscribe(
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
) -> Subscription[Any]:
    """Return an iterator over the frames that cameras publish: each once, in order within a camera.

    While the server is away it waits, and goes on where it was. What was published meanwhile and is no longer kept then
    is told as a `Gap`. However slowly frames are taken, nobody else is slowed down.

    Args:
        url: the server, `redis://`, `rediss://`, `unix://` or `redis+sentinel://`, with user and password where it has
            users.
        cameras: one name, or several; None for all, with new ones as they appear.
        start: "now" (only what is published from now on), "beginning" (all that is kept), a frame id (what came after
            it), a `datetime` or a `timedelta` (what was admitted since, or within that time), or an earlier
            subscription's `positions`. Cameras that appear later are always read from their first pose on.
        events: give events, too, in their places between the frames; else they go to the log (logger `posestream`).
        latest: of the frames that wait give only each camera's newest.
        group: share the frames with all that give the same name; each frame goes to one of them. A frame is done when
            the next one is asked for. `start` counts only for who makes the group.
        consumer: this member's name in the group, unique among those alive; "" makes one up.
        claim_after_s: how long after the death of a member the others take over the frames it had in hand.
        offline_after_s: silence of a producer after which its camera counts as offline.
        prefix: first part of every key.

    Raises:
        ConfigurationError: an argument is wrong.
        BrokerUnavailableError: the server can not be reached now; later failures are waited out.
        BrokerError: the server refuses the user or a command; also raised while iterating.
        UnsupportedSchemaError: while iterating: poses are of a newer major version.
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
    return Subscription(options, events=events)
