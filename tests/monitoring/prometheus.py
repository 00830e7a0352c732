"""A real Prometheus on a free port, with the project's rules, and what one asks it."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np
import numpy.typing as npt
import yaml

from tests.fleet import wait_until
from tests.monitoring.quicker import quicker
from tests.servers import free_port

RULES = Path(__file__).parents[2] / "deploy" / "monitoring" / "prometheus"
SCRAPE_S = 0.5


class Series:
    """One series of an answer: its labels, times (Unix seconds) and values, both `(N,)`."""

    def __init__(self, labels: Mapping[str, str], points: Sequence[Sequence[Any]]) -> None:
        self.labels = labels
        self.times_s: npt.NDArray[np.float64] = np.array([float(at) for at, _ in points])
        self.values: npt.NDArray[np.float64] = np.array([float(value) for _, value in points])

    @property
    def has_data(self) -> bool:
        return bool(np.isfinite(self.values).any())


class Prometheus:
    """Scrapes the targets of a file that may change; rules run `factor` times as fast as written."""

    def __init__(self, folder: Path, targets: Mapping[str, Sequence[str]], *, factor: float = 1) -> None:
        """Prepare it in a folder of its own; `targets` are addresses by job."""
        folder.mkdir()
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.set_targets(targets)
        for name in ("rules.yaml", "alerts.yaml"):
            (folder / name).write_text(quicker((RULES / name).read_text(), factor))
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(self._configuration()))

    def _configuration(self) -> dict[str, Any]:
        interval = f"{round(SCRAPE_S * 1000)}ms"
        return {
            "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
            "rule_files": ["rules.yaml", "alerts.yaml"],
            "scrape_configs": [
                {
                    "job_name": "posestream",
                    "file_sd_configs": [{"files": ["targets.json"], "refresh_interval": "1s"}],
                }
            ],
        }

    def set_targets(self, targets: Mapping[str, Sequence[str]]) -> None:
        groups = [{"targets": list(addresses), "labels": {"job": job}} for job, addresses in targets.items()]
        (self._folder / "targets.json").write_text(json.dumps(groups))

    @staticmethod
    def installed() -> bool:
        return shutil.which("prometheus") is not None

    def __enter__(self) -> Self:
        command = ["prometheus", "--config.file=prometheus.yaml", "--storage.tsdb.path=data", "--log.level=warn"]
        command.append(f"--web.listen-address=127.0.0.1:{self._port}")
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        wait_until(self._ready, seconds=60, what=f"Prometheus is ready: {self.log()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        if error is not None:
            print(self.log())

    def log(self) -> str:
        return (self._folder / "prometheus.log").read_text()

    def _ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self._port}/-/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def _get(self, path: str, **parameters: Any) -> Any:
        answer = httpx.get(f"http://127.0.0.1:{self._port}/api/v1/{path}", params=parameters, timeout=30).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def instant(self, expression: str) -> list[Series]:
        """Ask for the values now."""
        found = self._get("query", query=expression)["result"]
        return [Series(one["metric"], [one["value"]]) for one in found]

    def range(self, expression: str, seconds: float, step_s: float) -> list[Series]:
        """Ask for the values of the last so many seconds."""
        end = time.time()
        found = self._get("query_range", query=expression, start=end - seconds, end=end, step=step_s)["result"]
        return [Series(one["metric"], one["values"]) for one in found]

    def value(self, expression: str) -> float:
        """Ask for one number; NaN when there is none."""
        found = self.instant(expression)
        return float(found[0].values[0]) if found else math.nan

    def alerts(self) -> list[dict[str, Any]]:
        """Return what is pending or fires: each with `labels`, `annotations`, `state`."""
        return list(self._get("alerts")["alerts"])

    def firing(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self.alerts() if alert["state"] == "firing"}

    def failing_rules(self) -> list[str]:
        """Return the rules that could not be evaluated, each with its error."""
        groups = self._get("rules")["groups"]
        return [
            f"{rule['name']}: {rule['lastError']}"
            for group in groups
            for rule in group["rules"]
            if rule.get("lastError")
        ]
