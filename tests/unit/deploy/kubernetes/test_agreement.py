"""Manifests and code name the same things: settings, ports, paths, metrics, users, versions."""

from __future__ import annotations

import contextlib
import math
import re
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kubernetes import prometheus_rules
from posestream.messages import Policy
from posestream.service.health import Health, HealthServer
from posestream.service.metrics import ProducerMetrics, TrackerMetrics, WorkerMetrics
from posestream.service.settings import Settings, load
from posestream.service.shard_metrics import ShardLoad
from producer.settings import DEFAULT_DEPTH, RunSettings, read_cameras
from tests.unit.deploy.docker.dockerfile import environment
from tests.unit.deploy.kubernetes.rendered import (
    FOLDER,
    ROOT,
    Manifest,
    containers,
    everything,
    image,
    named,
    of_kind,
    overlay,
    pods,
)
from workers.model.cli import Fetch
from workers.pose.settings import PoseSettings
from workers.track.settings import TrackSettings

RENDERED = everything()
EVERYWHERE = pytest.mark.parametrize("manifests", RENDERED.values(), ids=RENDERED.keys())

APPLICATIONS: dict[str, tuple[type[Settings], str]] = {
    "pose": (PoseSettings, "pose"),
    "track": (TrackSettings, "track"),
    "run": (RunSettings, "producer"),
}


def settings_of(container: Manifest, monkeypatch, tmp_path: Path) -> Any:
    """The settings that the process in a container would start with."""
    (tmp_path / "posestream.toml").write_text((FOLDER / "base/posestream.toml").read_text())
    given = environment(image(container)) | {
        variable["name"]: variable.get("value", "redis://posestream-x:y@server:6379/0") for variable in container["env"]
    }
    for name, value in given.items():
        if name.startswith("POSESTREAM_"):
            monkeypatch.setenv(name, value.replace("/etc/posestream", str(tmp_path)))
    command, *flags = container["args"]
    kind, table = APPLICATIONS[command]
    return load(kind, flags, program=command, table=table)


def applications(manifests: list[Manifest]) -> list[tuple[str, Manifest]]:
    return [
        (name, container)
        for name, container in containers(manifests)
        if image(container) != "valkey" and container["args"][0] != "model"
    ]


@EVERYWHERE
def test_every_process_accepts_the_settings_it_is_given(manifests, monkeypatch, tmp_path):
    found = applications(manifests)
    assert found
    for _, container in found:
        with monkeypatch.context() as patch:
            settings = settings_of(container, patch, tmp_path)
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports == {"health": settings.health_port, "metrics": settings.metrics_port}
        assert settings.listen_host == "0.0.0.0"
        assert settings.log_format == "json"
        assert "posestream-x:y" in settings.redis_url


@EVERYWHERE
def test_probes_ask_for_what_the_health_server_serves(manifests):
    for _, container in applications(manifests):
        for probe, path in (("startupProbe", "/live"), ("livenessProbe", "/live"), ("readinessProbe", "/ready")):
            assert container[probe]["httpGet"] == {"path": path, "port": "health"}


def test_the_health_server_serves_the_paths_of_the_probes():
    server = HealthServer(Health(), "127.0.0.1", 0)
    for path in ("/live", "/ready"):
        with contextlib.closing(urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}")) as answer:
            assert answer.status == 200
    server.close()


@EVERYWHERE
def test_a_worker_is_given_longer_to_end_than_it_gives_itself(manifests, monkeypatch, tmp_path):
    for name, pod in pods(manifests):
        for container in pod["spec"]["containers"]:
            if container.get("args", [""])[0] == "pose":
                with monkeypatch.context() as patch:
                    settings = settings_of(container, patch, tmp_path)
                # the longest block of a read, and the last frame's own time
                assert pod["spec"]["terminationGracePeriodSeconds"] >= settings.grace_s + 2 + 5, name
                assert settings.cache is not None
                mounts = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
                assert mounts == {str(settings.cache), "/tmp"}


@EVERYWHERE
def test_a_workers_cpus_are_whole_and_its_own(manifests):
    """Of every container of its pod: one that asks for less than it may have takes the cores of all of them away."""
    worker = named(manifests, "Deployment", "posestream-worker")["spec"]["template"]["spec"]
    for container in (*worker.get("initContainers", ()), *worker["containers"]):
        resources = container["resources"]
        assert resources["requests"] == resources["limits"], container["name"]
        assert {"cpu", "memory"} <= resources["limits"].keys()
        assert resources["limits"]["cpu"].isdecimal()


