"""Losses by hand, on maps of one cell or few."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="training needs PyTorch: pip install --group training")

import torch

from training.losses import BALANCE, TARGETS, location_error_mm, losses, total

CHANNELS = dict(zip(TARGETS, (19, 19, 38, 19, 57, 19), strict=True))


def targets(**values: float) -> dict[str, torch.Tensor]:
    return {name: torch.full((1, count, 2, 2), values.get(name, 0.0)) for name, count in CHANNELS.items()}


def maps(**values: float) -> dict[str, torch.Tensor]:
    given = {
        name: torch.full((1, CHANNELS[name], 2, 2), values.get(name, 0.0)) for name in ("features", "heatmaps", "pafs")
    }
    return given | {"first": torch.full((1, 57, 2, 2), values.get("first", 0.0))}


def test_the_truth_costs_nothing():
    wanted = targets(heatmaps=0.3, pafs=0.5, features=0.2, heatmap_weights=1, paf_weights=1, feature_weights=1)
    given = maps(heatmaps=0.3, pafs=0.5, features=0.2)
    given["first"] = torch.cat((given["heatmaps"], given["pafs"]), dim=1)
    parts = losses(given, wanted)
    assert parts.keys() == BALANCE.keys()
    assert total(parts) == pytest.approx(0, abs=1e-6)


def test_what_has_no_weight_costs_nothing():
    assert total(losses(maps(heatmaps=3, pafs=2, features=1, first=5), targets())) == 0


def test_each_kind_of_map_has_its_own_loss():
    wanted = targets(heatmap_weights=1, paf_weights=1, feature_weights=1)
    parts = losses(maps(heatmaps=0.1, pafs=0.2, features=0.3), wanted)
    assert parts["heatmaps"] == pytest.approx(100 * 19 * 0.1**2, rel=1e-4)
    assert parts["pafs"] == pytest.approx(100 * 38 * 0.2**2, rel=1e-4)
    assert parts["features"] == pytest.approx(100 * 19 * 0.3 * 3**0.5, rel=1e-4)
    assert parts["first_heatmaps"] == parts["first_pafs"] == 0
    assert total(parts) == pytest.approx(sum(BALANCE[name] * float(part) for name, part in parts.items()), rel=1e-5)


def test_missing_a_joint_costs_more_than_imagining_one():
    nothing, joint = maps(), maps(heatmaps=1.0)
    imagined = losses(joint, targets(heatmap_weights=1))["heatmaps"]
    missed = losses(nothing, targets(heatmap_weights=1, heatmaps=1.0))["heatmaps"]
    assert missed == pytest.approx((18 * 4 + 1) / 19 * float(imagined), rel=1e-4)


def test_the_location_error_is_a_distance_in_space():
    wanted = targets(feature_weights=0.5)
    given = maps()
    given["features"].view(1, 19, 3, 2, 2)[:, :, 0] = 0.03
    given["features"].view(1, 19, 3, 2, 2)[:, :, 2] = 0.04
    assert location_error_mm(given, wanted, 2.0) == pytest.approx(100, rel=1e-4)


def test_no_location_at_all_is_no_error():
    assert location_error_mm(maps(features=1), targets(), 1.8) == 0
