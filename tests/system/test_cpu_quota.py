"""A CPU limit as Kubernetes sets it: a real control group with a quota, and a worker that keeps to it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import EmbeddedValkey, free_port

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
VERSION_1, VERSION_2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


@pytest.fixture
def one_cpu() -> Iterator[Path]:
    """A control group that may use one CPU's time."""
    first = (VERSION_1 / "cpu.cfs_quota_us").exists() or (VERSION_1 / "cpu.shares").exists()
    group = (VERSION_1 if first else VERSION_2) / f"posestream-test-{os.getpid()}"
    try:
        group.mkdir()
        name, quota = ("cpu.cfs_quota_us", "100000") if first else ("cpu.max", "100000 100000")
        (group / name).write_text(quota)
    except OSError as error:
        if group.exists():
            group.rmdir()
        pytest.skip(f"no control group can be made here: {error}")
    yield group
    deadline = time.monotonic() + 20
    while (group / "cgroup.procs").read_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    group.rmdir()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="with one CPU a quota of one changes nothing")
def test_a_worker_infers_on_as_many_cpus_as_its_quota_says(one_cpu):
    with EmbeddedValkey() as server:
        limited = exported(server, one_cpu)
        free = exported(server, None)

    assert limited["posestream_worker_cpus"] == 1
    assert free["posestream_worker_cpus"] == len(os.sched_getaffinity(0))
    assert limited["posestream_worker_slots"] < free["posestream_worker_slots"]
    assert limited["posestream_cpu_periods_total"] > 0


def exported(server: EmbeddedValkey, group: Path | None) -> dict[str, float]:
    """What a worker exports when it is ready, started in a control group."""
    metrics, health = free_port(), free_port()
    ports = ["--metrics-port", str(metrics), "--health-port", str(health)]
    command = [sys.executable, "-m", "workers", "pose", "--model", "demo", "--redis-url", server.url, *ports]
    # The shell joins the group, and becomes the worker.
    joined = ["/bin/sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", *command] if group else command
    with (
        subprocess.Popen(joined, cwd=ROOT, stderr=subprocess.DEVNULL) as worker,
        subprocess.Popen(
            [sys.executable, "-m", "workers", "track", "--redis-url", server.url], cwd=ROOT, stderr=subprocess.DEVNULL
        ) as tracker,
    ):
        try:
            wait_until_ready(health)
            text = urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=10).read().decode()
        finally:
            worker.terminate()
            tracker.terminate()
    return {name: float(value) for name, value in re.findall(r"^(posestream_\w+) (\S+)$", text, re.MULTILINE)}


def wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the worker did not become ready")
