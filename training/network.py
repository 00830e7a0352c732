"""The demo network: small, dense 3x3 convolutions, made for CPUs.

    pixels ──▶ stem ──▶ first blocks ──▶ second blocks ──┬──▶ heatmaps, pafs
                 stride 8     │            ▲             └──▶ features
                              ▼            │
                        heatmaps, pafs ────┘

It fits `workers.model.contract`. Dense rather than depthwise convolutions, because those train several times slower on
CPUs for the same accuracy. The maps of the first stage are supervised and fed back, as in part affinity fields'
stages (Cao et al., 2017); dilated blocks let every cell see a whole person.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import nn

from workers.model.contract import MEAN, OUTPUT_CHANNELS, SCALE

STEM_CHANNELS: Final = 32
CHANNELS: Final = 64
HEAD_CHANNELS: Final = 128
FIRST_DILATIONS: Final = (1, 2, 4, 8)
SECOND_DILATIONS: Final = (1, 2, 4, 8, 1)
HEATMAPS: Final = OUTPUT_CHANNELS["heatmaps"]
HEATMAPS_AND_PAFS: Final = HEATMAPS + OUTPUT_CHANNELS["pafs"]

Maps = dict[str, torch.Tensor]


class DemoNetwork(nn.Module):
    """Pixels to maps, `first` being those of the intermediate head: heatmaps and, after them, pafs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *_convolution(3, STEM_CHANNELS, 7, stride=4),
            *_convolution(STEM_CHANNELS, STEM_CHANNELS, 3),
            *_convolution(STEM_CHANNELS, CHANNELS, 3, stride=2),
        )
        self.place = nn.Conv2d(2, CHANNELS, 1, bias=False)
        self.first_blocks = nn.Sequential(*map(Block, FIRST_DILATIONS))
        self.first_head = _head(CHANNELS, HEATMAPS_AND_PAFS)
        self.feedback = nn.Conv2d(HEATMAPS_AND_PAFS, CHANNELS, 1)
        self.second_blocks = nn.Sequential(*map(Block, SECOND_DILATIONS))
        self.maps_head = _head(HEAD_CHANNELS, HEATMAPS_AND_PAFS)
        self.features_head = _head(HEAD_CHANNELS, OUTPUT_CHANNELS["features"])

    def forward(self, pixels: torch.Tensor) -> Maps:
        """Return `features`, `heatmaps`, `pafs` and `first` `(B, C, H, W)` of BGR pixels 0..255 `(B, 3, 8H, 8W)`."""
        edges = self.stem((pixels - MEAN) / SCALE)
        seen = self.first_blocks(edges + self.place(_directions(edges)))
        first = self.first_head(seen)
        understood = self.second_blocks(seen + self.feedback(first))
        maps = self.maps_head(understood)
        return {
            "features": self.features_head(understood),
            "heatmaps": maps[:, :HEATMAPS],
            "pafs": maps[:, HEATMAPS:],
            "first": first,
        }


class Block(nn.Module):
    """A residual block of two 3x3 convolutions, the first dilated."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            *_convolution(CHANNELS, CHANNELS, 3, dilation=dilation),
            nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False),
            nn.BatchNorm2d(CHANNELS),
        )
        # A block begins as the identity, which lets a deep stack learn from the first step at a high rate.
        nn.init.zeros_(self.change[-1].weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `x` with what the block adds to it."""
        result: torch.Tensor = torch.relu(x + self.change(x))
        return result


def _directions(maps: torch.Tensor) -> torch.Tensor:
    """Return x and y of each cell `(1, 2, H, W)`, from the middle of the image in units of half its height.

    The same pose looks turned at the image's side, by the angle between the line of sight and the camera's axis.
    """
    height, width = maps.shape[2], maps.shape[3]
    x = (torch.arange(width, device=maps.device) + 0.5 - width / 2) / (height / 2)
    y = (torch.arange(height, device=maps.device) + 0.5 - height / 2) / (height / 2)
    return torch.stack((x[None].expand(height, width), y[:, None].expand(height, width)))[None]


def _convolution(ins: int, outs: int, size: int, *, stride: int = 1, dilation: int = 1) -> tuple[nn.Module, ...]:
    padding = size // 2 * dilation
    return (
        nn.Conv2d(ins, outs, size, stride=stride, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(outs),
        nn.ReLU(),
    )


def _head(hidden: int, outs: int) -> nn.Sequential:
    head = nn.Sequential(nn.Conv2d(CHANNELS, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, outs, 1))
    # Most cells are empty: starting near zero everywhere spares the first steps unlearning noise.
    last = head[-1]
    assert isinstance(last, nn.Conv2d)
    nn.init.normal_(last.weight, std=0.01)
    assert last.bias is not None
    nn.init.zeros_(last.bias)
    return head
