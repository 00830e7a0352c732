"""The life of a service process: signals that only record, patience with an absent server, and a clean exit."""

from __future__ import annotations

import logging
import random
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from redis.backoff import EqualJitterBackoff

from posestream.errors import BrokerUnavailableError, PosestreamError

logger = logging.getLogger(__name__)

MAX_WAIT_S = 5.0


class StopSignal:
    """Set by SIGTERM or SIGINT, or by the program; loops look at it, nothing else happens in the handler."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def listen(self) -> None:
        """Record SIGTERM and SIGINT; a second one ends the process at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._event.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self._event.set()

    def set(self) -> None:
        """Ask every loop to stop."""
        self._event.set()

    def is_set(self) -> bool:
        """Tell whether to stop."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep until asked to stop; tells whether that was."""
        return self._event.wait(seconds)


class Patience:
    """Waits between attempts while a server is away: from 50 ms up to 5 s, jittered, so that a fleet spreads out.

    Says once in the log that the server is gone, and once that it is back.
    """

    def __init__(self, stop: StopSignal, on_failure: Callable[[], None] = lambda: None) -> None:
        self._stop = stop
        self._on_failure = on_failure
        self._backoff = EqualJitterBackoff(cap=MAX_WAIT_S, base=0.1)
        self._failures = 0

    def succeeded(self) -> None:
        """Note that an exchange worked."""
        if self._failures:
            logger.info("server reached again", extra={"attempts": self._failures})
            self._failures = 0

    def failed(self, error: BrokerUnavailableError) -> None:
        """Note that an exchange failed, and wait before the next."""
        self._on_failure()
        if not self._failures:
            logger.warning("server not reached, trying on: %s", error)
        self._failures += 1
        self._stop.wait(self._backoff.compute(self._failures) * random.uniform(0.75, 1))  # noqa: S311


def run_main(main: Callable[[list[str]], int]) -> None:
    """Run an application's main function as the process: errors made on purpose become one line and exit code 1."""
    try:
        code = main(sys.argv[1:])
    except PosestreamError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
