"""What an application that subscribes has to install and load: redis, msgpack and NumPy."""

from __future__ import annotations

import subprocess
import sys

import pytest

import posestream
from posestream.subscriber import subscribe

# What redis-py itself depends on, by version of Python, or takes where it is installed, as it is for tests of TLS.
BY_REDIS = {"async-timeout", "hiredis", "typing_extensions", "cryptography"}

LIST_WHAT_IS_LOADED = """
import sys
before = set(sys.modules)
import {module}
import importlib.metadata
packages = importlib.metadata.packages_distributions()
roots = {{name.split(".")[0] for name in set(sys.modules) - before}}
print(*sorted({{package for root in roots for package in packages.get(root, [])}}))
"""


def packages_loaded_by(module: str) -> set[str]:
    script = LIST_WHAT_IS_LOADED.format(module=module)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )  # isolated from what the tests themselves have loaded
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    ["posestream", "posestream.keys", "posestream.messages", "posestream.image", "posestream.skeleton"],
)
def test_the_contract_loads_msgpack_and_numpy_at_most(module: str) -> None:
    assert packages_loaded_by(module) <= {"posestream", "msgpack", "numpy"}


def test_the_broker_loads_redis_msgpack_and_numpy_and_nothing_of_the_applications() -> None:
    loaded = packages_loaded_by("posestream, posestream.messages, posestream.keys, posestream.broker")
    assert {"redis", "msgpack", "numpy"} <= loaded
    assert loaded <= {"posestream", "redis", "msgpack", "numpy"} | BY_REDIS


def test_subscribing_and_recordings_load_no_more_than_the_broker() -> None:
    loaded = packages_loaded_by(
        "posestream; posestream.subscribe; import posestream.subscriber, posestream.recording.file"
    )
    assert {"redis", "msgpack", "numpy"} <= loaded
    assert loaded <= {"posestream", "redis", "msgpack", "numpy"} | BY_REDIS


def test_what_the_package_offers_is_there_and_nothing_else() -> None:
    offered = [getattr(posestream, name) for name in posestream.__all__]
    assert all(offered)
    assert posestream.subscribe is subscribe
    with pytest.raises(AttributeError, match="no attribute 'unsubscribe'"):
        posestream.unsubscribe  # noqa: B018
