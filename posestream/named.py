"""A person's joints by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posestream.skeleton import JOINT_INDEX, JOINT_NAMES

if TYPE_CHECKING:
    from posestream.frames import FloatArray, Person


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """One joint of a person; what is missing is NaN or None, as in `Person`.

    Attributes:
        px: (2,) float32, pixels of the source frame.
        confidence: 0..1, of `px`.
        m: (3,) float32, metres, camera frame; `smooth_m` the same smoothed along the track.
        world_m: (3,) float32, metres, in the world; `smooth_world_m` the same smoothed along the track.
    """

    px: FloatArray
    confidence: float
    m: FloatArray
    smooth_m: FloatArray | None
    world_m: FloatArray | None
    smooth_world_m: FloatArray | None


class NamedJoints(Mapping[str, Joint]):
    """The joints of a person by their names, in the order of `JOINT_NAMES`."""

    def __init__(self, person: Person) -> None:
        self._person = person

    def __getitem__(self, name: str) -> Joint:
        if name not in JOINT_INDEX:
            raise KeyError(f"no joint {name!r}; there are {', '.join(JOINT_NAMES)}")
        index, person = JOINT_INDEX[name], self._person
        return Joint(
            px=person.joints_px[index],
            confidence=float(person.confidence[index]),
            m=person.joints_m[index],
            smooth_m=None if person.smooth_m is None else person.smooth_m[index],
            world_m=None if person.world_m is None else person.world_m[index],
            smooth_world_m=None if person.smooth_world_m is None else person.smooth_world_m[index],
        )

    def __iter__(self) -> Iterator[str]:
        return iter(JOINT_NAMES)

    def __len__(self) -> int:
        return len(JOINT_NAMES)

    def __repr__(self) -> str:
        return f"<joints of person {self._person.id}: {', '.join(JOINT_NAMES)}>"
