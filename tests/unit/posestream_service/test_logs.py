"""What a log line looks like, to people and to machines."""

from __future__ import annotations

import io
import json
import logging
import re

import pytest
from rich.console import Console

from posestream.service import logs


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def terminal(text: io.StringIO, *, is_terminal: bool = True) -> Console:
    return Console(file=text, force_terminal=is_terminal, width=200, color_system=None)


def test_a_line_for_people_shows_the_message_and_what_was_given_with_it():
    text = io.StringIO()
    logs.configure("INFO", "text", console=terminal(text))
    logging.getLogger("a").info("listening", extra={"metrics_port": 9000, "health_port": 9001})

    assert text.getvalue().rstrip().endswith("INFO     listening  metrics_port=9000  health_port=9001")


def test_a_line_for_people_leaves_whole_mappings_to_machines():
    text = io.StringIO()
    logs.configure("INFO", "text", console=terminal(text))
    logging.getLogger("a").info("starts", extra={"settings": {"prefix": "p"}})

    assert text.getvalue().rstrip().endswith("INFO     starts")


def test_a_name_that_looks_like_markup_is_shown_as_it_is():
    text = io.StringIO()
    logs.configure("INFO", "text", console=terminal(text))
    logging.getLogger("a").warning("dead letter", extra={"camera": "door[bold]:car:"})

    assert "camera=door[bold]:car:" in text.getvalue()


def test_a_line_for_machines_is_json_with_everything_in_it(capsys):
    logs.configure("INFO", "json")
    logging.getLogger("a.b").warning("gone: %s", "why", extra={"camera": "lobby", "settings": {"prefix": "p"}})
    line = json.loads(capsys.readouterr().err)

    assert line.pop("time")
    assert line == {
        "level": "WARNING",
        "logger": "a.b",
        "thread": "MainThread",
        "message": "gone: why",
        "camera": "lobby",
        "settings": {"prefix": "p"},
    }


def test_a_traceback_stays_on_one_json_line(capsys):
    logs.configure("INFO", "json")
    logging.getLogger("a").error("failed", exc_info=ValueError("two\nlines"))
    (line,) = capsys.readouterr().err.splitlines()

    assert "ValueError: two\nlines" in json.loads(line)["exc_info"]


def test_auto_is_text_on_a_terminal_and_json_elsewhere(capsys):
    text = io.StringIO()
    logs.configure("INFO", "auto", console=terminal(text))
    logging.getLogger("a").info("hello")
    assert text.getvalue().rstrip().endswith("hello")

    logs.configure("INFO", "auto", console=terminal(io.StringIO(), is_terminal=False))
    logging.getLogger("a").info("hello")
    assert json.loads(capsys.readouterr().err)["message"] == "hello"


def test_lines_below_the_level_are_left_out(capsys):
    logs.configure("WARNING", "json")
    logging.getLogger("a").info("quiet")

    assert capsys.readouterr().err == ""


def test_lines_for_machines_say_what_they_are_about_and_what_was_given_goes_first(capsys):
    logs.configure("INFO", "json")
    with logs.about(camera="lobby"):
        logging.getLogger("a").info("frames come")
        logging.getLogger("a").info("moved", extra={"camera": "hall", "frame": "1-0"})
    logging.getLogger("a").info("stopped")
    first, second, third = map(json.loads, capsys.readouterr().err.splitlines())

    assert first["camera"] == "lobby"
    assert (second["camera"], second["frame"]) == ("hall", "1-0")
    assert "camera" not in third


def test_the_time_of_a_json_line_is_utc_and_can_be_sorted(capsys):
    logs.configure("INFO", "json")
    logging.getLogger("a").info("now")

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", json.loads(capsys.readouterr().err)["time"])


@pytest.mark.parametrize("style", ["json", "text"])
@pytest.mark.parametrize(
    "url",
    ["rtsp://admin:s3cret@camera/stream", "redis://:s3cret@host:6379/0", "http://a%40b:s3/c@ret@host/x?y=1"],
)
def test_no_line_holds_a_password_whoever_quotes_it(style, url, capsys):
    text = io.StringIO()
    logs.configure("INFO", style, console=terminal(text))
    error = OSError(f"can not open {url!r}")
    logging.getLogger("library").error("opening %s failed", url, exc_info=error, extra={"source": url})
    line = capsys.readouterr().err + text.getvalue()

    assert "://***@" in line
    assert not re.search("s3|cret", line.replace("secret", ""))
