"""A hardening linter over images and manifests: nothing is found that is not explained in deploy/hardening.yaml."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.system.images import CACHE
from tests.unit.deploy.docker.dockerfile import DOCKERFILE, ROOT
from tests.unit.deploy.kubernetes.rendered import COMPONENTS, OVERLAYS, component, overlay

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

VERSION = "3.3.30"
OPTIONS = ("--framework", "kubernetes", "dockerfile", "--output", "json", "--compact", "--skip-download", "--quiet")


@pytest.fixture(scope="module")
def checkov() -> Path:
    """The linter, in an environment of its own: it wants older versions of much that we use."""
    environment = CACHE / f"checkov-{VERSION}"
    if not (environment / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        subprocess.run([environment / "bin/pip", "install", "--quiet", f"checkov=={VERSION}"], check=True, timeout=500)
        (environment / "ready").touch()
    return environment / "bin/checkov"


@pytest.fixture(scope="module")
def findings(checkov: Path, tmp_path_factory) -> set[tuple[str, str, str]]:
    """Check, where, and what it is about, of everything that fails."""
    folder = tmp_path_factory.mktemp("manifests")
    rendered = {name: overlay(name) for name in OVERLAYS} | {
        f"component-{name}": component(name) for name in COMPONENTS
    }
    for name, manifests in rendered.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump_all(manifests))
    (folder / "Dockerfile").write_text(DOCKERFILE.read_text())
    done = subprocess.run(
        [checkov, "--directory", folder, *OPTIONS],
        check=False,
        capture_output=True,
        text=True,
        timeout=500,
        env=os.environ | {"LOG_LEVEL": "CRITICAL"},
    )
    reports = json.loads(done.stdout)
    reports = reports if isinstance(reports, list) else [reports]
    assert {report["check_type"] for report in reports} == {"kubernetes", "dockerfile"}
    assert sum(report["summary"]["passed"] for report in reports) > 500
    assert all(report["summary"]["parsing_errors"] == 0 for report in reports)
    return {
        (failed["check_id"], Path(failed["file_path"]).stem, f"{failed['resource']}: {failed['check_name']}")
        for report in reports
        for failed in report["results"]["failed_checks"]
    }


def explained() -> set[tuple[str, str]]:
    entries = yaml.safe_load((ROOT / "deploy/hardening.yaml").read_text())
    assert all(len(entry["reason"]) > 40 for entry in entries)
    return {(entry["check"], where) for entry in entries for where in entry["where"]}


def place(name: str) -> str:
    """A component's findings are those of production, unless it is for development."""
    if not name.startswith("component-"):
        return name
    return "dev" if name.endswith("-dev") else "production"


def test_everything_that_is_found_is_explained(findings):
    unexplained = {found for found in findings if (found[0], place(found[1])) not in explained()}
    assert not unexplained


def test_everything_that_is_explained_is_found(findings):
    assert explained() <= {(check, place(where)) for check, where, _ in findings}
