"""Who may reach whom, who may be evicted, and under what rules: policies, disruption budgets, Pod Security, secrets."""

from __future__ import annotations

import base64
import math
import re
from urllib.parse import urlsplit

import pytest

from tests.unit.deploy.kubernetes.rendered import (
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

RENDERED = everything()
EVERYWHERE = pytest.mark.parametrize("manifests", RENDERED.values(), ids=RENDERED.keys())
GUIDE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")

Labels = dict[str, str]


def selects(selector: Manifest, labels: Labels) -> bool:
    expressions = selector.get("matchExpressions", ())
    assert all(expression["operator"] == "In" for expression in expressions)
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(expression["key"]) in expression["values"] for expression in expressions
    )


def labels_of(manifests: list[Manifest]) -> dict[str, Labels]:
    return {name: pod["metadata"]["labels"] for name, pod in pods(manifests)}


def ports_of(pod: Manifest) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for c in pod["spec"]["containers"] for port in c.get("ports", ())}


def policies_of(manifests: list[Manifest], labels: Labels) -> dict[str, Manifest]:
    """The policies that a pod is under, by name."""
    return {
        policy["metadata"]["name"]: policy["spec"]
        for policy in of_kind(manifests, "NetworkPolicy")
        if selects(policy["spec"]["podSelector"], labels)
    }


def ways(manifests: list[Manifest], labels: Labels, direction: str) -> list[tuple[Manifest, Manifest]]:
    """Every (peer, port) that the policies of a pod allow; `direction` is ingress or egress."""
    side = {"ingress": "from", "egress": "to"}[direction]
    return [
        (peer, port)
        for policy in policies_of(manifests, labels).values()
        for rule in policy.get(direction, ())
        for peer in rule[side]
        for port in rule["ports"]
    ]


def is_way_to(way: tuple[Manifest, Manifest], labels: Labels, port: tuple[str, int]) -> bool:
    """Whether a peer and its port are those of a pod of the same namespace, and of its port's name or number."""
    peer, allowed = way
    same_namespace = "podSelector" in peer and "namespaceSelector" not in peer
    return same_namespace and selects(peer["podSelector"], labels) and allowed["port"] in port


# Network --------------------------------------------------------------------------------------------------------------


@EVERYWHERE
def test_where_there_are_policies_what_none_allows_is_denied_to_every_pod(manifests):
    policies = of_kind(manifests, "NetworkPolicy")
    if len(policies) <= 1:
        return  # none, or the component that adds one to the others
    nothing = named(policies, "NetworkPolicy", "posestream-nothing")["spec"]
    assert nothing["policyTypes"] == ["Ingress", "Egress"]
    assert not nothing.keys() & {"ingress", "egress"}
    assert all(selects(nothing["podSelector"], labels) for labels in labels_of(manifests).values())


@pytest.mark.parametrize(
    ("name", "more"),
    [
        (
            "dev",
            {
                "posestream-producer": {"redis", "metrics", "cameras"},
                "posestream-valkey": {"valkey"},
            },
        ),
        (
            "production",
            {
                "posestream-producer-hall": {"redis", "metrics", "cameras"},
                "posestream-model": {"model-fetch"},
            },
        ),
    ],
)
def test_every_pod_has_the_ways_that_it_needs_and_no_more(name, more):
    processes = {"posestream-worker": {"redis", "metrics"}, "posestream-tracker": {"redis", "metrics"}}
    found = {
        pod: {policy.removeprefix("posestream-") for policy in policies_of(overlay(name), labels)}
        for pod, labels in labels_of(overlay(name)).items()
    }
    assert found == {pod: {"nothing", "dns"} | ways for pod, ways in (processes | more).items()}


def test_of_a_development_clusters_pods_all_reach_the_server_and_nobody_anything_else():
    manifests = overlay("dev")
    labels = labels_of(manifests)
    there = [(name, port) for name, pod in pods(manifests) for port in ports_of(pod).items()]
    reached = {
        (source, target, port[1])
        for source in labels
        for target, port in there
        if any(is_way_to(way, labels[target], port) for way in ways(manifests, labels[source], "egress"))
        and any(is_way_to(way, labels[source], port) for way in ways(manifests, labels[target], "ingress"))
    }
    assert reached == {(source, "posestream-valkey", 6379) for source in labels if source != "posestream-valkey"}

    (service,) = [s for s in of_kind(manifests, "Service") if s["metadata"]["name"] == "posestream-valkey"]
    secret = next(s for s in of_kind(manifests, "Secret") if s["metadata"]["name"].startswith("posestream-redis"))
    assert len(secret["data"]) == 3
    urls = {urlsplit(decoded(value)) for value in secret["data"].values()}
    assert {(url.hostname, url.port) for url in urls} == {
        (service["metadata"]["name"], port["port"]) for port in service["spec"]["ports"]
    }


