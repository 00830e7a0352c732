"""Lets many frames through at once, or one alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Shared by the slots of a process: `shared` for ordinary frames, `alone` for one that must have no company.

    A frame that has failed before may crash the process; alone, it takes no other frame's delivery with it.
    Whoever waits to be alone goes first, so that a busy process gets there.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0
        self._waiting_to_be_alone = 0
        self._alone = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Enter beside others; waits while someone is, or wants to be, alone."""
        with self._condition:
            self._condition.wait_for(lambda: not self._alone and not self._waiting_to_be_alone)
            self._inside += 1
        try:
            yield
        finally:
            with self._condition:
                self._inside -= 1
                self._condition.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Enter when everybody else has left, and keep them out."""
        with self._condition:
            self._waiting_to_be_alone += 1
            try:
                self._condition.wait_for(lambda: not self._alone and not self._inside)
                self._alone = True
            finally:
                self._waiting_to_be_alone -= 1
        try:
            yield
        finally:
            with self._condition:
                self._alone = False
                self._condition.notify_all()
