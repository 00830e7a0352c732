"""From people in space to the tubes that draw them."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from producer.synthetic.body import POINT, Figures
from producer.synthetic.outfit import PART, PARTS
from producer.synthetic.rotations import FloatArray
from producer.synthetic.tubes import PROFILE_STEPS, Tubes


def _profile(*halves: float) -> FloatArray:
    """Spread half-axes, fractions of the height, evenly over a profile's steps."""
    steps = np.linspace(0, 1, PROFILE_STEPS)
    return np.interp(steps, np.linspace(0, 1, len(halves)), halves)


_EGG: Final = np.sqrt(np.maximum(0, 1 - np.linspace(-1, 1, PROFILE_STEPS) ** 2))

# Half-axes to the right and ahead along each part, and how far its ends are rounded.
_SHAPES: Final[dict[str, tuple[FloatArray, FloatArray, tuple[float, float]]]] = {
    "torso": (
        np.array((0.106, 0.119, 0.114, 0.104, 0.094, 0.089, 0.091, 0.098, 0.092)),
        np.array((0.044, 0.056, 0.064, 0.066, 0.061, 0.057, 0.060, 0.066, 0.055)),
        (0.27, 0.35),
    ),
    "neck": (_profile(0.036, 0.031, 0.030), _profile(0.036, 0.031, 0.030), (0.3, 0.3)),
    "head": (0.047 * _EGG, 0.057 * _EGG, (0.0, 0.0)),
    "hair": (_profile(0.047, 0.053, 0.050, 0.040), _profile(0.028, 0.030, 0.026, 0.018), (0.9, 0.4)),
    "nose": (_profile(0.004, 0.008), _profile(0.006, 0.009), (0.6, 0.6)),
    "ear": (_profile(0.006, 0.008, 0.007), _profile(0.010, 0.014, 0.012), (0.8, 0.8)),
    "upper_arm": (_profile(0.031, 0.030, 0.027, 0.024), _profile(0.031, 0.030, 0.027, 0.024), (0.9, 0.9)),
    "forearm": (_profile(0.024, 0.025, 0.021, 0.016), _profile(0.024, 0.025, 0.021, 0.017), (0.9, 0.8)),
    "hand": (_profile(0.013, 0.017, 0.013), _profile(0.019, 0.024, 0.018), (0.8, 0.8)),
    "thigh": (_profile(0.052, 0.050, 0.044, 0.037), _profile(0.052, 0.050, 0.044, 0.037), (0.7, 0.9)),
    "shank": (_profile(0.034, 0.038, 0.034, 0.026, 0.022), _profile(0.034, 0.038, 0.034, 0.026, 0.022), (0.9, 0.8)),
    "foot": (_profile(0.022, 0.026, 0.027, 0.023), _profile(0.026, 0.029, 0.022, 0.016), (0.8, 0.9)),
}

# Which point each part runs from and to; the head and what is on it are laid out in `_head_parts`.
_ENDS: Final = {
    "torso": ("neck", "crotch"),
    "neck": ("neck", "head"),
    **{
        f"{side}_{part}": (f"{side}_{start}", f"{side}_{end}")
        for side in ("l", "r")
        for part, start, end in (
            ("upper_arm", "shoulder", "elbow"),
            ("forearm", "elbow", "wrist"),
            ("hand", "wrist", "hand"),
            ("thigh", "hip", "knee"),
            ("shank", "knee", "ankle"),
            ("foot", "heel", "toe"),
        )
    },
}

# What lies over what where two parts are equally far, metres.
_NEARER: Final = {"torso": 0.05, "neck": -0.03, "head": 0.02, "nose": 0.0, "hair": -0.03, "foot": 0.03}


