"""Speeds beside each other."""

from __future__ import annotations

import pytest

from posestream.errors import ConfigurationError
from tests.unit.training.quantizable import write_small
from training.quantize_speed import frames_per_s


def test_every_network_has_its_rate(tmp_path, monkeypatch):
    monkeypatch.setattr("training.quantize_speed.ROUND_S", 0.02)
    model = write_small(tmp_path)
    rates = frames_per_s({"one": (model, "f32"), "other": (model, "auto")})
    assert list(rates) == ["one", "other"]
    assert all(rate > 0 for rate in rates.values())


def test_a_precision_that_this_cpu_lacks_is_no_zero_but_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match="precision f8"):
        frames_per_s({"one": (write_small(tmp_path), "f8")})