@EVERYWHERE
def test_selectors_find_the_pods_they_are_meant_for(manifests):
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(manifests)}
    for kind in ("Service", "PodDisruptionBudget"):
        for manifest in of_kind(manifests, kind):
            selector = manifest["spec"]["selector"]
            wanted = selector.get("matchLabels", selector)
            name = manifest["metadata"]["name"]
            assert [pod for pod, found in labels.items() if wanted.items() <= found.items()] == [name]


@EVERYWHERE
def test_services_lead_to_ports_that_there_are(manifests):
    for service in of_kind(manifests, "Service"):
        (pod,) = [pod for name, pod in pods(manifests) if name == service["metadata"]["name"]]
        known = {p["name"]: p["containerPort"] for c in pod["spec"]["containers"] for p in c["ports"]}
        for port in service["spec"]["ports"]:
            assert known[port["targetPort"]] == port["port"]


@EVERYWHERE
def test_every_role_gets_its_own_url_by_reference(manifests):
    roles = {"pose": "worker", "track": "tracker", "run": "producer"}
    for _, container in applications(manifests):
        (url,) = [variable for variable in container["env"] if variable["name"] == "POSESTREAM_REDIS_URL"]
        assert url["valueFrom"]["secretKeyRef"] == {
            "name": url["valueFrom"]["secretKeyRef"]["name"],
            "key": roles[container["args"][0]],
        }
        assert f"user posestream-{roles[container['args'][0]]} on" in (ROOT / "config/users.conf").read_text()


@EVERYWHERE
def test_no_pod_gets_variables_that_look_like_settings(manifests):
    """A service `posestream-metrics` would set POSESTREAM_METRICS_PORT to tcp://…."""
    for name, pod in pods(manifests):
        assert pod["spec"]["enableServiceLinks"] is False, name


def metric_names() -> set[str]:
    names = set()
    for metrics in (ProducerMetrics(), WorkerMetrics(), TrackerMetrics()):
        if isinstance(metrics, TrackerMetrics):
            metrics.shards.update(0, None, ShardLoad(1.0, 1.0, 8.0))
        names |= {family.name for family in metrics.registry.collect()}
    return names


def test_autoscaling_asks_for_metrics_that_there_are_in_the_overlays_own_namespace():
    (scaled,) = of_kind(overlay("production"), "ScaledObject")
    triggers = scaled["spec"]["triggers"]

    asked = [set(re.findall(r"posestream_\w+", trigger["metadata"]["query"])) for trigger in triggers]
    assert asked == [{"posestream_offered_load"}, {"posestream_backlog_seconds"}]
    assert set().union(*asked) <= metric_names()
    for trigger in triggers:
        assert f'{{namespace="{scaled["metadata"]["namespace"]}"}}' in trigger["metadata"]["query"]
        assert trigger["metricType"] == "AverageValue"
        assert trigger["metadata"]["ignoreNullValues"] == "false"
        assert float(trigger["metadata"]["threshold"]) > 0


def base_worker_fps() -> float:
    return float(tomllib.loads((FOLDER / "base/posestream.toml").read_text())["track"]["worker_fps"])


def test_autoscaling_takes_a_worker_to_be_about_as_fast_as_its_cpus_make_the_official_network():
    (worker,) = [c for n, c in containers(overlay("production")) if n == "posestream-worker/worker"]
    (measured,) = re.findall(r"in FP32 (\d+)\n", (ROOT / "docs/operations.md").read_text(encoding="utf-8"))
    assert 0.75 <= base_worker_fps() / (int(worker["resources"]["requests"]["cpu"]) * int(measured)) <= 1


def test_one_file_with_the_default_depth_gets_several_workers():
    (scaled,) = of_kind(overlay("production"), "ScaledObject")
    (backlog,) = [one for one in scaled["spec"]["triggers"] if one["name"] == "backlog-seconds"]
    depth = DEFAULT_DEPTH[Policy.LOSSLESS]
    assert math.ceil(depth / base_worker_fps() / float(backlog["metadata"]["threshold"])) == 4


def test_what_scales_is_there_is_never_none_and_has_no_fixed_number():
    manifests = overlay("production")
    (scaled,) = of_kind(manifests, "ScaledObject")
    workers = named(manifests, "Deployment", scaled["spec"]["scaleTargetRef"]["name"])

    assert "replicas" not in workers["spec"]
    assert scaled["spec"]["minReplicaCount"] >= 1
    # Without a figure, enough for the peak: too many cost money, too few cost frames.
    most = scaled["spec"]["maxReplicaCount"]
    assert 0.7 * most <= scaled["spec"]["fallback"]["replicas"] <= most
    assert of_kind(manifests, "HorizontalPodAutoscaler") == []


