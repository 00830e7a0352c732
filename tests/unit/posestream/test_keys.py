"""Names of keys, shards of cameras, and frame ids."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posestream.errors import ConfigurationError
from posestream.keys import FrameId, ShardKeys, Topology, validate_camera_name, validate_prefix

# Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "lobby-2", "hall:3/door", "x" * 128, "ü" * 64, "東京", "café\u00a0nord"])
def test_a_name_that_can_be_part_of_a_key_is_taken_as_it_is(name: str) -> None:
    assert validate_camera_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "two words", "a\tb", "a\nb", "a\x00b", "a\x1fb", "a\x7fb"),
        *("a{b", "a}b", "{cam}"),
        *("x" * 129, "ü" * 65),  # bytes count, not characters
        "caf\udce9",  # what a byte that is not UTF-8 becomes on the command line
    ],
)
def test_a_name_that_can_not_be_part_of_a_key_is_an_error_that_quotes_it(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate_camera_name(name)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("prefix", ["", "a b", "a{b", "a}b", "a\n", "\udcff"])
def test_a_prefix_that_can_not_start_a_key_is_an_error_that_quotes_it(prefix: str) -> None:
    for attempt in (validate_prefix, Topology, lambda name: ShardKeys(name, 0)):
        with pytest.raises(ConfigurationError) as caught:
            attempt(prefix)
        assert repr(prefix) in str(caught.value)


@settings(derandomize=True, deadline=None)
@given(st.text() | st.text(st.characters(max_codepoint=127)))
def test_every_name_is_either_taken_or_refused(name: str) -> None:
    try:
        validate_camera_name(name)
    except ConfigurationError:
        return
    assert 1 <= len(name.encode()) <= 128
    assert not set(name) & set("{} \t\n\r\x0b\x0c\x00")


# Keys -----------------------------------------------------------------------------------------------------------------


def test_the_keys_of_a_shard_are_those_of_the_wire_format() -> None:
    keys = ShardKeys("posestream", 3)
    assert [keys.work, keys.results, keys.dead, keys.tracker, keys.cameras, keys.totals] == [
        "posestream:{s3}:work",
        "posestream:{s3}:results",
        "posestream:{s3}:dead",
        "posestream:{s3}:tracker",
        "posestream:{s3}:cameras",
        "posestream:{s3}:shard",
    ]
    assert [keys.frames("c"), keys.poses("c"), keys.state("c"), keys.camera("c")] == [
        "posestream:{s3}:frames:c",
        "posestream:{s3}:poses:c",
        "posestream:{s3}:state:c",
        "posestream:{s3}:camera:c",
    ]


# Topology -------------------------------------------------------------------------------------------------------------


def test_a_cameras_shard_is_its_crc_so_that_every_language_finds_it() -> None:
    topology = Topology(shards=16)
    assert topology.shard_of("lobby") == 0xCCE455F7 % 16
    assert topology.shard_of("küche") == zlib.crc32(b"k\xc3\xbcche") % 16
    assert topology.keys_of("lobby") == topology.keys(topology.shard_of("lobby"))


def test_a_pinned_camera_is_where_it_was_pinned() -> None:
    assert {Topology(shards=4, overrides={"lobby": shard}).shard_of("lobby") for shard in range(4)} == {0, 1, 2, 3}


def test_cameras_spread_over_the_shards() -> None:
    topology = Topology(shards=4)
    counts = [0] * 4
    for number in range(1000):
        counts[topology.shard_of(f"camera-{number}")] += 1
    assert min(counts) > 200


def test_every_shard_has_keys_of_its_own() -> None:
    assert [keys.work for keys in Topology("p", 3).all_keys()] == ["p:{s0}:work", "p:{s1}:work", "p:{s2}:work"]


@pytest.mark.parametrize(
    ("shards", "overrides", "said"),
    [(0, {}, "at least 1, not 0"), (-1, {}, "at least 1"), (2, {"a": 2}, "camera:a: there is no shard 2, only 0 to 1")],
)
def test_a_topology_that_makes_no_sense_is_an_error(shards: int, overrides: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Topology("p", shards, overrides)


def test_a_name_that_can_not_be_a_camera_has_no_shard() -> None:
    with pytest.raises(ConfigurationError):
        Topology(shards=2).shard_of("two words")


# Frame ids ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["0-0", "1700000000000-12", "18446744073709551615-18446744073709551615"])
def test_an_id_is_written_as_it_was_read(text: str) -> None:
    assert str(FrameId.parse(text)) == text
    assert FrameId.parse(text.encode()) == FrameId.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "1",
            "1-",
            "-1",
            "-",
            "1-2-3",
            "a-b",
            "1.0-0",
            "+1-0",
            " 1-0",
            "1-0\n",
            "1_0-0",
            "\u0661-0",
            b"\xff-0",
            "*",
        ),
        *("18446744073709551616-0", "0-18446744073709551616", "0" * 21 + "-0"),
    ],
)
def test_what_is_not_an_id_is_an_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"frame id|ascii"):
        FrameId.parse(text)


def test_ids_are_ordered_by_time_and_then_by_number_and_not_as_text() -> None:
    mixed = [FrameId(100, 0), FrameId(10, 10), FrameId(9, 10), FrameId(10, 2)]
    assert sorted(mixed) == [FrameId(9, 10), FrameId(10, 2), FrameId(10, 10), FrameId(100, 0)]


@pytest.mark.parametrize(
    ("last", "now_ms", "expected"),
    [
        (FrameId(100, 5), 101, FrameId(101, 0)),
        (FrameId(100, 5), 100, FrameId(100, 6)),
        (FrameId(100, 5), 7, FrameId(100, 6)),  # the clock went back
    ],
)
def test_the_next_id_is_the_present_time_or_the_smallest_above_the_last(
    last: FrameId, now_ms: int, expected: FrameId
) -> None:
    assert last.next(now_ms) == expected > last
