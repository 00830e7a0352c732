"""Puts the rules of deploy/monitoring/prometheus into the custom resource that the Prometheus Operator reads.

    python -m deploy.kubernetes.prometheus_rules

Kustomize can not put one file's structure into another. A test holds what is there to what this makes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

SOURCES: Final = Path(__file__).parent.parent / "monitoring/prometheus"
TARGET: Final = Path(__file__).parent / "components/prometheus-operator/rules.yaml"

_HEADER: Final = """\
# Made by `python -m deploy.kubernetes.prometheus_rules` from deploy/monitoring/prometheus: change the files there.
"""


def resource() -> dict[str, Any]:
    """Return the custom resource with every group of every rule file, in the order of the files' names."""
    groups = [
        group
        for path in sorted(SOURCES.glob("*.yaml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8")).get("groups", ())
    ]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "posestream",
            "labels": {"app.kubernetes.io/name": "posestream", "app.kubernetes.io/part-of": "posestream"},
        },
        "spec": {"groups": groups},
    }


def main() -> None:
    """Write the manifest."""
    text = yaml.safe_dump(resource(), sort_keys=False, width=120, allow_unicode=True)
    TARGET.write_text(_HEADER + text, encoding="utf-8")


if __name__ == "__main__":
    main()
