"""What people look like: skin, hair, face and clothes, as one colour map for each part of the body."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from producer.synthetic.tubes import MAP_SHAPE

ColourMap = npt.NDArray[np.float32]
Colour = npt.NDArray[np.float32]

PARTS: Final = (
    "torso",
    "neck",
    "head",
    "hair",
    "nose",
    "l_ear",
    "r_ear",
    *(f"{side}_{part}" for part in ("upper_arm", "forearm", "hand", "thigh", "shank", "foot") for side in ("l", "r")),
)
PART: Final = {name: index for index, name in enumerate(PARTS)}

# BGR. Skin from light to dark; hair; cloth that is worn, before random shifts.
_SKIN: Final = np.array(
    [(196, 214, 240), (166, 192, 230), (138, 168, 215), (104, 138, 192), (70, 100, 150), (48, 70, 108)]
)
_HAIR: Final = np.array([(24, 24, 28), (30, 42, 62), (44, 72, 112), (88, 140, 190), (150, 152, 156), (38, 58, 128)])
_CLOTH: Final = np.array(
    [
        (60, 56, 52),
        (112, 78, 52),
        (46, 52, 168),
        (70, 128, 60),
        (205, 205, 200),
        (60, 160, 220),
        (150, 90, 150),
        (150, 150, 148),
        (170, 140, 60),
        (58, 84, 124),
        (80, 110, 235),
        (92, 46, 40),
    ]
)

_ROWS, _COLUMNS = MAP_SHAPE
_V: Final = ((np.arange(_ROWS) + 0.5) / _ROWS)[:, None]  # 0 at the part's start, 1 at its end
_AZIMUTH: Final = ((np.arange(_COLUMNS) / _COLUMNS + 0.5) % 1 - 0.5)[None] * 360  # degrees, 0 ahead, 90 right


def random_outfit(rng: np.random.Generator) -> ColourMap:
    """Draw one person's looks: `(19, 48, 64, 3)` float32 BGR 0..255, one colour map for each of `PARTS`."""
    skin = _vary(_SKIN[rng.integers(len(_SKIN))], rng, 8)
    hair = _vary(_HAIR[rng.integers(len(_HAIR))], rng, 8)
    top, bottom, shoe = (_cloth(rng) for _ in range(3))
    maps = np.empty((len(PARTS), _ROWS, _COLUMNS, 3), np.float32)
    maps[:] = skin
    maps[PART["head"]] = _head(skin, hair, rng)
    maps[PART["hair"]] = hair
    maps[PART["torso"]] = torso = _torso(top, bottom, skin, rng)
    upper, lower = _sleeves(torso, top, skin, rng)
    thigh, shank = _trousers(bottom, skin, shoe, rng)
    for side in ("l", "r"):
        maps[PART[f"{side}_upper_arm"]] = upper
        maps[PART[f"{side}_forearm"]] = lower
        maps[PART[f"{side}_hand"]] = np.where((_V > 0.62)[..., None], 0.9 * skin, skin)
        maps[PART[f"{side}_thigh"]] = thigh
        maps[PART[f"{side}_shank"]] = shank
        maps[PART[f"{side}_foot"]] = shoe
    return maps


def _vary(colour: npt.NDArray[np.int_], rng: np.random.Generator, by: float) -> Colour:
    return np.clip(colour + rng.normal(0, by, 3), 8, 248).astype(np.float32)


def _cloth(rng: np.random.Generator) -> Colour:
    if rng.random() < 0.25:
        return rng.uniform(15, 240, 3).astype(np.float32)
    return _vary(_CLOTH[rng.integers(len(_CLOTH))], rng, 14)


def _paint(canvas: ColourMap, where: npt.NDArray[np.bool_], colour: Colour | tuple[float, float, float]) -> None:
    canvas[np.broadcast_to(where, canvas.shape[:2])] = colour


def _blank(colour: Colour) -> ColourMap:
    canvas = np.empty((_ROWS, _COLUMNS, 3), np.float32)
    canvas[:] = colour
    return canvas


