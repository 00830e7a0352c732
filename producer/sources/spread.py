"""Pictures from all over a source, for those who look at a part of it."""

from __future__ import annotations

from collections.abc import Generator
from itertools import count

from producer.sources.base import Picture, Source, SourceKind


def spread(source: Source, most: int) -> Generator[Picture, None, None]:
    """Open a source and yield pictures evenly from the first to the last part of it, at most `most`.

    Of a camera, and a recording whose length is not known, every picture comes, until the caller has enough.

    Raises:
        SourceError: it can not be opened, or was lost.
    """
    source.open()
    try:
        frames = source.facts.frames if source.kind is SourceKind.RECORDING else None
        places = {index * frames // most for index in range(most)} if frames else None
        last = None if places is None else max(places)
        for place in count():
            if (last is not None and place > last) or source.grab() is None:
                return
            if places is None or place in places:
                yield source.retrieve()
    finally:
        source.close()
