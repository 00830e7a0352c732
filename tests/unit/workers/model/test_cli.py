from __future__ import annotations

import json
import re

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings, CliApp, CliSubCommand

from posestream.errors import ModelError
from tests.unit.workers.model.checkpoint_writer import write_checkpoint
from tests.unit.workers.model.file_server import Fault, FileServer, running
from tests.unit.workers.model.narrow_network import narrow_tensors
from tests.unit.workers.model.small_networks import onnx_file
from workers.model.cli import URL_VARIABLE, ModelCommand


class Workers(BaseSettings, cli_prog_name="workers", cli_kebab_case=True):
    """A command line like the one that the model tool is a part of."""

    model: CliSubCommand[ModelCommand]

    def cli_cmd(self) -> None:
        CliApp.run_subcommand(self)


def run(*arguments: object) -> None:
    CliApp.run(Workers, cli_args=["model", *map(str, arguments)])


@pytest.fixture(autouse=True)
def _workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "net.pth"
    path.write_bytes(write_checkpoint(narrow_tensors(), "zip"))
    return path


def test_convert_writes_the_default_name_into_models_and_prints_the_path(checkpoint, tmp_path, capsys):
    run("convert", checkpoint)

    assert capsys.readouterr().out == "models/human-pose-estimation-3d-0001.xml\n"
    assert (tmp_path / "models" / "human-pose-estimation-3d-0001.bin").is_file()


def test_convert_takes_folder_name_precision_and_mean_scale(tmp_path, capsys):
    (tmp_path / "net.onnx").write_bytes(onnx_file(mean=128))

    run("convert", "net.onnx", "--output", "out", "--name", "small", "--precision", "fp16", "--mean-scale", "inside")

    run("info", "--json", "out/small.xml")
    assert json.loads(capsys.readouterr().out.split("\n", 1)[1])["precision"] == "FP16"


def test_info_prints_a_table_with_checksums_in_one_piece(checkpoint, capsys):
    run("convert", checkpoint, "--name", "net")
    run("info", "models/net.xml")

    printed = capsys.readouterr().out
    for line in (
        r"input data +\[1,3,256,448\] f32",
        r"output pafs +\[1,38,32,56\] f32",
        r"parameters +0\.04 M",
        r"operations +\d\.\d GFLOPs for an input of 256 x 448",
        r"precision +FP32",
        r"converted from +net\.pth",
        r"its SHA-256 +[0-9a-f]{64}",
        r"converted by +posestream \d",
        r"SHA-256 of \.xml +[0-9a-f]{64}",
        r"SHA-256 of \.bin +[0-9a-f]{64}",
    ):
        assert re.search(line, printed), line


def test_info_prints_json_for_programs(checkpoint, capsys):
    run("info", checkpoint, "--json")

    info = json.loads(capsys.readouterr().out)
    assert info["outputs"][0] == {"name": "features", "shape": "[1,57,32,56]", "element_type": "f32"}
    assert info["provenance"] is None
    assert info["parameters"] > 30_000


@pytest.mark.parametrize("by_flag", [True, False])
def test_fetch_asks_the_mirror_given_by_flag_or_environment_and_refuses_another_file(tmp_path, monkeypatch, by_flag):
    with running(FileServer(b"another file", last=Fault(without_length=True))) as server:
        monkeypatch.setenv(URL_VARIABLE, "http://127.0.0.1:1/nobody-listens" if by_flag else server.url)
        flags = ["--url", server.url] if by_flag else []
        with pytest.raises(ModelError, match=r"ended after 12 of 18421831 bytes; attempts made: 1\..*convert FILE"):
            run("fetch", "--attempts", "1", *flags)

    assert len(server.ranges) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../escaped", "/absolute", "", ".hidden", "a/b", "x" * 101])
def test_a_name_that_is_a_path_is_refused(checkpoint, name):
    with pytest.raises(ValidationError, match="should match pattern"):
        run("convert", checkpoint, "--name", name)


@pytest.mark.parametrize("subcommand", ["fetch", "convert", "info"])
def test_every_flag_is_explained(subcommand, capsys):
    with pytest.raises(SystemExit):
        run(subcommand, "--help")

    printed = capsys.readouterr().out
    flags = re.findall(r"^  (--[a-z-]+)[^\n]*\n? +([a-z0-9(].*)", printed, re.MULTILINE)
    assert len(flags) == {"fetch": 7, "convert": 4, "info": 1}[subcommand], printed
    assert "_" not in "".join(flag for flag, _ in flags)
