from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, threading
import numpy as np
from workers.pose.memory import keep_freed_memory

if {wish}:
    print(keep_freed_memory())

def frames(count):
    for _ in range(count):
        arrays = [np.empty(700_000, np.uint8) for _ in range(5)]
        for array in arrays:
            array.fill(1)
        del array, arrays

def slot():
    frames(20)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    frames(100)
    print((resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before) / 100)

thread = threading.Thread(target=slot)
thread.start()
thread.join()
"""


def page_faults_per_frame(wish: bool) -> float:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(wish=wish)], capture_output=True, text=True, check=True, timeout=60
    )
    *wished, faults = run.stdout.split()
    if wish and wished != ["True"]:
        pytest.skip("this C library gives no say in what it keeps")
    return float(faults)


def test_a_slot_does_not_ask_the_system_for_every_frames_memory_anew():
    assert page_faults_per_frame(wish=False) > 20  # else there is nothing to wish for
    assert page_faults_per_frame(wish=True) < 1
