"""Every manifest against the schemas of Kubernetes and of the custom resources, with nothing that they do not know."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.prometheus_operator import v1 as prometheus_operator

from tests.unit.deploy.kubernetes.rendered import Manifest, everything

VERSIONS = ("1.29", kubernetes_validate.latest_version())
"""The oldest Kubernetes that is promised, and the newest that there are schemas of."""

CUSTOM = {
    ("keda.sh/v1alpha1", "ScaledObject"): keda.ScaledObject,
    ("monitoring.coreos.com/v1", "PodMonitor"): prometheus_operator.PodMonitor,
    ("monitoring.coreos.com/v1", "PrometheusRule"): prometheus_operator.PrometheusRule,
}


def strict(schema: Any) -> Any:
    """The schema with every field refused that it does not name."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(part) for key, part in schema.items()}
    if isinstance(schema.get("pattern"), str):
        closed["pattern"] = schema["pattern"].replace("^(?i)", "(?i)^")  # Go's way of saying so
    if schema.get("type") == "object" and schema.get("properties") and "additionalProperties" not in schema:
        closed["additionalProperties"] = False
    return closed


SCHEMAS = {key: strict(model.model_json_schema(by_alias=True)) for key, model in CUSTOM.items()}


def check(manifest: Manifest) -> None:
    schema = SCHEMAS.get((manifest["apiVersion"], manifest["kind"]))
    if schema is not None:
        jsonschema.validate(manifest, schema)
        return
    for version in VERSIONS:
        kubernetes_validate.validate(manifest, version, strict=True)  # a kind that it does not know is an error, too


RENDERED = everything()


@pytest.mark.parametrize("rendering", RENDERED)
def test_every_manifest_is_what_its_schema_says(rendering):
    assert RENDERED[rendering]
    for manifest in RENDERED[rendering]:
        check(manifest)


@pytest.mark.parametrize("rendering", RENDERED)
def test_no_object_is_there_twice(rendering):
    found = [(m["kind"], m["metadata"].get("namespace"), m["metadata"]["name"]) for m in RENDERED[rendering]]
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("Deployment", lambda m: m["spec"]["template"]["spec"].update(enableServiceLink=False)),
        ("Deployment", lambda m: m["spec"].update(replicas="2")),
        ("ScaledObject", lambda m: m["spec"]["scaleTargetRef"].update(nmae="worker")),
        ("ScaledObject", lambda m: m["spec"]["triggers"][0]["metadata"].update(threshold=0.75)),
        ("PodMonitor", lambda m: m["spec"]["podMetricsEndpoints"][0].update(prot="metrics")),
        ("PrometheusRule", lambda m: m["spec"]["groups"][0]["rules"][0].update(expression="up")),
        ("NetworkPolicy", lambda m: m["spec"].update(policyType=["Egress"])),
    ],
)
def test_what_is_spelt_wrong_is_found(kind, spoil):
    manifest = copy.deepcopy(next(m for m in RENDERED["production"] if m["kind"] == kind))
    check(manifest)
    spoil(manifest)
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
        check(manifest)


def test_a_kind_that_nobody_has_a_schema_of_is_found():
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        check({"apiVersion": "example.com/v1", "kind": "Wish", "metadata": {"name": "x"}})
