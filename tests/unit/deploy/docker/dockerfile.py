"""What the Dockerfile says of its images, read line by line."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[4]
DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
IMAGES = ("worker", "tracker", "producer")


def stages() -> dict[str, list[str]]:
    """The instructions of each stage, continued lines joined; the first is its FROM."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [" ".join(line.split()) for line in re.sub(r"\\\n", " ", text).splitlines() if line.strip()]
    found: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        if line.startswith("FROM "):
            name = line.rpartition(" ")[2]
        found.setdefault(name, []).append(line)
    return found


def instructions(image: str) -> list[str]:
    """All instructions an image is made by, of the stages that it stands on as well."""
    own = stages()[image]
    base = own[0].split()[1]
    return (instructions(base) if base in stages() else []) + own


def environment(image: str) -> dict[str, str]:
    """The variables that are set in an image; a server's image has none of ours."""
    if image not in IMAGES:
        return {}
    pairs = [pair for line in instructions(image) if line.startswith("ENV ") for pair in line.split()[1:]]
    return dict(pair.split("=", 1) for pair in pairs)
