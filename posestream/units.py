"""What people type for a duration or a size."""

from __future__ import annotations

import math
import re
from typing import Final

_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_BYTES: Final = {"b": 1, "k": 10**3, "m": 10**6, "g": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def duration_s(text: str) -> float:
    """Return seconds: `90`, `90s`, `10m`, `1.5h`; raises ValueError for anything else."""
    return _measured(text, _SECONDS, "s", "a duration such as 90s, 10m or 1.5h")


def size_bytes(text: str) -> int:
    """Return bytes: `500000`, `20M`, `1.5G`, `64MiB`; raises ValueError for anything else."""
    return round(_measured(re.sub(r"(?i)([kmg])b$", r"\1", text.strip()), _BYTES, "b", "a size such as 20M or 1.5G"))


def _measured(text: str, units: dict[str, float] | dict[str, int], default: str, wanted: str) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-zA-Z]*)\s*", text)
    factor = units.get((match[2] or default).lower()) if match else None
    if match is None or factor is None:
        raise ValueError(f"expected {wanted}, not {text!r}")
    measured = float(match[1]) * factor
    if not math.isfinite(measured):
        raise ValueError(f"expected {wanted}, not {text[:20]}…: that is more than can be counted")
    return measured
