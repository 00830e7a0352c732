"""The documents keep up with the code: functions, metrics, reasons, settings and links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from posestream.broker import ShardStatus, library
from posestream.service.metrics import ProducerMetrics, TrackerMetrics, WorkerMetrics

ROOT = Path(__file__).parents[2]
WIRE_FORMAT = (ROOT / "docs" / "wire-format.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_the_wire_format_lists_every_server_function_and_no_other() -> None:
    registered = set(re.findall(r"function_name = '(posestream1_\w+)'", library.source()))
    assert len(registered) > 10
    assert set(re.findall(r"^\| `(posestream1_\w+)` \|", WIRE_FORMAT, re.MULTILINE)) == registered


def test_the_wire_format_names_every_reason_of_a_refusal() -> None:
    reasons = set(re.findall(r"'refused_(\w+)'", library.source()))
    assert len(reasons) == 7
    assert all(f"`{reason}`" in WIRE_FORMAT for reason in reasons)


def test_operations_list_every_metric() -> None:
    shard = ShardStatus(0, 0, 0, 0, 0, 0, 0, 0, "", 0, 0, {})
    names = set()
    for metrics in (ProducerMetrics(), WorkerMetrics(), TrackerMetrics()):
        if isinstance(metrics, TrackerMetrics):
            metrics.shards.update(0, shard)
        for family in metrics.registry.collect():
            names.add(family.name + {"counter": "_total", "info": "_info"}.get(family.type, ""))
    assert len(names) > 25
    missing = {name for name in names if f"`{name}`" not in OPERATIONS and not re.search("_shard_|^process_", name)}
    assert not missing


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "docs/wire-format.md",
        "docs/calibration.md",
        "docs/evaluation.md",
        "docs/subscribe.md",
        "docs/operations.md",
        "docs/decisions.md",
        "docs/benchmarks.md",
        "docs/viewer.md",
    ],
)
def test_links_between_documents_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