def tubes_of(figures: Figures, outfits: npt.NDArray[np.float32], long_hair: npt.NDArray[np.bool_]) -> Tubes:
    """Return the tubes of P people, in no particular order.

    `outfits` `(P, 19, 48, 64, 3)` as `random_outfit` draws them; `long_hair` `(P,)`: the others have no part "hair".
    """
    people, parts = len(figures), len(PARTS)
    height = figures.bodies.height_m
    start, end = np.zeros((people, parts, 3)), np.zeros((people, parts, 3))
    right, ahead = np.zeros((people, parts, 3)), np.zeros((people, parts, 3))
    for name, (first, last) in _ENDS.items():
        start[:, PART[name]] = figures.points_m[:, POINT[first]]
        end[:, PART[name]] = figures.points_m[:, POINT[last]]
    _head_parts(figures, start, end)
    for name, part in PART.items():
        axes = _axes_of(figures, name)
        right[:, part], ahead[:, part] = axes[:, :, 0], axes[:, :, 1]
    right, ahead = _square_to(end - start, right, ahead)
    shape = [_SHAPES[name.removeprefix("l_").removeprefix("r_")] for name in PARTS]
    thick = height[:, None] * np.where([name in _SLIM for name in PARTS], 1.0, figures.bodies.girth[:, None])
    tubes = Tubes(
        start_m=start.reshape(-1, 3),
        end_m=end.reshape(-1, 3),
        right=right.reshape(-1, 3),
        ahead=ahead.reshape(-1, 3),
        half_right_m=(thick[..., None] * np.array([one[0] for one in shape])).reshape(-1, PROFILE_STEPS),
        half_ahead_m=(thick[..., None] * np.array([one[1] for one in shape])).reshape(-1, PROFILE_STEPS),
        cap=np.tile(np.array([one[2] for one in shape]), (people, 1)),
        nearer_m=np.tile([_NEARER.get(name, _NEARER.get(name[2:], 0.0)) for name in PARTS], people),
        colours=outfits.reshape(-1, *outfits.shape[2:]),
    )
    worn = np.ones((people, parts), dtype=bool)
    worn[:, PART["hair"]] = long_hair
    return tubes if worn.all() else tubes.chosen(worn.ravel())


_SLIM: Final = {"head", "hair", "nose", "l_ear", "r_ear", "neck", "l_hand", "r_hand", "l_foot", "r_foot"}


def _axes_of(figures: Figures, part: str) -> FloatArray:
    if part in ("head", "hair", "nose", "l_ear", "r_ear"):
        return figures.head_axes
    if part.endswith(("thigh", "shank", "foot")):
        return figures.hip_axes
    return figures.chest_axes


def _head_parts(figures: Figures, start: FloatArray, end: FloatArray) -> None:
    """Set the ends of head, hair, nose and ears."""
    height = figures.bodies.height_m[:, None]
    right, ahead, up = (figures.head_axes[:, :, axis] * height for axis in range(3))
    centre = figures.points_m[:, POINT["head"]]
    ends = {
        "head": (centre - 0.066 * up, centre + 0.064 * up),
        "hair": (centre - 0.018 * ahead + 0.02 * up, figures.points_m[:, POINT["neck"]] - 0.045 * ahead - 0.01 * up),
        "nose": (centre + 0.050 * ahead + 0.008 * up, centre + 0.060 * ahead - 0.012 * up),
        "l_ear": (centre - 0.046 * right - 0.016 * up, centre - 0.047 * right + 0.012 * up),
        "r_ear": (centre + 0.046 * right - 0.016 * up, centre + 0.047 * right + 0.012 * up),
    }
    for name, (first, last) in ends.items():
        start[:, PART[name]], end[:, PART[name]] = first, last


def _square_to(axis: FloatArray, right: FloatArray, ahead: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Turn section directions `(..., 3)` so that both are square to the axis and to each other."""
    unit = axis / np.maximum(np.linalg.norm(axis, axis=-1, keepdims=True), 1e-9)
    right = right - (right * unit).sum(axis=-1, keepdims=True) * unit
    right /= np.maximum(np.linalg.norm(right, axis=-1, keepdims=True), 1e-6)
    across = np.cross(unit, right)
    across *= np.where((across * ahead).sum(axis=-1, keepdims=True) < 0, -1, 1)
    return right, across
