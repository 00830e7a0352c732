"""The life of a process: signals, patience, tasks, and how it ends."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from posestream.errors import BrokerUnavailableError, ConfigurationError
from posestream.service.process import MAX_WAIT_S, Patience, StopSignal, Tasks

ROOT = Path(__file__).parents[3]


@pytest.fixture
def python():
    """Starts Python on a piece of source; whatever still runs at the end is killed."""
    started = []

    def start(source: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(source)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=10)


LISTENING = """
    import sys, time
    from posestream.service.process import StopSignal
    stop = StopSignal()
    stop.listen()
    print("listening", flush=True)
"""


# Signals --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_recorded_and_the_loop_ends_the_process_itself(python, number):
    process = python(LISTENING + "    print(stop.wait(20), stop.is_set(), flush=True)\n    sys.exit(7)\n")
    assert process.stdout.readline() == "listening\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=10)

    assert (out, err, process.returncode) == ("True True\n", "", 7)


def test_a_second_signal_ends_a_process_that_does_not_stop_by_itself(python):
    process = python(LISTENING + "    stop.wait(20)\n    print('stopping', flush=True)\n    time.sleep(60)\n")
    assert process.stdout.readline() == "listening\n"
    process.terminate()
    assert process.stdout.readline() == "stopping\n"
    process.terminate()

    assert process.wait(timeout=5) == 128 + signal.SIGTERM


def test_a_signal_during_a_computation_that_never_waits_is_not_lost(python):
    process = python(LISTENING + "    while not stop.is_set(): sum(range(1000))\n    print('stopped', flush=True)\n")
    assert process.stdout.readline() == "listening\n"
    process.terminate()

    assert process.communicate(timeout=10)[0] == "stopped\n"


def test_a_program_can_ask_itself_to_stop():
    stop = StopSignal()
    assert not stop.wait(0)

    stop.set()
    assert stop.is_set()
    assert stop.wait()


# Patience -------------------------------------------------------------------------------------------------------------


class NoWait(StopSignal):
    """Records how long it was to be waited, and does not."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, seconds: float | None = None) -> bool:
        assert seconds is not None
        self.waits.append(seconds)
        return False


AWAY = BrokerUnavailableError("connection refused")


def test_patience_waits_longer_and_longer_up_to_its_limit():
    stop = NoWait()
    patience = Patience(stop)
    for _ in range(30):
        patience.failed(AWAY)

    assert 0.05 <= stop.waits[0] <= 0.3
    assert all(MAX_WAIT_S / 4 < wait <= MAX_WAIT_S for wait in stop.waits[10:])
    assert len(set(stop.waits)) == 30, "a fleet must not come back in step"


def test_patience_outlasts_an_outage_of_any_length():
    stop = NoWait()
    patience = Patience(stop)
    for _ in range(3000):
        patience.failed(AWAY)

    assert max(stop.waits) <= MAX_WAIT_S


def test_patience_begins_anew_after_a_success():
    stop = NoWait()
    patience = Patience(stop)
    for _ in range(20):
        patience.failed(AWAY)
    patience.succeeded()
    patience.failed(AWAY)

    assert stop.waits[-1] <= 0.3 < stop.waits[-2]


def test_patience_says_once_that_the_server_is_gone_and_once_that_it_is_back(caplog):
    patience = Patience(NoWait())
    with caplog.at_level(logging.INFO):
        patience.succeeded()
        for _ in range(5):
            patience.failed(AWAY)
        patience.succeeded()
        patience.succeeded()

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "server not reached, trying on: connection refused"),
        ("INFO", "server reached again"),
    ]
    assert caplog.records[1].attempts == 5


def test_every_failure_is_counted():
    failures = []
    patience = Patience(NoWait(), lambda: failures.append(1))
    for _ in range(3):
        patience.failed(AWAY)

    assert len(failures) == 3


