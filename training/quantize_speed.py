"""How fast networks are beside each other on this machine: as the worker runs them, without anything around them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import openvino

from workers.model.contract import HEIGHT_PX, WIDTH_PX
from workers.pose.cpus import usable_cpus
from workers.pose.device import Precision
from workers.pose.network import NetworkOptions, PoseNetwork

ROUNDS: Final = 5
ROUND_S: Final = 1.0


def frames_per_s(networks: Mapping[str, tuple[Path, Precision]]) -> dict[str, float]:
    """Return the frames a second of each named network, given as its file and the precision to compute in.

    They take turns, so that whatever else the machine does falls on all of them; a figure is the median of its turns.
    """
    opened = {
        name: PoseNetwork(model, NetworkOptions("CPU", usable_cpus(), precision, cache=None, limit=1))
        for name, (model, precision) in networks.items()
    }
    rates: dict[str, list[float]] = {name: [] for name in opened}
    for _ in range(ROUNDS):
        for name, network in opened.items():
            rates[name].append(_rate(network.compiled(WIDTH_PX), ROUND_S))
    for network in opened.values():
        network.close()
    return {name: median(each) for name, each in rates.items()}


def _rate(compiled: openvino.CompiledModel, seconds: float) -> float:
    """Keep the device's optimal number of requests busy for so long; returns frames a second."""
    requests = openvino.AsyncInferQueue(compiled)
    pixels = np.random.default_rng(0).integers(0, 256, (1, HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    for _ in range(len(requests)):  # the first inference of a request takes longer
        requests.start_async({0: pixels})
    requests.wait_all()
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        requests.start_async({0: pixels})
        done += 1
    requests.wait_all()
    return done / (time.perf_counter() - began)
