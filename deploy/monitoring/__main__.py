"""`python -m deploy.monitoring`: writes the dashboards' JSON, which is kept in the repository for Grafana to load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.monitoring.dashboards.camera import camera
from deploy.monitoring.dashboards.overview import overview

FOLDER: Final = Path(__file__).parent / "grafana"


def dashboards() -> dict[str, str]:
    """Return the JSON of every dashboard by file name."""
    built = {"overview.json": overview().build(), "camera.json": camera().build()}
    return {name: json.dumps(_tidy(board), indent=2, sort_keys=True) + "\n" for name, board in built.items()}


def _tidy(board: Dashboard) -> dict[str, Any]:
    for number, panel in enumerate(board.panels or [], 1):
        panel.id_val = number  # Grafana's links to a panel go by it
    content: dict[str, Any] = json.loads(JSONEncoder().encode(board))
    for variable in content["templating"]["list"]:
        for stray in ("auto", "auto_count", "auto_min"):  # of another kind of variable
            del variable[stray]
    return content


def main() -> None:
    """Write them."""
    for name, text in dashboards().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"{FOLDER / name}")  # noqa: T201


if __name__ == "__main__":
    main()
