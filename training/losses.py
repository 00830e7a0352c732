"""How wrong the network's maps are, as one number for each kind of map."""

from __future__ import annotations

from typing import Final

import torch

from training.network import HEATMAPS, Maps

TARGETS: Final = ("heatmaps", "heatmap_weights", "pafs", "paf_weights", "features", "feature_weights")
"""The fields of `training.targets.Targets`, in the order in which batches have them."""

# Joints fill few cells: missing one would cost too little beside keeping the many empty ones empty.
EXTRA_WEIGHT_ON_JOINTS: Final = 3.0

BALANCE: Final = {
    "heatmaps": 1.0,
    "pafs": 0.5,
    "features": 4.0,
    "first_heatmaps": 0.3,
    "first_pafs": 0.15,
}
"""What each loss counts in the total."""

PER_CELL: Final = 1 / 100


def losses(maps: Maps, targets: Maps) -> dict[str, torch.Tensor]:
    """Return the losses by name, as in `BALANCE`, of float32 maps and targets `(B, C, H, W)`.

    All are sums over the channels (of `features`, over the joints: each costs its distance in space, so that depth and
    place in the image are traded as people judge them), and means over the cells of the batch, times 100.
    """
    first_heatmaps, first_pafs = maps["first"][:, :HEATMAPS], maps["first"][:, HEATMAPS:]
    joint_weights = targets["heatmap_weights"] * (1 + EXTRA_WEIGHT_ON_JOINTS * targets["heatmaps"])
    # The background is high nearly everywhere.
    joint_weights[:, -1] = targets["heatmap_weights"][:, -1]
    limb_weights = targets["paf_weights"].repeat_interleave(2, dim=1)
    cells = joint_weights[:, 0].numel() * PER_CELL
    return {
        "heatmaps": _squares(maps["heatmaps"], targets["heatmaps"], joint_weights) / cells,
        "pafs": _squares(maps["pafs"], targets["pafs"], limb_weights) / cells,
        "features": (targets["feature_weights"] * _distances(maps, targets)).sum() / cells,
        "first_heatmaps": _squares(first_heatmaps, targets["heatmaps"], joint_weights) / cells,
        "first_pafs": _squares(first_pafs, targets["pafs"], limb_weights) / cells,
    }


def total(parts: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the one loss to minimise."""
    return torch.stack([BALANCE[name] * part for name, part in parts.items()]).sum()


def location_error_mm(maps: Maps, targets: Maps, body_height_m: float) -> torch.Tensor:
    """Return the weighted mean distance of the locations from the true ones, in millimetres."""
    weights = targets["feature_weights"]
    return (_distances(maps, targets) * weights).sum() / weights.sum().clamp(min=1e-6) * (body_height_m * 1000)


def _distances(maps: Maps, targets: Maps) -> torch.Tensor:
    """Return how far in space given and true locations are apart, `(B, J, H, W)`, in body heights."""
    distances: torch.Tensor = torch.linalg.vector_norm(
        (maps["features"] - targets["features"]).unflatten(1, (-1, 3)), dim=2
    )
    return distances


def _squares(given: torch.Tensor, wanted: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (weights * (given - wanted) ** 2).sum()
