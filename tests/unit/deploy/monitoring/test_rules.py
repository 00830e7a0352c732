"""Alerts and recording rules: they ask for what the code exports, and somebody who is woken finds what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from posestream.messages import Outcome, Policy
from posestream.service.metrics import AGE_BUCKETS_S
from posestream.service.shard_metrics import REFUSALS
from tests.monitoring.inventory import NOT_OURS, SCRAPE_LABELS, exported, grouping_labels, selectors, subqueries
from tests.monitoring.prometheus import RULES
from tests.monitoring.quicker import quicker

ROOT = Path(__file__).parents[4]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
CASES = ROOT / "tests" / "system" / "rules"


def rules_of(name: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((RULES / name).read_text())["groups"] for rule in group["rules"]]


RECORDED = [pytest.param(rule, id=rule["record"]) for rule in rules_of("rules.yaml")]
ALERTS = [pytest.param(rule, id=rule["alert"]) for rule in rules_of("alerts.yaml")]
KNOWN_VALUES: dict[str, set[str]] = {
    "outcome": {outcome.value for outcome in Outcome},
    "policy": {policy.value for policy in Policy},
    "reason": set(REFUSALS),
    "le": {str(float(bound)) for bound in AGE_BUCKETS_S},
}
"""What labels may be compared with."""


def section(alert: str) -> str:
    """Return the runbook's section of an alert."""
    found = re.search(rf"^#### {alert}\n(.*?)(?=^#|\Z)", OPERATIONS, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


@pytest.mark.parametrize("rule", RECORDED + ALERTS)
def test_a_rule_asks_for_what_the_code_or_another_rule_exports(rule: dict[str, Any]) -> None:
    known = exported() | NOT_OURS
    recorded = {one["record"] for one in rules_of("rules.yaml")}
    labels = set(SCRAPE_LABELS)
    for selector in selectors(rule["expr"]):
        if selector.name in recorded:
            labels.add("camera")
            continue
        assert selector.name in known
        labels |= known[selector.name] | SCRAPE_LABELS
        for matcher in selector.matchers.matchers:
            assert matcher.name in known[selector.name] | SCRAPE_LABELS
            if matcher.name in KNOWN_VALUES:
                assert set(matcher.value.split("|")) <= KNOWN_VALUES[matcher.name]
    assert grouping_labels(rule["expr"]) <= labels


@pytest.mark.parametrize("rule", RECORDED)
def test_a_recorded_ratio_says_its_window_in_its_name(rule: dict[str, Any]) -> None:
    ranges = set(re.findall(r"\[(\w+)\]", rule["expr"]))
    named = re.search(r"(?:rate|increase|avg)(\d+[mhd])$", rule["record"])
    assert ranges == ({named[1]} if named else set())


def test_every_recorded_rule_is_used() -> None:
    used = "".join(path.read_text() for path in (RULES / "alerts.yaml", *(RULES.parent / "grafana").glob("*.json")))
    used += (RULES / "rules.yaml").read_text().replace("record: ", "record_")
    for rule in rules_of("rules.yaml"):
        assert re.search(rf"(?<!record_){rule['record']}\b", used), rule["record"]


@pytest.mark.parametrize("rule", ALERTS)
def test_an_alert_says_how_bad_it_is_what_is_wrong_and_where_to_read_on(rule: dict[str, Any]) -> None:
    notes = rule["annotations"]
    assert rule["alert"].startswith("Posestream")
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert notes["summary"].endswith(".")
    assert notes["description"].endswith(".")
    assert notes["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
    assert len(section(rule["alert"])) > 100


def test_the_runbook_has_no_section_for_an_alert_that_is_gone() -> None:
    assert set(re.findall(r"^#### (Posestream\w+)", OPERATIONS, re.MULTILINE)) == {
        one.values[0]["alert"] for one in ALERTS
    }


@pytest.mark.parametrize("rule", ALERTS)
def test_an_alert_has_a_firing_and_a_quiet_case(rule: dict[str, Any]) -> None:
    expected = [
        case["exp_alerts"]
        for path in CASES.glob("*.yaml")
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["alertname"] == rule["alert"]
    ]
    assert any(expected), "no case in which it fires"
    assert not all(expected), "no case in which it keeps quiet"


# Made to run faster ---------------------------------------------------------------------------------------------------


def test_quicker_rules_are_the_same_but_for_their_durations() -> None:
    rules = "groups: [{name: g, interval: 1m, rules: [{alert: A, expr: 'rate(x[5m]) > 1h5', for: 90s}]}]"
    assert yaml.safe_load(quicker(rules.replace("1h5", "5"), 30)) == {
        "groups": [
            {
                "name": "g",
                "interval": "2000ms",
                "rules": [{"alert": "A", "expr": "rate(x[10000ms]) > 5", "for": "3000ms"}],
            }
        ]
    }


@pytest.mark.parametrize("rule", RECORDED + ALERTS)
def test_rules_have_no_durations_that_would_not_be_made_quicker(rule: dict[str, Any]) -> None:
    assert not subqueries(rule["expr"])
    assert all(selector.offset is None for selector in selectors(rule["expr"]))
    assert "time()" not in rule["expr"]
    assert "silence_seconds" not in rule["expr"]
    for window in re.findall(r"\[(\w+)\]", rule["expr"]):
        assert promql_parser.parse_duration(window).total_seconds() >= 300, (
            "too short for a scrape interval of a minute"
        )
