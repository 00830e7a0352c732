"""The dashboards: what Grafana loads is what the code makes, and it asks for what there is."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.monitoring.__main__ import dashboards
from tests.monitoring.dashboards import FOLDER, NAMES, Panel, filled, read_panels
from tests.monitoring.inventory import NOT_OURS, SCRAPE_LABELS, exported, grouping_labels, selectors
from tests.monitoring.prometheus import RULES

UNITS = {"none", "s", "bytes", "Bps", "reqps", "ops", "percentunit"}
PANELS = [pytest.param(name, panel, id=f"{name}: {panel.title}") for name in NAMES for panel in read_panels(name)]
FILLED = [one for one in PANELS if one.values[1].kind != "row"]


def read(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / name).read_text()))


def recorded() -> set[str]:
    groups = yaml.safe_load((RULES / "rules.yaml").read_text())["groups"]
    return {rule["record"] for group in groups for rule in group["rules"]}


def test_the_files_are_what_the_code_makes() -> None:
    made = dashboards()
    assert set(made) == set(NAMES) == {path.name for path in FOLDER.glob("*.json")}
    for name, text in made.items():
        assert (FOLDER / name).read_text() == text, "run `python -m deploy.monitoring`"


@pytest.mark.parametrize("name", NAMES)
def test_grafanas_own_schema_knows_every_field(name: str) -> None:
    """What its types do not know is gone after reading and writing."""
    content = read(name)
    assert lost(content, json.loads(JSONEncoder().encode(Dashboard.from_json(content)))) == []


def lost(before: Any, after: Any, path: str = "") -> list[str]:
    """Return the paths of what has changed or is no longer there; new fields do not count."""
    if isinstance(before, dict) and isinstance(after, dict):
        gone = [f"{path}.{key}" for key in before.keys() - after.keys()]
        common = before.keys() & after.keys()
        return gone + [found for key in common for found in lost(before[key], after[key], f"{path}.{key}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [found for number, (one, other) in pairs for found in lost(one, other, f"{path}[{number}]")]
    return [] if before == after else [path]


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_can_be_found_again_and_chooses_data_source_and_namespace(name: str) -> None:
    content = read(name)
    variables = {one["name"]: one for one in content["templating"]["list"]}
    assert content["uid"] == f"posestream-{name.removesuffix('.json')}"
    assert content["description"]
    assert 39 <= content["schemaVersion"] <= 42
    assert variables["datasource"]["type"] == "datasource"
    assert variables["namespace"]["allValue"] == ".*"
    assert ("camera" in variables) == (name == "camera.json")


@pytest.mark.parametrize("name", NAMES)
def test_panels_have_numbers_of_their_own_and_do_not_cover_each_other(name: str) -> None:
    panels = read_panels(name)
    ids = Counter(panel.content["id"] for panel in panels)
    assert max(ids.values()) == 1
    for one, other in combinations((panel.place for panel in panels), 2):
        across = one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
        down = one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"]
        assert not (across and down), (one, other)
    assert all(panel.place["x"] + panel.place["w"] <= 24 for panel in panels)


@pytest.mark.parametrize(("name", "panel"), FILLED)
def test_a_panel_says_what_it_shows_in_which_unit_and_from_where(name: str, panel: Panel) -> None:
    assert len(panel.content["description"]) > 10
    assert panel.defaults["unit"] in UNITS
    assert panel.defaults["thresholds"]["steps"] if panel.kind != "timeseries" else True
    assert panel.queries
    for target in (panel.content, *panel.content["targets"]):
        assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize(("name", "panel"), FILLED)
def test_a_panel_asks_for_what_the_code_exports_by_labels_that_it_has(name: str, panel: Panel) -> None:
    known = exported() | NOT_OURS
    for query in panel.queries:
        expression = filled(query.expression, "hall", "1m")
        labels = set(SCRAPE_LABELS)
        for selector in selectors(expression):
            if selector.name in recorded():
                labels.add("camera")
                continue
            assert selector.name in known, query.expression
            allowed = known[selector.name] | SCRAPE_LABELS
            labels |= allowed
            assert {matcher.name for matcher in selector.matchers.matchers} <= allowed, query.expression
        assert grouping_labels(expression) | set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= labels


@pytest.mark.parametrize(("name", "panel"), FILLED)
def test_everything_a_panel_asks_for_is_of_the_namespace_and_the_camera_that_were_chosen(
    name: str, panel: Panel
) -> None:
    for query in panel.queries:
        for selector in selectors(filled(query.expression, "hall", "1m")):
            asked = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
            assert asked.get("namespace") == ".*" or str(selector.name).endswith("_budget:ratio"), query.expression
            assert (asked.get("camera") == "hall") == (name == "camera.json"), query.expression


def test_every_metric_and_rule_of_the_operators_questions_is_on_a_dashboard() -> None:
    """What is left out is left out on purpose."""
    asked = {
        str(selector.name)
        for name in NAMES
        for panel in read_panels(name)
        for query in panel.queries
        for selector in selectors(filled(query.expression, "hall", "1m"))
    }
    unasked = {name for name in exported() if name not in asked and not name.endswith(("_sum", "_count", "_bucket"))}
    assert unasked == {
        "posestream_build_info",
        "posestream_cpu_periods_total",
        "posestream_cpu_throttled_periods_total",
        "posestream_passed_through_frames_total",
        "posestream_publish_negative_ages_total",
        "posestream_server_clients",
        "posestream_server_evicted_keys_total",
        "posestream_shard_records_limit",
        "posestream_worker_networks",
        "posestream_worker_people_total",
        "process_max_fds",
        "process_open_fds",
        "process_start_time_seconds",
        "process_virtual_memory_bytes",
    }
