"""The network that comes with the project; its model card is beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

DEMO_NETWORK: Final = Path(__file__).parent / "demo.xml"
"""A small network trained on drawn people: for trying everything out, not for real cameras."""
TRAINED_NETWORK: Final = Path(__file__).parent / "demo-float.xml"
"""As `python -m training train` leaves it, in floating point: what `python -m training quantize` starts from."""
