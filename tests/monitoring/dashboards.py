"""The dashboards as Grafana would read them: their panels, and each panel's queries as Prometheus would get them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.monitoring.prometheus import Prometheus, Series

FOLDER = Path(__file__).parents[2] / "deploy" / "monitoring" / "grafana"
NAMES = ("overview.json", "camera.json")


@dataclass(frozen=True)
class Query:
    """One query of a panel: `instant` ones are for the value now, the others for lines."""

    expression: str
    legend: str
    instant: bool


class Panel:
    """One panel, rows included."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.title: str = content["title"]
        self.kind: str = content["type"]
        self.place: dict[str, int] = content["gridPos"]

    @property
    def queries(self) -> list[Query]:
        return [
            Query(one["expr"], one["legendFormat"], bool(one.get("instant"))) for one in self.content.get("targets", [])
        ]

    @property
    def defaults(self) -> dict[str, Any]:
        return dict(self.content["fieldConfig"]["defaults"])


def read_panels(name: str) -> list[Panel]:
    return [Panel(panel) for panel in json.loads((FOLDER / name).read_text())["panels"]]


def filled(expression: str, camera: str, rate_interval: str) -> str:
    """Return a query with Grafana's variables filled in."""
    values = {"$__rate_interval": rate_interval, "$namespace": ".*", "$camera": camera}
    for variable, value in values.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression, expression
    return expression


def ask(
    prometheus: Prometheus, query: Query, camera: str, seconds: float, step_s: float, rate_interval: str
) -> list[Series]:
    """Run a query as Grafana would."""
    expression = filled(query.expression, camera, rate_interval)
    return prometheus.instant(expression) if query.instant else prometheus.range(expression, seconds, step_s)


def legend(template: str, labels: Mapping[str, str]) -> str:
    """Return what a series is called; raises KeyError for a label that it has not got."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels[found[1]], template)
