"""The example files say the truth: servers and applications take them, and the defaults are the defaults."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from posestream.broker import connect
from posestream.cli.view import ViewSettings
from posestream.service.settings import ServiceSettings, Settings, load
from producer.settings import RunSettings
from tests.servers import EmbeddedValkey
from workers.pose.settings import PoseSettings
from workers.track.settings import TrackSettings

CONFIG = Path(__file__).parents[2] / "config"
EXAMPLE = CONFIG / "posestream.example.toml"


@pytest.mark.parametrize(
    ("table", "settings"),
    [("pose", PoseSettings), ("track", TrackSettings), ("view", ViewSettings), ("producer", RunSettings)],
)
def test_the_example_settings_are_the_defaults(table: str, settings: type[Settings], monkeypatch) -> None:
    for name in ("POSESTREAM_REDIS_URL", "POSESTREAM_PREFIX", "POSESTREAM_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    from_file = load(settings, ["--config", str(EXAMPLE)], program="test", table=table)
    defaults = load(settings, [], program="test", table=table)
    assert from_file.model_dump(exclude={"config"}) == defaults.model_dump(exclude={"config"})
    assert table in tomllib.loads(EXAMPLE.read_text())


@pytest.mark.parametrize(
    ("table", "settings"), [("pose", PoseSettings), ("track", TrackSettings), ("view", ViewSettings)]
)
def test_the_example_has_every_setting_there_and_what_it_has_commented_out_is_taken(
    table: str, settings: type[Settings], tmp_path: Path
) -> None:
    everything = re.sub(r"^# (\w+ = )", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)
    tables = tomllib.loads(everything)
    common = ServiceSettings.model_fields.keys() - {"config"}
    assert tables["common"].keys() == common
    assert tables[table].keys() == settings.model_fields.keys() - common - {"config"}

    (tmp_path / "settings.toml").write_text(everything)
    assert load(settings, ["--config", str(tmp_path / "settings.toml")], program="test", table=table)


def test_a_server_takes_the_server_configuration() -> None:
    directives = [line.split(maxsplit=1) for line in (CONFIG / "server.conf").read_text().splitlines()]
    options = {
        directive[0].replace("-", "_"): directive[1].strip('"')
        for directive in directives
        if directive and not directive[0].startswith("#")
    }
    with EmbeddedValkey(**options) as server:
        client = connect(server.url, name="test")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert int(client.config_get("maxmemory")["maxmemory"]) == 2 * 2**30
