"""Looks at a process from outside, as an orchestrator and Prometheus do."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families


def get(port: int, path: str) -> tuple[int, str]:
    """GET from the loopback interface: status and body, whatever the status."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def probe(port: int, path: str) -> tuple[int, dict[str, Any]]:
    """Status and details of /live or /ready."""
    status, body = get(port, path)
    answer = json.loads(body)
    assert answer["ok"] == (status == 200)
    return status, answer["details"]


def samples(port: int) -> dict[tuple[str, ...], float]:
    """Everything that Prometheus would scrape, by name and label values, e.g. ("posestream_people_total",)."""
    status, body = get(port, "/metrics")
    assert status == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


def log_lines(log: Path) -> list[dict[str, Any]]:
    """The JSON lines a process has logged so far; anything else fails the test."""
    lines = log.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def ports(log: Path) -> dict[str, int] | None:
    """The metrics_port and health_port that a process has logged, or None when it has not (yet)."""
    for line in log_lines(log):
        if line["message"] == "listening":
            return {name: line[name] for name in ("metrics_port", "health_port")}
    return None
