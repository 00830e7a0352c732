"""The compose files: valid, hardened, and in agreement with the images and with what they mount."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import compose_spec
import pytest
import yaml

from producer.settings import RunSettings
from tests.unit.deploy.docker.dockerfile import IMAGES, ROOT, environment
from workers.pose.settings import PoseSettings
from workers.track.settings import TrackSettings

FOLDER = ROOT / "deploy/docker"
FILES = ("compose.yaml", "compose.demo.yaml", "compose.recordings.yaml")


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return found


SERVICES = read("compose.yaml")["services"]


@pytest.mark.parametrize("name", FILES)
def test_a_compose_file_is_what_the_specification_says(name):
    compose_spec.PyCompose.from_yaml(yaml.safe_dump(read(name))).validate()


def test_what_is_spelt_wrong_is_found():
    spoilt = read("compose.yaml")
    spoilt["services"]["worker"]["replicas_"] = 3
    with pytest.raises(ValueError, match="replicas_"):
        compose_spec.PyCompose.from_yaml(yaml.safe_dump(spoilt))


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_hardened(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert service["image"].partition(":")[2] not in ("", "latest")


def test_images_are_of_this_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    ours = {service["image"] for service in SERVICES.values() if service["image"].startswith("posestream/")}
    assert ours == {f"posestream/{image}:{version}" for image in IMAGES}


def test_several_workers_have_whole_cpus_and_time_to_end():
    worker = SERVICES["worker"]
    assert worker["deploy"]["replicas"] > 1
    assert worker["deploy"]["resources"]["limits"]["cpus"].isdecimal()
    assert int(worker["stop_grace_period"].rstrip("s")) >= PoseSettings().grace_s + 7


def test_every_variable_for_the_applications_is_a_setting():
    for name, settings in (("worker", PoseSettings), ("tracker", TrackSettings), ("producer", RunSettings)):
        given = {key for key in SERVICES[name]["environment"] if key.startswith("POSESTREAM_")}
        known = {f"POSESTREAM_{field.upper()}" for field in settings.model_fields}
        assert given <= known


def test_a_worker_is_taken_to_be_about_as_fast_as_its_cpus_make_the_official_network():
    cpus = int(SERVICES["worker"]["deploy"]["resources"]["limits"]["cpus"])
    (measured,) = re.findall(r"in FP32 (\d+)\n", (ROOT / "docs/operations.md").read_text(encoding="utf-8"))
    assert 0.75 <= float(SERVICES["tracker"]["environment"]["POSESTREAM_WORKER_FPS"]) / (cpus * int(measured)) <= 1


def test_a_producer_of_cameras_is_always_started_again_and_one_of_recordings_only_if_it_fails():
    assert SERVICES["producer"]["restart"] == "unless-stopped"
    assert read("compose.recordings.yaml")["services"]["producer"]["restart"] == "on-failure"


def test_everything_that_is_mounted_from_here_is_here():
    for services in (SERVICES, read("compose.demo.yaml")["services"]):
        for service in services.values():
            for volume in service.get("volumes", ()):
                source = volume.partition(":")[0]
                if source.startswith(".") and source != "./cameras.toml":  # which the user brings
                    assert (FOLDER / source).exists(), source


def test_prometheus_scrapes_every_application_on_its_port():
    (job,) = read("prometheus.yaml")["scrape_configs"]
    (discovery,) = job["dns_sd_configs"]
    assert set(discovery["names"]) == set(IMAGES) <= SERVICES.keys()
    assert {str(discovery["port"])} == {environment(image)["POSESTREAM_METRICS_PORT"] for image in IMAGES}


def test_the_network_is_fetched_to_where_the_workers_look_for_it():
    assert SERVICES["model"]["command"] == ["model", "fetch", "--output", "/models"]
    assert environment("worker")["POSESTREAM_MODEL"].startswith("/models/")
    assert "models:/models:ro" in SERVICES["worker"]["volumes"]


def test_the_server_is_configured_as_servers_are_to_be():
    command = SERVICES["valkey"]["command"][1:]
    given = {name.removeprefix("--"): value for name, value in zip(command[::2], command[1::2], strict=True)}
    for line in (ROOT / "config/server.conf").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name and not name.startswith("#"):
            assert given[name] == value.strip('"'), name
