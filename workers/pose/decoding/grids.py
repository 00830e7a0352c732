"""The sizes that relate the decoder's three pixel grids to each other."""

from __future__ import annotations

from typing import Final

UPSAMPLING: Final = 4
"""Fine pixels per cell of the network's maps, along each axis."""

STRIDE: Final = 8
"""Network input pixels per cell of the network's maps, along each axis."""

NETWORK_PX_PER_FINE_PX: Final = STRIDE / UPSAMPLING