def test_a_request_to_stop_cuts_the_wait_short():
    stop = StopSignal()
    patience = Patience(stop)
    stop.set()
    began = time.monotonic()
    for _ in range(50):
        patience.failed(AWAY)

    assert time.monotonic() - began < 2


# Tasks ----------------------------------------------------------------------------------------------------------------


def test_a_task_that_fails_stops_the_process_and_check_raises_what_it_met(caplog):
    stop = StopSignal()
    tasks = Tasks(stop)
    others_end = []
    tasks.start("steady", lambda: others_end.append(stop.wait(20)))
    tasks.start("broken", lambda: 1 // 0)
    tasks.join(10)

    assert stop.is_set()
    assert others_end == [True]
    with pytest.raises(ZeroDivisionError):
        tasks.check()
    assert [record.getMessage() for record in caplog.records] == ["broken failed"]
    assert caplog.records[0].exc_info is not None, "a bug is logged with its traceback"


def test_a_task_that_fails_with_an_error_made_on_purpose_is_logged_in_one_line(caplog):
    def misconfigured() -> None:
        raise ConfigurationError("no such shard")

    tasks = Tasks(StopSignal())
    tasks.start("tracker", misconfigured)
    tasks.join(10)

    assert [(record.getMessage(), record.exc_info) for record in caplog.records] == [
        ("tracker failed: no such shard", None)
    ]
    with pytest.raises(ConfigurationError):
        tasks.check()


def test_tasks_that_end_by_themselves_are_no_failure():
    stop = StopSignal()
    tasks = Tasks(stop)
    names = []
    tasks.start("slot-1", lambda: names.append(threading.current_thread().name))
    tasks.join(10)
    tasks.check()

    assert names == ["slot-1"]
    assert not stop.is_set()


def test_joining_takes_no_longer_than_it_may_however_many_tasks_hang():
    stop = StopSignal()
    tasks = Tasks(stop)
    for number in range(200):
        tasks.start(f"hanging-{number}", lambda: stop.wait(60) and None)
    deadline = time.monotonic() + 10  # far above what is asked for, far below that for every task
    tasks.join(0.1)
    in_time = time.monotonic() < deadline
    stop.set()

    assert in_time
    tasks.join(10)


# How a process ends ---------------------------------------------------------------------------------------------------


def end_of(python, body: str) -> tuple[int, str]:
    process = python(
        f"""
        import sys
        from posestream.errors import BrokerUnavailableError, ConfigurationError
        from posestream.service.process import run_main
        def main(argv):
            {body}
        run_main(main)
        """
    )
    _, err = process.communicate(timeout=10)
    return process.returncode, err


def test_an_error_made_on_purpose_is_one_line_and_exit_code_1(python):
    assert end_of(python, "raise ConfigurationError('no such shard')") == (1, "error: no such shard\n")


def test_a_server_out_of_reach_comes_with_where_it_is_set(python):
    code, err = end_of(python, "raise BrokerUnavailableError('connection refused')")

    assert code == 1
    assert err == "error: connection refused (--redis-url or POSESTREAM_REDIS_URL says which server)\n"


def test_the_main_functions_code_is_the_processs(python):
    assert end_of(python, "return 3") == (3, "")


def test_a_bug_keeps_its_traceback(python):
    code, err = end_of(python, "return 1 // 0")

    assert code == 1
    assert "Traceback" in err
    assert "ZeroDivisionError" in err


def test_ctrl_c_before_anything_listens_is_not_a_traceback(python):
    assert end_of(python, "raise KeyboardInterrupt") == (130, "")


def test_a_service_ends_at_once_with_its_code_and_all_that_it_said(python):
    process = python(
        """
        import threading
        from posestream.service.process import run_service
        def main(argv):
            threading.Thread(target=threading.Event().wait).start()  # not a daemon: a slow exit would wait for it
            print("said", end="")
            return 3
        run_service(main)
        """
    )
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (3, "said")
