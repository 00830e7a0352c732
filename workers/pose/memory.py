"""What one frame needed is kept for the next, rather than given back to the system and asked for anew."""

from __future__ import annotations

import ctypes
from typing import Final

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3

_KEPT_BYTES: Final = 32 * 1024 * 1024


def keep_freed_memory() -> bool:
    """Let the allocator keep up to 32 MB per thread instead of returning it; tells whether it took the wish.

    By default glibc returns what lies free at a thread's end of the heap: an image's 0.7 MB go back after every frame,
    and come again as 170 pages, each faulted in and cleared by the kernel. What is larger than 32 MB still goes back at
    once. Other C libraries have no such setting, nor the habit.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)) and bool(mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES))
