"""How a CPU quota throttles the process, on control group trees as the kernel shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from posestream.service.cgroup import Throttling, throttling

V2 = "usage_usec 900\nuser_usec 500\nsystem_usec 400\nnr_periods {}\nnr_throttled {}\nthrottled_usec {}\n"
V1 = "nr_periods {}\nnr_throttled {}\nthrottled_time {}\n"


class Groups:
    """A control group file system and a membership file, made in a folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "cgroup"
        self.root.mkdir()
        self.membership = folder / "self-cgroup"

    def stat(self, group: str, text: str) -> None:
        (self.root / group).mkdir(parents=True, exist_ok=True)
        (self.root / group / "cpu.stat").write_text(text)

    def seen(self, *lines: str) -> Throttling:
        self.membership.write_text("".join(f"{line}\n" for line in lines))
        return throttling(self.root, self.membership)


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    return Groups(tmp_path)


def test_version_2_counts_in_microseconds(groups: Groups) -> None:
    groups.stat("pod/worker", V2.format(100, 25, 1_500_000))
    assert groups.seen("0::/pod/worker") == Throttling(100, 25, 1.5)


@pytest.mark.parametrize(("mount", "controllers"), [("cpu,cpuacct", "cpu,cpuacct"), ("cpu", "cpu,cpuacct")])
def test_version_1_counts_in_nanoseconds(groups: Groups, mount: str, controllers: str) -> None:
    groups.stat(f"{mount}/pod", V1.format(10, 5, 250_000_000))
    assert groups.seen("3:memory:/else", f"1:{controllers}:/pod", "0::/") == Throttling(10, 5, 0.25)


def test_the_group_that_throttles_most_counts_even_if_it_is_above_the_process(groups: Groups) -> None:
    groups.stat("pod", V2.format(50, 40, 9_000_000))
    groups.stat("pod/worker", V2.format(60, 1, 1000))
    assert groups.seen("0::/pod/worker") == Throttling(50, 40, 9.0)


def test_inside_a_container_the_root_counts_where_the_hosts_path_can_not_be_seen(groups: Groups) -> None:
    groups.stat("", V2.format(8, 2, 10))
    assert groups.seen("0::/kubepods/burstable/pod1/abc").throttled == 2


@pytest.mark.parametrize(
    "text", ["", "usage_usec 5\n", "nr_periods x\nnr_throttled 1\nthrottled_usec 1\n", "nr_periods\n"]
)
def test_without_a_quota_or_with_a_file_that_makes_no_sense_nothing_is_throttled(groups: Groups, text: str) -> None:
    groups.stat("pod", text)
    assert groups.seen("0::/pod") == Throttling(0, 0, 0.0)


def test_without_control_groups_nothing_is_throttled(tmp_path: Path) -> None:
    assert throttling(tmp_path, tmp_path / "absent") == Throttling()
