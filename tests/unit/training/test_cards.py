"""Figures in tables and model cards."""

from __future__ import annotations

import pytest

from posestream.errors import ConfigurationError
from tests.unit.training.people import found, leaning, truth_of
from training.accuracy import Accuracy
from training.cards import BEGIN, END, markdown, rewrite


@pytest.fixture
def measured():
    everything, empty = Accuracy(), Accuracy()
    truth = truth_of(leaning((-1.0, -0.5, 4.0)))
    everything.add(truth, [found(truth, 0)], 1.0)
    return {"all": everything, "empty": empty}


def test_each_kind_of_frame_has_a_row(measured):
    lines = markdown(measured, ["Remarks."]).splitlines()
    assert lines[0] == "Remarks."
    assert lines[-2] == "| all | 1 | 1 | 100.0 % | 0.0 % | 0.00 | 100.0 % | 0.0 | 0.00 |"
    assert lines[-1] == "| empty | 0 | 0 | - | - | - | - | - | - |"


def test_only_what_is_between_the_markers_changes(tmp_path):
    card = tmp_path / "README.md"
    card.write_text(f"# Card\n\n{BEGIN}\nold\n{END}\n\nThe rest.\n")
    rewrite(card, "new")
    rewrite(card, "newer")
    assert card.read_text() == f"# Card\n\n{BEGIN}\n\nnewer\n\n{END}\n\nThe rest.\n"


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END} {BEGIN}"])
def test_a_card_without_both_markers_is_left_alone(tmp_path, text):
    card = tmp_path / "README.md"
    card.write_text(text)
    with pytest.raises(ConfigurationError, match="put the lines"):
        rewrite(card, "new")
    assert card.read_text() == text


def test_a_card_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"absent\.md"):
        rewrite(tmp_path / "absent.md", "new")
