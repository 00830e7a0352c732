"""The images as their Dockerfile describes them: in goes what the role's process imports, pinned, and no more."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.unit.deploy.docker.dockerfile import DOCKERFILE, IMAGES, ROOT, environment, instructions, stages

REQUIREMENTS = ROOT / "deploy/docker/requirements"
ROLES = {  # image: the modules its processes run, and the group that its packages come from
    "worker": ("workers.pose.app, workers.model.cli, posestream.cli.status", "pose"),
    "tracker": ("workers.track.app, posestream.cli.status, posestream.cli.tail", "track"),
    "producer": ("producer.app, posestream.cli.status", "producer"),
}
EVERY = pytest.mark.parametrize("image", IMAGES)


def test_the_linter_finds_nothing():
    done = subprocess.run(
        [Path(sys.executable).parent / "hadolint", DOCKERFILE], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


@EVERY
def test_an_image_runs_as_an_unprivileged_user_and_tells_how_it_is(image):
    lines = instructions(image)
    assert [line for line in lines if line.startswith("USER ")] == ["USER 65532:65532"]
    assert any(line.startswith("HEALTHCHECK ") and f":{environment(image)['POSESTREAM_HEALTH_PORT']}/live" in line
               for line in lines)  # fmt: skip
    ports = {environment(image)[name] for name in ("POSESTREAM_HEALTH_PORT", "POSESTREAM_METRICS_PORT")}
    (exposed,) = [line.split()[1:] for line in lines if line.startswith("EXPOSE ")]
    assert set(exposed) == ports
    labels = " ".join(line for line in lines if line.startswith("LABEL "))
    for label in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{label}=" in labels


@EVERY
def test_an_image_holds_every_module_that_its_process_imports_and_no_other_application(image):
    copied = [line.split()[1:-1] for line in stages()[f"{image}-files"] if line.startswith("COPY ")]
    sources = {source for names in copied for source in names if not source.startswith("deploy/")}
    modules, _ = ROLES[image]
    for name in ours(imported(modules)):
        path = name.replace(".", "/")
        assert any(f"{path}/".startswith(f"{source}/") or source in (f"{path}.py", f"{path}/__init__.py")
                   for source in sources), name  # fmt: skip
    assert sources & {"training", "deploy", "tests", "."} == set()
    assert ("producer" in sources) is (image == "producer")
    assert any(source.startswith("workers/pose") for source in sources) is (image == "worker")


@EVERY
def test_an_image_holds_every_package_that_its_modules_import(image):
    modules, group = ROLES[image]
    distributions, pinned = packages_distributions(), set(pins(group))
    found = {name for module in ours(imported(modules)) for name in imports_of(module)}
    assert {"redis", "msgpack", "numpy"} <= found
    for name in found - {"posestream", "workers", "producer"} - sys.stdlib_module_names:
        assert {normal(distribution) for distribution in distributions[name]} & pinned, name


@pytest.mark.parametrize("group", ["pose", "track", "producer"])
def test_packages_are_pinned_with_hashes_and_none_phones_home(group):
    text = (REQUIREMENTS / f"{group}.txt").read_text()
    entries = re.split(r"\n(?=[a-z])", text)
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry)
    assert len(pins(group)) > 10
    assert "openvino-telemetry" not in pins(group)
    assert ("openvino" in pins(group)) is (group == "pose")
    assert ("opencv-python-headless" in pins(group)) is (group != "track")


@pytest.mark.parametrize("group", ["pose", "track", "producer"])
def test_pinned_versions_are_within_the_projects_ranges(group):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [Requirement(line) for line in [*project["project"]["dependencies"], *flat(project, group)]]
    assert len(wanted) > 5
    for requirement in wanted:
        version = pins(group)[normal(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement}: {version}; run deploy/docker/lock"


def test_nothing_is_sent_to_the_builder_that_no_image_needs():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = {
        name
        for lines in stages().values()
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    assert all(any(name == top or name.startswith(f"{top}/") for top in allowed) for name in copied)
    assert all(any(name == top or name.startswith(f"{top}/") for name in copied) for top in allowed)


def test_build_wants_a_base_that_can_not_change():
    done = subprocess.run(
        [ROOT / "deploy/docker/build"],
        check=False,
        capture_output=True,
        text=True,
        env={"TOOL": "false", "PATH": "/bin"},
    )
    assert done.returncode == 1
    assert "by digest" in done.stderr


# Help -----------------------------------------------------------------------------------------------------------------


def imported(modules: str) -> set[str]:
    """The modules that are there when a process has imported its application."""
    code = f"import sys, json, {modules}; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    return set(json.loads(done.stdout))


def imports_of(module: str) -> set[str]:
    """The packages that a module of ours names, whether it is imported at once or later."""
    path = ROOT / module.replace(".", "/")
    source = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def ours(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] in ("posestream", "workers", "producer", "deploy")}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(group: str) -> dict[str, str]:
    text = (REQUIREMENTS / f"{group}.txt").read_text()
    return {normal(name): version for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE)}


def flat(project: dict, group: str) -> list[str]:
    """A group's requirements with those of the groups that it includes."""
    found = []
    for entry in project["dependency-groups"][group]:
        found += [entry] if isinstance(entry, str) else flat(project, entry["include-group"])
    return found
