"""Dashboards and alerts as Prometheus sees them: rules by promtool, queries and alerts against a running fleet."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.demo import write_three_people_network
from tests.fleet import wait_until
from tests.monitoring.__main__ import draw_all
from tests.monitoring.dashboards import NAMES, Panel, ask, legend, read_panels
from tests.monitoring.prometheus import RULES, Prometheus
from tests.monitoring.stage import DOOR, ROOM, Stage

CASES = Path(__file__).parent / "rules"
FACTOR = 30
"""How many times as fast as written the rules run where alerts are awaited."""
PANELS = [(name, panel) for name in NAMES for panel in read_panels(name) if panel.kind != "row"]

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed (Debian: prometheus)"),
]


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    promtool("check", "rules", "--lint-fatal", str(RULES / "rules.yaml"), str(RULES / "alerts.yaml"))


@pytest.mark.parametrize("cases", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_alerts_fire_and_keep_quiet_as_they_should(cases: Path) -> None:
    promtool("test", "rules", str(cases))


# On a running fleet ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("monitoring")
    with Stage(folder / "stage", write_three_people_network(folder / "three.xml")) as stage:
        yield stage


@pytest.fixture(scope="module")
def quick(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Runs the rules many times as fast as written; it watches from the beginning."""
    with Prometheus(tmp_path_factory.mktemp("quick") / "prometheus", stage.targets(), factor=FACTOR) as prometheus:
        yield prometheus


@pytest.fixture(scope="module")
def prometheus(stage: Stage, quick: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Runs the rules as they are."""
    with Prometheus(tmp_path_factory.mktemp("real") / "prometheus", stage.targets()) as prometheus:
        wait_until(
            # The last that comes: a meter of load does not speak before it has looked for ten seconds.
            lambda: (
                prometheus.value("sum(posestream_offered_load)") > 0
                and prometheus.value("count(posestream:camera_admitted:increase5m > 0)") == 2
            ),
            seconds=60,
            what="the cameras are seen and their load is known",
        )
        yield prometheus


def answers(prometheus: Prometheus, panel: Panel) -> list[str]:
    """Run a panel's queries; returns what is wrong with the answers."""
    wrong = []
    for query in panel.queries:
        series = ask(prometheus, query, ROOM, seconds=20, step_s=1, rate_interval="8s")
        if not any(one.has_data for one in series):
            wrong.append(f"{panel.title}: no data for {query.expression}")
        names = [legend(query.legend, one.labels) for one in series]
        if len(set(names)) != len(names):
            wrong.append(f"{panel.title}: lines of one name: {names}")
    return wrong


def test_every_process_is_scraped_and_every_rule_evaluates(prometheus: Prometheus) -> None:
    assert prometheus.value("count(up == 1)") == 6
    assert prometheus.failing_rules() == []


def test_every_query_of_every_panel_returns_data(prometheus: Prometheus) -> None:
    assert len(PANELS) > 40
    assert [problem for _, panel in PANELS for problem in answers(prometheus, panel)] == []


def test_the_books_and_the_ratios_of_a_healthy_fleet(prometheus: Prometheus) -> None:
    assert prometheus.value("sum(abs(posestream:frames_unaccounted:sum))") == 0
    assert prometheus.value("count(posestream:frames_unaccounted:sum)") == 2
    assert prometheus.value("sum(posestream_tracker_leading)") == 1
    assert prometheus.value("sum(posestream_shard_worker_slots)") == 4
    assert prometheus.value(f'posestream_camera_info{{camera="{ROOM}", policy="live"}}') == 1
    people = f'posestream_camera_people_total{{camera="{ROOM}"}}'
    posed = f'posestream_frames_total{{camera="{ROOM}", outcome="posed"}}'
    seen = f"sum(rate({people}[20s])) / sum(rate({posed}[20s]))"
    # The network sees three people in every frame; looks are 2 s apart, so that the first few of them may not agree.
    wait_until(
        lambda: prometheus.value(seen) == pytest.approx(3, rel=0.3), seconds=60, what=f"three people a frame: {seen}"
    )


def test_the_panels_can_be_drawn(prometheus: Prometheus, tmp_path: Path) -> None:
    pictures = draw_all(prometheus, tmp_path, seconds=20)
    assert len(pictures) == len(NAMES)
    assert all(picture.stat().st_size > 20_000 for picture in pictures)


def fires(quick: Prometheus, alert: str, seconds: float = 90) -> None:
    wait_until(lambda: alert in quick.firing(), seconds=seconds, what=f"{alert} fires; there are {quick.alerts()}")


def ends(quick: Prometheus, alert: str, seconds: float = 90) -> None:
    wait_until(lambda: alert not in quick.firing(), seconds=seconds, what=f"{alert} ends")


def annotations(quick: Prometheus, alert: str) -> dict[str, Any]:
    return next(one["annotations"] for one in quick.alerts() if one["labels"]["alertname"] == alert)


def test_alerts_fire_when_something_is_broken_and_only_then(
    stage: Stage, quick: Prometheus, prometheus: Prometheus
) -> None:
    """One fault after the other, each mended before the next; the tracker's last, as nothing is known without it."""
    assert quick.failing_rules() == []
    assert quick.firing() == set()

    stage.break_pictures()
    fires(quick, "PosestreamDeadLetters")
    assert annotations(quick, "PosestreamDeadLetters")["summary"].startswith(f"Frames of {DOOR} were dead-lettered")
    stage.mend_pictures()

    stage.unplug()
    fires(quick, "PosestreamCameraSilent")
    stage.plug_in()
    ends(quick, "PosestreamCameraSilent")

    stage.fill_memory()
    fires(quick, "PosestreamServerMemory")
    stage.free_memory()
    ends(quick, "PosestreamServerMemory")

    stage.freeze_workers()
    fires(quick, "PosestreamNoWorkers")
    fires(quick, "PosestreamOutcomesBurnFast")
    stage.thaw_workers()
    ends(quick, "PosestreamNoWorkers")
    wait_until(
        lambda: quick.value("sum(abs(posestream:frames_unaccounted:sum))") == 0,
        seconds=30,
        what="every frame is accounted for after all that",
    )

    stage.kill_trackers()
    fires(quick, "PosestreamTrackerWithoutLeader")


def test_quicker_rules_keep_their_names_and_thresholds(quick: Prometheus) -> None:
    """What fired above are the rules of the repository, with nothing but time changed."""
    groups = quick._get("rules")["groups"]
    running = {rule["name"]: rule for group in groups for rule in group["rules"]}
    written = [
        rule for group in yaml.safe_load((RULES / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
    ]
    assert {rule["alert"] for rule in written} <= running.keys()
    assert running["PosestreamNoWorkers"]["duration"] == 60 / FACTOR
