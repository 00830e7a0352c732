"""Between the threads that read and the one that takes: bounded, and closed from anywhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Keeps up to `capacity` items in order; who puts more waits.

    An item with a key takes the place of one with the same key that has not been taken yet. `on_arrival` is called, in
    whatever thread it is, when there may be something to take or the mailbox has been closed.
    """

    def __init__(self, capacity: int, on_arrival: Callable[[], None] = lambda: None) -> None:
        self._capacity = capacity
        self._on_arrival = on_arrival
        self._changed = threading.Condition()
        self._items: dict[object, T] = {}
        self._put = 0
        self._asked = False
        self._closed = False
        self._failure: BaseException | None = None
        self._dropped: list[T] = []

    def put(self, item: T, key: str | None = None) -> bool:
        """Add an item, waiting for room; False when the mailbox has been closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._capacity or key in self._items)
            if self._closed:
                return False
            self._put += 1
            self._items[self._put if key is None else key] = item
            self._asked = False
            self._changed.notify_all()
        self._on_arrival()
        return True

    def take(self, *, wait: bool = True) -> T | None:
        """Return the oldest item, waiting for one; None when closed, or when there is none and `wait` is false.

        Raises:
            BaseException: what a reader has failed with, once everything before that has been taken.
        """
        with self._changed:
            if not self._items:
                self._asked = True
                self._changed.notify_all()
            if wait:
                self._changed.wait_for(lambda: self._items or self._closed or self._failure)
            if self._closed:
                return None
            if self._items:
                self._changed.notify_all()
                return self._items.pop(next(iter(self._items)))
            if self._failure is not None:
                raise self._failure
            return None

    def asked_for(self, timeout_s: float) -> bool:
        """Wait until somebody wants an item and there is none, or for so long; tells whether it was the former."""
        with self._changed:
            return self._changed.wait_for(lambda: self._asked or self._closed, timeout_s) and not self._closed

    def fail(self, failure: BaseException) -> None:
        """Let whoever takes next run into this."""
        with self._changed:
            self._failure = self._failure or failure
            self._changed.notify_all()
        self._on_arrival()

    def close(self) -> None:
        """Let nobody wait any longer; what has not been taken is dropped."""
        with self._changed:
            self._closed = True
            self._dropped += self._items.values()
            self._items.clear()
            self._changed.notify_all()
        self._on_arrival()

    @property
    def dropped(self) -> list[T]:
        """What had not been taken when it was closed."""
        with self._changed:
            return list(self._dropped)

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        with self._changed:
            return self._closed
