"""Settings from file, environment and flags, and what is said of wrong ones."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import Field

from posestream.errors import ConfigurationError
from posestream.service.settings import (
    KEYS,
    OTHER_KEYS,
    TABLES,
    ConnectionSettings,
    ServiceSettings,
    Table,
    described,
    load,
)

ROOT = Path(__file__).parents[3]
APPLICATIONS = [
    path
    for folder in ("posestream", "producer", "workers", "training", "deploy")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
PROGRAM = "python -m mill"
SECRET_URL = "redis://miller:flour@127.0.0.1:6379/0"


class Grain(Table):
    """What is milled."""

    kind: str
    """Its name."""


class MillSettings(ServiceSettings):
    """A mill."""

    wheel_count: int = Field(2, ge=1, le=8)
    """Wheels that turn at once."""
    pause_ms: int = 250
    """Milliseconds between two turns."""
    stones: tuple[int, ...] = ()
    """Stones in use."""
    sacks: list[str] = Field(default_factory=list)
    """What is written on them."""
    grain: Grain | None = None
    """What is milled."""


class LookSettings(ConnectionSettings):
    """Look at the mill."""

    json_lines: bool = Field(False, alias="json")
    """One JSON object per line."""


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    for name in ("REDIS_URL", "PREFIX", "CONFIG", "WHEEL_COUNT", "PAUSE_MS", "LOG_LEVEL", "STONES", "SACKS", "GRAIN"):
        monkeypatch.delenv(f"POSESTREAM_{name}", raising=False)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "mill.toml"

    def write(content: str) -> str:
        path.write_text(content)
        return str(path)

    return write


def mill(*flags: str) -> MillSettings:
    return load(MillSettings, list(flags), program=PROGRAM, table="mill")


def failure(*flags: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        mill(*flags)
    return str(caught.value)


# Where values come from -----------------------------------------------------------------------------------------------


def test_without_any_source_the_defaults_hold():
    assert (mill().wheel_count, mill().redis_url) == (2, "redis://127.0.0.1:6379/0")


def test_the_environment_overrules_the_file_and_a_flag_overrules_both(config, monkeypatch):
    path = config("[mill]\nwheel_count = 3\n")

    assert mill("--config", path).wheel_count == 3
    monkeypatch.setenv("POSESTREAM_WHEEL_COUNT", "4")
    assert mill("--config", path).wheel_count == 4
    assert mill("--config", path, "--wheel-count", "5").wheel_count == 5


def test_the_own_table_overrules_common_and_other_tables_are_not_looked_at(config):
    path = config("[common]\nprefix = 'a'\npause_ms = 1\n[mill]\npause_ms = 2\n[track]\npause_ms = 3\noven = 9\n")

    assert (mill("--config", path).prefix, mill("--config", path).pause_ms) == ("a", 2)


def test_every_table_that_an_application_reads_may_be_in_a_file_that_all_of_them_share():
    table = re.compile(r'\btable(?:: Final)? ?= ?"(\w+)"', re.IGNORECASE)
    named = {name for path in APPLICATIONS for name in table.findall(path.read_text())}

    assert {"pose", "track", "tail", "dead", "demo", "training"} <= named
    assert named | {"common"} == set(TABLES)


def test_a_table_that_nobody_reads_is_an_error_as_it_is_a_mistyped_one(config):
    with pytest.raises(ConfigurationError, match=r"unknown table \[psoe\]"):
        mill("--config", config("[psoe]\nslots = 3\n"))


@pytest.mark.parametrize("flags", [["--config={}"], ["--config", "{}"]])
def test_the_file_can_be_named_in_both_spellings_of_a_flag(config, flags):
    path = config("[mill]\nwheel_count = 3\n")

    assert mill(*(flag.format(path) for flag in flags)).wheel_count == 3


def test_the_file_can_be_named_in_the_environment(config, monkeypatch):
    monkeypatch.setenv("POSESTREAM_CONFIG", config("[mill]\nwheel_count = 3\n"))

    assert mill().wheel_count == 3


def test_lists_are_given_with_commas_or_by_repeating_the_flag(config):
    assert mill("--stones", "1,2").stones == (1, 2)
    assert mill("--stones", "1", "--stones", "2").stones == (1, 2)
    assert mill("--config", config("[mill]\nstones = [1, 2]\n")).stones == (1, 2)


@pytest.mark.parametrize(
    ("given", "stones"), [("0", (0,)), ("0,1", (0, 1)), (" 0, 1 ,", (0, 1)), ("[0, 1]", (0, 1)), ("", ()), ("[]", ())]
)
def test_lists_are_given_with_commas_or_as_json_in_the_environment(monkeypatch, given, stones):
    monkeypatch.setenv("POSESTREAM_STONES", given)
    assert mill().stones == stones


def test_what_has_commas_in_it_is_given_as_json_in_the_environment(monkeypatch):
    monkeypatch.setenv("POSESTREAM_SACKS", "rye,wheat")
    assert mill().sacks == ["rye", "wheat"]

    monkeypatch.setenv("POSESTREAM_SACKS", '["rye, coarse", "wheat"]')
    assert mill().sacks == ["rye, coarse", "wheat"]


def test_a_tool_that_does_not_listen_or_log_passes_over_what_services_share_in_common(config):
    path = config("[common]\nprefix = 'a'\nmetrics_port = 9000\nlog_level = 'DEBUG'\n")

    assert load(LookSettings, ["--config", path], program="look", table="look").prefix == "a"


def test_a_flag_called_json_does_not_listen_to_a_variable_called_json(monkeypatch):
    monkeypatch.setenv("JSON", "certainly not a boolean")
    assert load(LookSettings, [], program="look", table="look").json_lines is False

    monkeypatch.setenv("POSESTREAM_JSON", "1")
    assert load(LookSettings, [], program="look", table="look").json_lines is True


def test_settings_can_not_be_changed_after_loading():
    with pytest.raises(ValueError, match="frozen"):
        mill().wheel_count = 3


# What is said of wrong ones -------------------------------------------------------------------------------------------


def test_a_wrong_flag_is_reported_with_every_name_the_key_goes_by():
    message = failure("--wheel-count", "9")

    assert message.startswith(f"{PROGRAM}: wheel_count: ")
    assert "less than or equal to 8" in message
    assert "(--wheel-count, POSESTREAM_WHEEL_COUNT)" in message
    assert "\n" not in message


def test_a_wrong_value_in_the_file_is_reported_with_the_file_as_well(config):
    path = config("[mill]\nwheel_count = 'many'\n")
    message = failure("--config", path)

    for name in ("wheel_count", "--wheel-count", "POSESTREAM_WHEEL_COUNT", path, "[common] or [mill]"):
        assert name in message


@pytest.mark.parametrize(("name", "given"), [("stones", "[0, 1"), ("stones", "0,one"), ("grain", "rye")])
def test_what_is_no_list_or_table_in_the_environment_is_reported_with_the_variable(monkeypatch, name, given):
    monkeypatch.setenv(f"POSESTREAM_{name.upper()}", given)
    message = failure()

    assert message.startswith(f"{PROGRAM}: {name}")
    assert f"POSESTREAM_{name.upper()})" in message
    assert "\n" not in message


def test_every_wrong_key_gets_a_line(monkeypatch):
    monkeypatch.setenv("POSESTREAM_PAUSE_MS", "soon")
    lines = failure("--wheel-count", "0").splitlines()

    assert sorted(line.split(": ")[1] for line in lines) == ["pause_ms", "wheel_count"]


@pytest.mark.parametrize("table", ["common", "mill"])
def test_an_unknown_key_in_the_file_is_named_as_such(config, table):
    path = config(f"[{table}]\nweel_count = 3\n")
    message = failure("--config", path)

    assert "weel_count" in message
    assert f"(unknown key, {path} [common] or [mill])" in message


def test_a_key_outside_every_table_is_told_where_to_go(config):
    path = config("wheel_count = 3\npause_ms = 1\n[mill]\n")

    assert failure("--config", path) == (
        f"configuration file {path}: put wheel_count, pause_ms under [common] or [mill]"
    )


def test_a_file_that_is_not_toml_is_reported_with_the_line(config):
    path = config("[mill]\nwheel_count = \n")
    message = failure("--config", path)

    assert message.startswith(f"configuration file {path}: not TOML: ")
    assert "line 2" in message


def test_a_file_that_is_not_text_is_reported(tmp_path):
    path = tmp_path / "mill.toml"
    path.write_bytes(b"\xff\xfe[mill]")

    assert f"configuration file {path}: not TOML" in failure("--config", str(path))


def test_a_missing_file_is_reported(tmp_path):
    assert failure("--config", str(tmp_path / "none.toml")) == (
        f"configuration file {tmp_path / 'none.toml'}: No such file or directory"
    )


def test_an_unknown_flag_is_named():
    assert "--weel-count" in failure("--weel-count", "3")


def test_a_flag_without_its_value_is_an_error_like_any_other():
    assert "--config: expected one argument" in failure("--config")


def test_a_prefix_that_can_not_be_part_of_a_key_is_refused():
    message = failure("--prefix", "a{b}")

    assert "prefix" in message
    assert "without braces" in message
    assert "Value error" not in message


# What is said of variables that are none ------------------------------------------------------------------------------


@pytest.fixture
def _log_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_variable_that_is_no_setting_is_told_in_a_line_and_stops_nothing(monkeypatch, caplog):
    monkeypatch.setenv("POSESTREAM_PREFX", "a")
    monkeypatch.setenv("posestream_weather", "fine")
    monkeypatch.setenv("POSESTREAM_WORKER_FSP", "40")

    assert load(LookSettings, [], program="look", table="look").prefix == "posestream"
    (line,) = caplog.messages
    assert line == (
        "look: no setting goes by POSESTREAM_PREFX (is it POSESTREAM_PREFIX?), POSESTREAM_WORKER_FSP (is it "
        "POSESTREAM_WORKER_FPS?), posestream_weather: not looked at"
    )


@pytest.mark.usefixtures("_log_as_it_was")
def test_a_service_tells_it_as_it_logs_everything(monkeypatch, capsys):
    monkeypatch.setenv("POSESTREAM_WEEL_COUNT", "3")

    assert mill("--log-format", "json").wheel_count == 2
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["level"], said["message"]) == (
        "WARNING",
        f"{PROGRAM}: no setting goes by POSESTREAM_WEEL_COUNT (is it POSESTREAM_WHEEL_COUNT?): not looked at",
    )


def test_what_is_another_applications_is_passed_over_in_silence(monkeypatch, caplog):
    for key in KEYS - LookSettings.model_fields.keys() - {"json"} | OTHER_KEYS:
        monkeypatch.setenv(f"POSESTREAM_{key.upper()}", "whatever")
    monkeypatch.setenv("PATH_TO_POSESTREAM", "/srv")

    assert load(LookSettings, [], program="look", table="look").prefix == "posestream"
    assert caplog.messages == []


def test_the_settings_of_all_applications_are_known_and_no_others():
    classes = [
        (node.name, {base.id for base in node.bases if isinstance(base, ast.Name)}, node)
        for path in APPLICATIONS
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    kinds = {"Settings"}
    while more := {name for name, bases, _ in classes if bases & kinds} - kinds:
        kinds |= more
    mixed_in = {base for name, bases, _ in classes if name in kinds for base in bases}
    keys = {
        _key(field)
        for name, _, node in classes
        if name in kinds | mixed_in
        for field in node.body
        if isinstance(field, ast.AnnAssign)
    }

    assert {"PoseSettings", "TrainSettings", "DemoSettings"} <= kinds
    assert keys == KEYS, f"KEYS in posestream/service/settings.py: {keys ^ KEYS}"


def _key(field: ast.AnnAssign) -> str:
    """The name by which a field is set: its alias, where it has one."""
    given = field.value.keywords if isinstance(field.value, ast.Call) else []
    aliases = [word.value.value for word in given if word.arg == "alias" and isinstance(word.value, ast.Constant)]
    assert isinstance(field.target, ast.Name)
    return str(aliases[0]) if aliases else field.target.id


# Help and secrets -----------------------------------------------------------------------------------------------------


def test_the_help_names_every_setting_with_its_unit_and_default(capsys):
    with pytest.raises(SystemExit) as exit_:
        mill("--help")
    text = " ".join(capsys.readouterr().out.split())

    assert exit_.value.code == 0
    assert text.startswith(f"usage: {PROGRAM}")
    assert "--pause-ms int Milliseconds between two turns. (default: 250)" in text
    assert "(default: redis://127.0.0.1:6379/0)" in text
    for field in MillSettings.model_fields:
        assert f"--{field.replace('_', '-')}" in text


def test_every_setting_of_a_service_is_described():
    assert all(field.description for field in MillSettings.model_fields.values())


def test_a_password_is_neither_in_the_repr_nor_in_what_is_logged_nor_in_an_error(monkeypatch):
    monkeypatch.setenv("POSESTREAM_REDIS_URL", SECRET_URL)
    settings = mill()

    assert settings.redis_url == SECRET_URL
    for shown in (repr(settings), str(settings), str(described(settings)), failure("--wheel-count", "9")):
        assert "flour" not in shown
        assert "miller" not in shown
    assert described(settings)["redis_url"] == "redis://***@127.0.0.1:6379/0"


def test_what_is_logged_leaves_nothing_else_out():
    assert described(mill()).keys() == MillSettings.model_fields.keys() - {"config"}
