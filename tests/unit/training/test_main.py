"""`python -m training`, as a user meets it first."""

from __future__ import annotations

import subprocess
import sys

import pytest

from training.__main__ import COMMANDS, main

WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from training.__main__ import main; from posestream.service"
WITHOUT_TORCH += ".process import run_main; run_main(main)"


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in COMMANDS)


def test_a_command_that_does_not_exist_is_named(capsys):
    assert main(["trian"]) == 2
    assert "error: there is no command 'trian'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["train", "export"])
def test_without_pytorch_the_remedy_is_named(name):
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, name, "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.strip() == (
        f"error: {name} needs PyTorch, which is not installed: python -m pip install --group training"
    )


def test_judging_needs_no_pytorch():
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, "evaluate", "--help"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0
    assert ended.stdout.startswith("usage: python -m training evaluate")
