"""The manifests as Kustomize renders them: the overlays, and every component in an overlay of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.unit.deploy.docker.dockerfile import IMAGES, ROOT

Manifest = dict[str, Any]

FOLDER = ROOT / "deploy/kubernetes"
OVERLAYS = ("dev", "production")
COMPONENTS = tuple(sorted(path.name for path in (FOLDER / "components").iterdir() if path.is_dir()))


@cache
def overlay(name: str) -> list[Manifest]:
    return render(FOLDER / "overlays" / name)


@cache
def component(name: str) -> list[Manifest]:
    """The base with one component, its images by digest as in production."""
    # Kustomize takes in relative paths only.
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".test-") as folder:
        (Path(folder) / "kustomization.yaml").write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "kustomize.config.k8s.io/v1beta1",
                    "kind": "Kustomization",
                    "namespace": "elsewhere",
                    "resources": ["../base"],
                    "components": [f"../components/{name}"],
                    "images": [{"name": f"posestream/{image}", "digest": f"sha256:{0:064}"} for image in IMAGES],
                }
            )
        )
        return render(Path(folder))


def everything() -> dict[str, list[Manifest]]:
    """Every rendering, by what it is of."""
    return {name: overlay(name) for name in OVERLAYS} | {f"component {name}": component(name) for name in COMPONENTS}


def render(folder: Path) -> list[Manifest]:
    """What `kubectl kustomize` makes of a folder; it comes from PyPI, and talks to no cluster."""
    kubectl = Path(sys.executable).parent / "kubectl"
    done = subprocess.run([kubectl, "kustomize", folder], check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr  # warnings: deprecated fields
    return list(yaml.safe_load_all(done.stdout))


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [manifest for manifest in of_kind(manifests, kind) if manifest["metadata"]["name"] == name]
    return found


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Each workload's name and pod template."""
    for manifest in of_kind(manifests, "Deployment", "StatefulSet", "Job"):
        yield manifest["metadata"]["name"], manifest["spec"]["template"]


def containers(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    for name, pod in pods(manifests):
        for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
            yield f"{name}/{container['name']}", container


def image(container: Manifest) -> str:
    """The last part of an image's name: worker, tracker, producer or valkey."""
    return container["image"].split("@")[0].rpartition("/")[2].partition(":")[0]
