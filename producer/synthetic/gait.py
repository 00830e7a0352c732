"""How people move their limbs: walking, standing, and what they do with their arms meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from producer.synthetic.body import LEFT, RIGHT, Posture
from producer.synthetic.rotations import FloatArray

STRIDE_PER_HEIGHT: Final = 0.80
"""Length of two steps, as a fraction of the body height, at which the feet of `Manner`'s average do not slide."""

# Arms of each gesture at rest and what swings about it: swing, spread, turn, elbow; then the same, amplitudes; then Hz.
# The first is the raised, main arm, the second the other one (None: it hangs as it did).
_Arm = tuple[float, float, float, float]
GESTURES: Final[dict[str, tuple[_Arm, _Arm, _Arm | None, float]]] = {
    "wave": ((0.5, 1.75, 0.3, 1.25), (0.0, 0.15, 0.35, 0.45), None, 1.4),
    "point": ((1.45, 0.15, 0.0, 0.10), (0.08, 0.12, 0.0, 0.05), None, 0.5),
    "telephone": ((0.75, 0.55, 0.55, 2.35), (0.04, 0.04, 0.0, 0.05), None, 0.4),
    "hands on hips": ((-0.35, 0.75, 0.55, 1.35), (0.03, 0.03, 0.0, 0.03), (-0.35, 0.75, 0.55, 1.35), 0.3),
    "arms crossed": ((0.35, 0.10, 0.95, 1.75), (0.03, 0.02, 0.03, 0.03), (0.42, 0.12, 0.95, 1.65), 0.3),
    "hold": ((0.50, 0.05, 0.25, 1.35), (0.06, 0.03, 0.0, 0.10), (0.50, 0.05, 0.25, 1.35), 0.5),
    "reach up": ((2.75, 0.20, 0.0, 0.25), (0.12, 0.08, 0.0, 0.18), (2.75, 0.20, 0.0, 0.25), 0.5),
    "spread": ((0.10, 1.50, 0.0, 0.15), (0.15, 0.25, 0.0, 0.15), (0.10, 1.50, 0.0, 0.15), 0.5),
    "clap": ((1.00, 0.05, 0.45, 1.00), (0.05, 0.10, 0.20, 0.20), (1.00, 0.05, 0.45, 1.00), 1.6),
    "think": ((0.55, 0.20, 0.70, 2.25), (0.03, 0.03, 0.0, 0.04), (0.40, 0.10, 0.90, 1.60), 0.3),
}


@dataclass(frozen=True, slots=True)
class Manner:
    """How one person carries itself: constants of `posture_of`, most of them amplitudes in radians."""

    step: float
    knee_lift: float
    arm_swing: float
    arm_spread: float
    elbow: float
    lean: float
    sway: float
    stance: float
    gesture: str
    main_arm: int
    gesture_size: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> Self:
        """Draw a manner."""
        return cls(
            step=rng.uniform(0.34, 0.46),
            knee_lift=rng.uniform(0.80, 1.15),
            arm_swing=rng.uniform(0.18, 0.55),
            arm_spread=rng.uniform(0.05, 0.18),
            elbow=rng.uniform(0.12, 0.60),
            lean=rng.uniform(0.0, 0.10),
            sway=rng.uniform(0.01, 0.04),
            stance=rng.uniform(0.0, 0.10),
            gesture=str(rng.choice(list(GESTURES))),
            main_arm=int(rng.integers(2)),
            gesture_size=rng.uniform(0.85, 1.1),
        )


def posture_of(
    manner: Manner,
    *,
    x_m: FloatArray,
    y_m: FloatArray,
    heading: FloatArray,
    phase: FloatArray,
    walking: FloatArray,
    gesturing: FloatArray,
    look: FloatArray,
    time_s: FloatArray,
) -> Posture:
    """Return one person's posture at N moments, all arguments `(N,)`.

    `phase` of the walk in radians, one turn for two steps; `walking` and `gesturing` in 0..1 blend the walk and the
    gesture in; `look` turns the head.
    """
    count = len(time_s)
    swing, spread, turn, elbow = (np.zeros((count, 2)) for _ in range(4))
    leg_swing, leg_spread, knee, foot = (np.zeros((count, 2)) for _ in range(4))
    idle = np.sin(2 * np.pi * 0.23 * time_s)
    for side in (LEFT, RIGHT):
        at = phase + np.pi * side
        leg_swing[:, side] = walking * (manner.step * np.cos(at) + 0.06)
        bend = np.maximum(0, -np.sin(at + 0.35)) ** 1.5
        knee[:, side] = 0.05 + walking * (0.06 + manner.knee_lift * bend + 0.12 * np.maximum(0, np.sin(at)) ** 2)
        leg_spread[:, side] = 0.02 + manner.stance * (1 - walking)
        flat = knee[:, side] - leg_swing[:, side]
        foot[:, side] = flat * (1 - 0.45 * walking * bend)
        swing[:, side] = -walking * manner.arm_swing * np.cos(at) + 0.04 + 0.03 * idle
        spread[:, side] = manner.arm_spread
        turn[:, side] = 0.25
        elbow[:, side] = manner.elbow * (0.5 + 0.5 * walking) + 0.15 * walking * np.maximum(0, -np.cos(at))
    _blend_gesture(manner, gesturing, time_s, (swing, spread, turn, elbow))
    return Posture(
        x_m=x_m,
        y_m=y_m,
        heading=heading,
        lean=manner.lean + 0.03 * walking + 0.015 * idle,
        tilt=manner.sway * (walking * np.sin(phase) + 0.6 * idle),
        twist=walking * 0.16 * np.cos(phase),
        nod=0.06 + 0.05 * np.sin(0.7 * time_s),
        look=look,
        arm_swing=swing,
        arm_spread=spread,
        arm_turn=turn,
        elbow=elbow,
        leg_swing=leg_swing,
        leg_spread=leg_spread,
        knee=knee,
        foot=foot,
    )


def _blend_gesture(
    manner: Manner, amount: FloatArray, time_s: FloatArray, arms: tuple[FloatArray, FloatArray, FloatArray, FloatArray]
) -> None:
    """Move the arms' four angles, each `(N, 2)`, towards the gesture by `amount` `(N,)`, in place."""
    main, swings, other, rate_hz = GESTURES[manner.gesture]
    beat = np.sin(2 * np.pi * rate_hz * time_s)
    for rest, side in ((main, manner.main_arm), (other, 1 - manner.main_arm)):
        if rest is None:
            continue
        for angles, middle, amplitude in zip(arms, rest, swings, strict=True):
            target = manner.gesture_size * middle + amplitude * beat
            angles[:, side] += amount * (target - angles[:, side])