def _head(skin: Colour, hair: Colour, rng: np.random.Generator) -> ColourMap:
    """Paint a head from chin (row 0) to crown: hair behind and above, a face ahead."""
    canvas = _blank(skin)
    away = np.abs(_AZIMUTH)
    _paint(canvas, (away > 18) & (away < 44) & (_V > 0.25) & (_V < 0.42), skin * (0.97, 0.93, 1.03))  # cheeks
    for side in (-1, 1):
        beside = np.abs(_AZIMUTH - side * 21)
        _paint(canvas, (beside < 10) & (np.abs(_V - 0.545) < 0.035), (235, 236, 238))
        _paint(canvas, (beside < 5) & (np.abs(_V - 0.545) < 0.040), (40, 34, 30))
        _paint(canvas, (beside < 13) & (np.abs(_V - 0.625) < 0.018), 0.55 * hair + 0.15 * skin)
    _paint(canvas, (away < 16) & (np.abs(_V - 0.235) < 0.028), 0.55 * skin + (15, 12, 60))  # mouth
    _paint(canvas, (away < 7) & (_V > 0.33) & (_V < 0.40), 0.85 * skin)  # below the nose
    if rng.random() < 0.25:
        _paint(
            canvas, (away < 68) & (_V < 0.36) & ~((away < 18) & (np.abs(_V - 0.235) < 0.05)), 0.7 * hair + 0.2 * skin
        )
    style = rng.random()
    hairline = 0.70 + 0.06 * np.cos(np.radians(_AZIMUTH * 2)) - 0.55 * np.clip((away - 58) / 60, 0, 1)
    if style < 0.88:
        _paint(canvas, (hairline < _V) | ((away > 95) & (_V > 0.10)), hair)
    if style > 0.80:  # a cap, or a bald crown
        _paint(canvas, _V > 0.74, _cloth(rng) if style > 0.88 else 0.98 * skin)
    if rng.random() < 0.15:  # glasses
        frame = ((np.abs(np.abs(_AZIMUTH) - 21) < 15) & (np.abs(_V - 0.545) < 0.07)) | (
            (away < 75) & (np.abs(_V - 0.56) < 0.012)
        )
        lens = (np.abs(np.abs(_AZIMUTH) - 21) < 12) & (np.abs(_V - 0.545) < 0.045)
        _paint(canvas, frame & ~lens, (30, 30, 30))
    return canvas


def _torso(top: Colour, bottom: Colour, skin: Colour, rng: np.random.Generator) -> ColourMap:
    """Paint a trunk from the neck (row 0) down: a shirt with a collar, an open front or a print, a belt, trousers."""
    canvas = _blank(top)
    away = np.abs(_AZIMUTH)
    other = _cloth(rng)
    pattern = rng.integers(6)
    if pattern == 1:
        _paint(canvas, np.floor(_V * rng.integers(7, 13)) % 2 == 0, other)
    elif pattern == 2:
        _paint(canvas, np.floor((_AZIMUTH + 180) / rng.choice((15, 22.5, 30))) % 2 == 0, 0.8 * top + 0.2 * other)
    elif pattern == 3:  # an open jacket over something else
        _paint(canvas, away < rng.uniform(14, 24), other)
    elif pattern == 4:  # a print on the chest, a larger one on the back
        _paint(canvas, (away < 30) & (_V > 0.22) & (_V < 0.42), other)
        _paint(canvas, (away > 140) & (_V > 0.18) & (_V < 0.62), other)
    elif pattern == 5:
        check = (np.floor(_V * 14) + np.floor((_AZIMUTH + 180) / 15)) % 2 == 0
        _paint(canvas, check, 0.75 * top + 0.25 * other)
    _paint(canvas, (away < 34 - 260 * _V) & (_V < 0.13), skin)  # the collar's opening
    if pattern in (0, 2, 5):  # buttons
        _paint(canvas, (away < 3.5) & (_V > 0.12), 0.72 * top)
    if rng.random() < 0.08:  # a rucksack and its straps
        _paint(canvas, (away > 118) & (_V > 0.12) & (_V < 0.66), 0.6 * other)
        _paint(canvas, (np.abs(away - 40) < 8) & (_V > 0.02) & (_V < 0.5), 0.6 * other)
    _paint(canvas, _V > 0.80, bottom)
    if rng.random() < 0.5:
        _paint(canvas, (_V > 0.785) & (_V < 0.825), (28, 34, 46))
        _paint(canvas, (_V > 0.785) & (_V < 0.825) & (away < 6), (120, 190, 200))
    return canvas


def _sleeves(torso: ColourMap, top: Colour, skin: Colour, rng: np.random.Generator) -> tuple[ColourMap, ColourMap]:
    sleeve = rng.uniform(0.25, 0.95) if rng.random() < 0.5 else 2.0
    if rng.random() < 0.06:
        sleeve = 0.0
    upper = _blank(top)
    _paint(upper, sleeve < _V, skin)
    lower = _blank(top if sleeve > 1 else skin)
    if sleeve > 1:
        _paint(lower, rng.uniform(0.55, 1.0) < _V, skin)
        _paint(lower, (_V > 0.88) & (_V < 0.93), 0.75 * top)
    return upper, lower


def _trousers(bottom: Colour, skin: Colour, shoe: Colour, rng: np.random.Generator) -> tuple[ColourMap, ColourMap]:
    hem = rng.uniform(0.5, 0.95) if rng.random() < 0.25 else 2.0
    thigh = _blank(bottom)
    _paint(thigh, hem < _V, skin)
    away = np.abs(_AZIMUTH)
    _paint(thigh, (away > 78) & (away < 102) & (hem + 0 * _V > _V), 0.88 * bottom)  # seams
    shank = _blank(bottom if hem > 1 else skin)
    if hem > 1:
        _paint(shank, _V > 0.94, shoe)
    else:
        _paint(shank, rng.uniform(0.55, 0.95) < _V, _cloth(rng))
    return thigh, shank
