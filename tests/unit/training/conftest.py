from __future__ import annotations

import importlib.util

import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Networks this small gain nothing from threads, which wait for each other without end on a busy machine."""
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)