def test_the_pod_monitor_scrapes_every_process_by_a_port_that_it_has():
    manifests = overlay("production")
    (monitor,) = of_kind(manifests, "PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    selector = monitor["spec"]["selector"]
    (expression,) = selector["matchExpressions"]
    jobs = {job["metadata"]["name"] for job in of_kind(manifests, "Job")}
    for name, pod in pods(manifests):
        if name in jobs:  # it ends, and has no metrics
            continue
        labels = pod["metadata"]["labels"]
        assert selector["matchLabels"].items() <= labels.items()
        assert labels[expression["key"]] in expression["values"]
        assert endpoint["port"] in {port["name"] for c in pod["spec"]["containers"] for port in c["ports"]}


def test_the_operators_rules_are_those_of_monitoring():
    written = yaml.safe_load(prometheus_rules.TARGET.read_text(encoding="utf-8"))
    assert written == prometheus_rules.resource(), "run: python -m deploy.kubernetes.prometheus_rules"
    assert written["spec"]["groups"]


def test_every_dashboard_is_taken_in():
    there = {path.name for path in (ROOT / "deploy/monitoring/grafana").glob("*.json")}
    dashboards = [m for m in overlay("production") if m["metadata"].get("labels", {}).get("grafana_dashboard")]
    assert {name for manifest in dashboards for name in manifest["data"]} == there


@pytest.mark.parametrize("path", [*sorted(FOLDER.rglob("cameras.toml")), ROOT / "deploy/docker/cameras.demo.toml"])
def test_cameras_files_are_accepted(path):
    assert read_cameras(path, {})


def test_the_network_is_fetched_to_where_the_worker_looks_for_it():
    model = Path(environment("worker")["POSESTREAM_MODEL"])
    for name in ("model-fetch", "model-volume"):
        manifests = RENDERED[f"component {name}"]
        fetching = [c for _, c in containers(manifests) if c.get("args", [""])[0] == "model"]
        (arguments,) = [container["args"] for container in fetching]
        assert arguments[:3] == ["model", "fetch", "--output"]
        assert Path(arguments[3]) / f"{Fetch().name}.xml" == model
        worker = next(c for n, c in containers(manifests) if n == "posestream-worker/worker")
        assert {m["mountPath"]: m.get("readOnly") for m in worker["volumeMounts"]}[arguments[3]] is True


def test_recordings_are_played_by_a_job_that_is_started_again_only_if_it_fails_and_stays_when_it_is_done():
    """What it does otherwise, it does as the producer of cameras."""
    job = named(RENDERED["component producer-job"], "Job", "posestream-recordings")["spec"]
    assert job["template"]["spec"]["restartPolicy"] == "OnFailure"
    assert "ttlSecondsAfterFinished" not in job

    pod = job["template"]
    deployed = named(RENDERED["component producer"], "Deployment", "posestream-producer")["spec"]["template"]
    assert pod["metadata"] == deployed["metadata"]
    assert pod["spec"]["securityContext"] == deployed["spec"]["securityContext"]
    (mine,), (theirs,) = pod["spec"]["containers"], deployed["spec"]["containers"]
    assert mine | {"volumeMounts": ()} == theirs | {"volumeMounts": ()}
    assert all(mount in mine["volumeMounts"] for mount in theirs["volumeMounts"])


def test_a_release_brings_its_own_job_as_one_can_not_be_changed():
    (job,) = of_kind(overlay("production"), "Job")
    assert job["spec"]["ttlSecondsAfterFinished"] > 0


def test_the_development_server_is_configured_as_servers_are_to_be():
    wanted = {}
    for line in (ROOT / "config/server.conf").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name and not name.startswith("#"):
            wanted[name] = value.strip('"')
    (valkey,) = [c for _, c in containers(overlay("dev")) if image(c) == "valkey"]
    given = {
        name.removeprefix("--"): value for name, value in zip(valkey["args"][::2], valkey["args"][1::2], strict=True)
    }
    assert given.pop("maxmemory") == "1gb"
    wanted.pop("maxmemory")
    assert wanted.items() <= given.items()


def test_images_of_development_are_of_this_version_and_those_of_production_are_given_by_digest():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    ours = [c["image"] for _, c in containers(overlay("dev")) if image(c) != "valkey"]
    assert {reference.partition(":")[2] for reference in ours} == {version}
    for _, container in containers(overlay("production")):
        assert re.fullmatch(r"[a-z./-]+@sha256:[0-9a-f]{64}", container["image"])


def test_production_holds_no_secret():
    assert of_kind(overlay("production"), "Secret") == []
    assert "redis://" not in yaml.safe_dump_all(
        manifest for manifest in overlay("production") if not manifest["metadata"]["name"].startswith("posestream-dash")
    )
