"""Children: started, watched, quoted and ended."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from deploy.local.errors import DemoError
from deploy.local.processes import Child, Processes, stop_all
from tests.fleet import wait_until

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
WILLING = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def processes(tmp_path: Path):
    with Processes(tmp_path) as started:
        yield started


def python(processes: Processes, name: str, source: str, **settings: str) -> Child:
    return processes.start(name, [sys.executable, "-c", source], **settings)


def wait_for_end(child: Child) -> None:
    wait_until(lambda: child.exit_code is not None, seconds=20, what="it has ended")


def test_how_a_process_ended_is_told_with_its_last_words(processes: Processes, tmp_path: Path):
    said = "for n in range(9): print('line', n)\nprint('{\"message\": \"the model is missing\"}')\nexit(3)"
    child = python(processes, "pose-1", said)
    wait_for_end(child)

    text = child.ending()
    assert text.startswith("pose-1 ended with exit code 3; it said last:\n")
    assert text.splitlines()[-2].strip() == "the model is missing"
    assert "line 8" in text
    assert "line 2" not in text
    assert str(tmp_path / "pose-1.log") in text


def test_a_process_that_was_killed_silently_says_so(processes: Processes):
    child = python(processes, "track", "import os; os.kill(os.getpid(), 9)")
    wait_for_end(child)
    assert child.ending().startswith("track was killed by SIGKILL; it said last: nothing")


def test_leaving_the_context_ends_all_even_those_that_do_not_listen(tmp_path: Path):
    with Processes(tmp_path) as processes:
        children = [python(processes, "a", STUBBORN), python(processes, "b", WILLING)]
        wait_until(lambda: all(child.says("up") for child in children), seconds=20, what="both are up")
        processes.__exit__(ValueError, ValueError(), None)  # as when something fails: little patience
    assert [child.exit_code for child in children] == [-9, -15]


def test_children_are_asked_all_at_once(processes: Processes):
    children = [python(processes, str(number), STUBBORN) for number in range(3)]
    wait_until(lambda: all(child.says("up") for child in children), seconds=20, what="all are up")
    began_s = time.monotonic()
    stop_all(children, grace_s=1.0)
    assert all(child.exit_code == -9 for child in children)
    assert time.monotonic() - began_s < 2.9  # not a second for each


def test_settings_of_the_surroundings_do_not_reach_a_child(processes: Processes, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("POSESTREAM_METRICS_PORT", "9000")
    with Processes(tmp_path) as fresh:
        source = "import os; print(sorted(name for name in os.environ if name.startswith('POSESTREAM')))"
        child = python(fresh, "env", source, POSESTREAM_PREFIX="demo")
        wait_for_end(child)
    assert child.says("['POSESTREAM_PREFIX']")


def test_a_child_is_in_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(processes: Processes):
    child = python(processes, "a", WILLING)
    wait_until(lambda: child.says("up"), seconds=20, what="it is up")
    assert os.getsid(child.pid) == child.pid != os.getsid(0)


def test_a_command_that_is_not_there_is_an_error(processes: Processes):
    with pytest.raises(DemoError, match="pose-1 can not be started"):
        processes.start("pose-1", ["/no/such/program"])
