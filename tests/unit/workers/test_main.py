"""`python -m workers`, as a user meets it first."""

from __future__ import annotations

import subprocess
import sys

import pytest

from workers.__main__ import COMMANDS, main


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_names_every_application(capsys, flag):
    assert main([flag]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in COMMANDS)


def test_without_arguments_the_usage_is_shown_and_the_code_says_that_nothing_was_done(capsys):
    assert main([]) == 2
    assert capsys.readouterr().out.startswith("usage: python -m workers {pose,track,model}")


def test_an_application_that_does_not_exist_is_named(capsys):
    assert main(["pse", "--help"]) == 2
    assert "error: there is no command 'pse'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["pose", "track"])
def test_every_application_explains_itself(capsys, name):
    with pytest.raises(SystemExit) as exit_:
        main([name, "--help"])

    assert exit_.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m workers {name} ")


def test_the_tracker_starts_without_openvino_and_opencv():
    code = (
        "import sys\n"
        "sys.modules['openvino'] = sys.modules['cv2'] = None\n"  # importing them fails from here on
        "from workers.__main__ import main\n"
        "main(['track', '--help'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stderr) == (0, "")
