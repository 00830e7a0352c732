"""The cameras of a demo: from the sources asked for to names, and to the truth where a source is synthetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from posestream.image import ImageLimits
from posestream.messages import PoseFrame
from producer.sources import make_source, public_name
from producer.synthetic.options import SCHEME, SceneOptions, parse_options
from producer.synthetic.truth import Truth
from producer.synthetic.view import SyntheticView

# Two views of one room. At ten frames a second from each, two cores keep up.
DEFAULT_SOURCES: Final = (
    "synthetic:?people=3&seed=11&fps=10&camera=0",
    "synthetic:?people=3&seed=11&fps=10&camera=1",
)


@dataclass(frozen=True)
class DemoCamera:
    """A camera of the demo.

    Attributes:
        name: what it is called in posestream.
        shown: its source as the user gave it, without what is secret in it.
        source: what its producer is given.
        scene: what is known of it, when it is synthetic.
    """

    name: str
    shown: str
    source: str
    scene: Scene | None


class Scene:
    """What is really in front of a synthetic camera."""

    def __init__(self, options: SceneOptions) -> None:
        self._options = options
        self._view = SyntheticView(options)
        self._start_ms = options.start_ms or 0  # of a recording

    def truth(self, pose: PoseFrame) -> Truth:
        """Return who was there in the frame that a pose message speaks of."""
        return self._view.truth(self._options.index_at(pose.captured_ms, self._start_ms))


def plan_cameras(sources: Sequence[str], start_ms: int) -> list[DemoCamera]:
    """Return the cameras for these sources, or the default ones; `start_ms` is when synthetic scenes begin.

    Synthetic cameras that name no start of their own all get this one, so that they show the same moment of a scene.

    Raises:
        ConfigurationError: a source is none; says what to give instead.
        SourceError: a file can not be read.
    """
    cameras = []
    for number, source in enumerate(sources or DEFAULT_SOURCES, 1):
        make_source(source, ImageLimits())
        name = f"camera-{number}"
        if source.startswith(SCHEME):
            cameras.append(_synthetic(name, source, start_ms))
        else:
            cameras.append(DemoCamera(name, public_name(source), source, None))
    return cameras


def _synthetic(name: str, text: str, start_ms: int) -> DemoCamera:
    source, options = text, parse_options(text)
    if options.start_ms is None and options.frames is None:
        source += ("&" if "?" in text else "?") + f"start={start_ms}"
        options = parse_options(source)
    return DemoCamera(name, text, source, Scene(options))
