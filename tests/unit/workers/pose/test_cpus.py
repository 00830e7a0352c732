"""CPU quotas, on control group trees as the kernel shows them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workers.pose.cpus import cpu_quota, usable_cpus


class Groups:
    """A control group file system and a membership file, made in a folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "cgroup"
        self.root.mkdir()
        self.membership = folder / "self-cgroup"

    def member_of(self, *lines: str) -> None:
        self.membership.write_text("".join(f"{line}\n" for line in lines))

    def v2(self, group: str, content: str) -> None:
        self._write(group, "cpu.max", content)

    def v1(self, group: str, quota_us: int, period_us: int = 100_000) -> None:
        self._write(group, "cpu.cfs_quota_us", str(quota_us))
        self._write(group, "cpu.cfs_period_us", str(period_us))

    def _write(self, group: str, name: str, content: str) -> None:
        folder = self.root / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{content}\n")

    def quota(self) -> float | None:
        return cpu_quota(self.root, self.membership)


@pytest.fixture
def groups(tmp_path):
    return Groups(tmp_path)


# Version 2 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "cpus"),
    [
        ("200000 100000", 2.0),
        ("150000 100000", 1.5),
        ("50000 100000", 0.5),
        ("40000 20000", 2.0),  # another period
        ("max 100000", None),
        ("", None),  # as in a kernel without the controller's parts
        ("200000", None),
    ],
)
def test_a_version_2_quota_is_the_quota_by_the_period(groups, content, cpus):
    groups.member_of("0::/app.slice")
    groups.v2("app.slice", content)

    assert groups.quota() == cpus


def test_the_tightest_group_on_the_way_to_the_root_counts(groups):
    groups.member_of("0::/kubepods/pod1/container")
    groups.v2("kubepods", "400000 100000")
    groups.v2("kubepods/pod1", "150000 100000")
    groups.v2("kubepods/pod1/container", "max 100000")
    groups.v2("kubepods/pod2", "10000 100000")  # a neighbour's

    assert groups.quota() == 1.5


def test_inside_a_container_the_root_is_the_containers_own_group(groups):
    groups.member_of("0::/")
    groups.v2(".", "300000 100000")

    assert groups.quota() == 3


def test_a_path_that_is_the_hosts_and_not_visible_leads_to_the_root(groups):
    groups.member_of("0::/system.slice/docker-4f1e.scope")
    groups.v2(".", "300000 100000")

    assert groups.quota() == 3


# Version 1 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mount", ["cpu,cpuacct", "cpu"])
def test_a_version_1_quota_is_found_under_either_name_of_the_mount(groups, mount):
    groups.member_of("12:memory:/docker/4f1e", "4:cpu,cpuacct:/docker/4f1e", "1:name=systemd:/docker/4f1e")
    groups.v1(f"{mount}/docker/4f1e", 250_000)

    assert groups.quota() == 2.5


def test_version_1_without_a_quota_says_minus_one(groups):
    groups.member_of("4:cpu,cpuacct:/docker/4f1e")
    groups.v1("cpu,cpuacct/docker/4f1e", -1)

    assert groups.quota() is None


def test_controllers_whose_name_only_begins_with_cpu_are_not_asked(groups):
    groups.member_of("5:cpuset:/docker")
    groups.v1("cpuset/docker", 100_000)

    assert groups.quota() is None


def test_on_a_host_with_both_versions_the_tighter_one_counts(groups):
    groups.member_of("4:cpu,cpuacct:/docker", "0::/unified")
    groups.v1("cpu,cpuacct/docker", 300_000)
    groups.v2("unified", "200000 100000")

    assert groups.quota() == 2


# Neither --------------------------------------------------------------------------------------------------------------


def test_without_control_groups_there_is_no_quota(groups):
    assert groups.quota() is None

    groups.member_of("0::/somewhere")
    assert groups.quota() is None


@pytest.mark.parametrize(
    ("content", "cpus"),
    [
        ("100000 100000", 1),  # one CPU's worth on however many cores
        ("199000 100000", 1),  # rounded down: two threads would be throttled
        ("10000 100000", 1),  # never less than one
        ("10000000 100000", None),  # more than there is
        ("max 100000", None),
    ],
)
def test_the_usable_cpus_are_the_lesser_of_affinity_and_quota(groups, content, cpus):
    groups.member_of("0::/")
    groups.v2(".", content)

    assert usable_cpus(groups.root, groups.membership) == (cpus or len(os.sched_getaffinity(0)))


def test_an_affinity_to_one_core_is_respected(groups, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3})
    groups.member_of("0::/")
    groups.v2(".", "800000 100000")

    assert usable_cpus(groups.root, groups.membership) == 1