@pytest.mark.parametrize("name", ["dev", "production"])
def test_every_pod_asks_the_clusters_dns(name):
    """By the labels that Kubernetes puts on the namespace, and its DNS on its pods, whichever it is."""
    peer = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    for pod, labels in labels_of(overlay(name)).items():
        allowed = ways(overlay(name), labels, "egress")
        assert all((peer, {"protocol": protocol, "port": 53}) in allowed for protocol in ("UDP", "TCP")), pod


@pytest.mark.parametrize("name", ["dev", "production"])
def test_prometheus_comes_in_from_its_namespace_to_the_port_of_metrics_alone(name):
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    for pod, template in pods(overlay(name)):
        if "metrics" in ports_of(template):
            allowed = ways(overlay(name), template["metadata"]["labels"], "ingress")
            assert allowed == [(peer, {"protocol": "TCP", "port": "metrics"})], pod


def test_the_servers_port_in_production_is_that_of_the_guides_urls():
    ((peer, port),) = [
        (peer, port)
        for rule in named(overlay("production"), "NetworkPolicy", "posestream-redis")["spec"]["egress"]
        for peer in rule["to"]
        for port in rule["ports"]
    ]
    assert peer["ipBlock"]["cidr"].endswith("/32")
    urls = re.findall(r"--from-literal=\w+='([^']+)'", GUIDE)
    assert len(urls) == 3
    assert {port["port"]} == {urlsplit(url).port for url in urls}


@pytest.mark.parametrize("name", ["component model-fetch", "component model-volume"])
def test_who_fetches_the_network_is_who_the_way_out_is_for(name):
    policy = named(RENDERED["component network-policy-model-fetch"], "NetworkPolicy", "posestream-model-fetch")["spec"]
    fetching = {
        pod
        for pod, template in pods(RENDERED[name])
        for container in (*template["spec"].get("initContainers", ()), *template["spec"]["containers"])
        if container["args"][0] == "model"
    }
    assert len(fetching) == 1
    assert {pod for pod, labels in labels_of(RENDERED[name]).items() if selects(policy["podSelector"], labels)} == (
        fetching
    )


def test_of_private_networks_the_way_out_for_fetching_leads_to_none():
    policy = named(overlay("production"), "NetworkPolicy", "posestream-model-fetch")["spec"]
    (rule,) = policy["egress"]
    (peer,) = rule["to"]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= set(peer["ipBlock"]["except"])
    assert rule["ports"] == [{"protocol": "TCP", "port": 443}]


# The rest -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dev", "production"])
def test_the_namespace_enforces_restricted_pods(name):
    (namespace,) = of_kind(overlay(name), "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    placed = {m["metadata"]["namespace"] for m in overlay(name) if m["kind"] in ("Deployment", "Job", "NetworkPolicy")}
    assert placed == {namespace["metadata"]["name"]}


@EVERYWHERE
def test_of_a_few_pods_one_is_evicted_at_a_time_and_of_many_never_most(manifests):
    budgets = {budget["metadata"]["name"]: budget["spec"] for budget in of_kind(manifests, "PodDisruptionBudget")}
    assert {"posestream-worker", "posestream-tracker"} <= budgets.keys()
    for name, budget in budgets.items():
        assert [evicted(budget["maxUnavailable"], pods) for pods in (2, 3, 4)] == [1, 1, 1], name
    assert evicted(budgets["posestream-worker"]["maxUnavailable"], 40) <= 10


def evicted(most: int | str, pods: int) -> int:
    """How many pods a budget lets go at once; shares are rounded up."""
    return most if isinstance(most, int) else math.ceil(int(most.removesuffix("%")) / 100 * pods)


def test_the_guide_makes_the_secrets_that_production_reads():
    manifests = overlay("production")
    read = {
        (reference["name"], reference["key"])
        for _, container in containers(manifests)
        for variable in container.get("env", ())
        if (reference := variable.get("valueFrom", {}).get("secretKeyRef"))
    } | {
        (volume["secret"]["secretName"], "cameras.toml")
        for _, pod in pods(manifests)
        for volume in pod["spec"]["volumes"]
        if "secret" in volume
    }
    commands = re.findall(r"kubectl --namespace (\S+) create secret generic (\S+)((?:[ \\\n]+--from-\S+)+)", GUIDE)
    made = {
        (name, key) for _, name, sources in commands for key in re.findall(r"--from-(?:literal|file)=([\w.]+)", sources)
    }
    assert len(read) == 4
    assert made == read
    assert {namespace for namespace, _, _ in commands} == {
        m["metadata"]["namespace"] for m in of_kind(manifests, "Deployment")
    }
    assert {image(c) for _, c in containers(manifests) if c.get("env")} == {"worker", "tracker", "producer"}


def decoded(value: str) -> str:
    return base64.b64decode(value).decode()
