"""The life of a service process: signals that only record, patience with an absent server, and a clean exit."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import NoReturn

from posestream.errors import BrokerUnavailableError, PosestreamError

logger = logging.getLogger(__name__)

MAX_WAIT_S = 5.0


class StopSignal:
    """Set by SIGTERM or SIGINT, or by the program; loops look at it and act."""

    SIGNALS: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self._event = threading.Event()

    def listen(self) -> None:
        """Record SIGTERM and SIGINT from now on; a second one ends the process at once. For the main thread.

        The event is set by a thread that the interpreter wakes through a socket. A handler would set it in the middle
        of whatever the main thread does, which may be holding the event's own lock.
        """
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        for number in self.SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(writer.fileno())
        threading.Thread(target=self._record, args=(reader, writer), name="signals", daemon=True).start()

    def _record(self, reader: socket.socket, _writer: socket.socket) -> None:
        self._next_of_ours(reader)
        self._event.set()
        os._exit(128 + self._next_of_ours(reader))

    def _next_of_ours(self, reader: socket.socket) -> int:
        """Wait for one of SIGNALS: a library may handle others, which arrive here as well."""
        while True:
            number = reader.recv(1)[0]
            if number in self.SIGNALS:
                return number

    def set(self) -> None:
        """Ask every loop to stop."""
        self._event.set()

    def is_set(self) -> bool:
        """Tell whether to stop."""
        return self._event.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Sleep until asked to stop, or for so long; tells whether it was the former."""
        return self._event.wait(seconds)


def jittered_wait_s(failures: int, *, first_s: float, most_s: float) -> float:
    """Return how long to wait after so many failures in a row: doubling up to a bound, half of it left to chance.

    A fleet that lost the same server at the same moment spreads out that way.
    """
    full_s = min(most_s, first_s * 2.0 ** min(failures, 32))
    return random.uniform(full_s / 2, full_s)  # noqa: S311


class Patience:
    """Waits between attempts while a server is away: from 0.1 s up to 5 s, jittered, so that a fleet spreads out.

    Says once in the log that the server is gone, and once that it is back.
    """

    def __init__(self, stop: StopSignal, on_failure: Callable[[], None] = lambda: None) -> None:
        self._stop = stop
        self._on_failure = on_failure
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
        self._stop.wait(jittered_wait_s(self._failures, first_s=0.1, most_s=MAX_WAIT_S))


class Tasks:
    """The named threads of a process; when one fails it is logged, the process asked to stop, and `check` raises."""

    def __init__(self, stop: StopSignal) -> None:
        self._stop = stop
        self._threads: list[threading.Thread] = []
        self._failure: BaseException | None = None

    def start(self, name: str, run: Callable[[], None]) -> None:
        """Run something in a thread of its own."""
        thread = threading.Thread(target=self._guarded, args=(name, run), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guarded(self, name: str, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:
            if isinstance(error, PosestreamError):
                logger.error("%s failed: %s", name, error)  # noqa: TRY400 - made on purpose: the message says it all
            else:
                logger.exception("%s failed", name)
            self._failure = error
            self._stop.set()

    def join(self, seconds: float | None = None) -> None:
        """Wait until every thread has ended, or for so long in all."""
        deadline = None if seconds is None else time.monotonic() + seconds
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def check(self) -> None:
        """Raise what made a thread fail, if anything."""
        if self._failure is not None:
            raise self._failure


def run_command(argv: list[str], commands: Mapping[str, str], usage: str) -> int:
    """Run the command that the first argument names: `commands` leads from names to modules with a `main(argv)`.

    Only the module that is chosen gets imported, so that help and mistakes answer at once.
    """
    if not argv or argv[0] in ("-h", "--help"):
        print(usage)  # noqa: T201
        return 0 if argv else 2
    if argv[0] not in commands:
        print(f"{usage}\n\nerror: there is no command {argv[0]!r}", file=sys.stderr)  # noqa: T201
        return 2
    run: Callable[[list[str]], int] = import_module(commands[argv[0]]).main
    return run(argv[1:])


def run_main(main: Callable[[list[str]], int]) -> None:
    """Run an application's main function as the process: errors made on purpose become one line and exit code 1."""
    try:
        code = main(sys.argv[1:])
    except BrokerUnavailableError as error:
        print(f"error: {error} (--redis-url or POSESTREAM_REDIS_URL says which server)", file=sys.stderr)  # noqa: T201
        code = 1
    except PosestreamError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def run_service(main: Callable[[list[str]], int]) -> NoReturn:
    """Run an application that has threads as the process, and end it at once when `main` is through.

    A thread may still be inside OpenVINO or FFmpeg then, where the interpreter's slow exit would abort the process.
    """
    code = 0
    try:
        run_main(main)
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads any more
            stream.flush()
    os._exit(code)
