"""The One-Euro filter (Casiez, Roussel and Vogel, CHI 2012) over arrays, with the time that really passed.

A low-pass filter whose cutoff rises with speed: slow movement is smoothed much, fast movement lags little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OneEuro:
    """Constants of the filter.

    Attributes:
        min_cutoff_hz: cutoff at rest; lower is smoother.
        beta: how much the cutoff rises, in Hz per unit of speed (m/s); higher lags less.
        speed_cutoff_hz: cutoff of the speed itself.
    """

    min_cutoff_hz: float
    beta: float
    speed_cutoff_hz: float = 1.0

    def step(
        self, value: FloatArray, speed: FloatArray, measured: FloatArray, dt_s: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return value and speed after a measurement, all of one shape `(N, …)`; `dt_s` `(N, 1, …)` are positive.

        Every point's last axis is a vector, whose length is the speed that sets the cutoff of all its components:
        filtering them apart would turn the movement. What is not measured (NaN) starts anew when it is again.
        """
        new_speed = (measured - value) / dt_s
        speed = speed + _weight(dt_s, self.speed_cutoff_hz) * (new_speed - speed)
        pace = np.sqrt((speed * speed).sum(axis=-1, keepdims=True))
        value = value + _weight(dt_s, self.min_cutoff_hz + self.beta * pace) * (measured - value)
        begins = np.isnan(value)
        return np.where(begins, measured, value), np.where(begins, np.float32(0), speed)


def _weight(dt_s: FloatArray, cutoff_hz: FloatArray | float) -> FloatArray:
    """Return how much of a new measurement a low-pass filter takes on."""
    turns = (2 * np.float32(np.pi)) * dt_s * cutoff_hz
    weight: FloatArray = turns / (turns + 1)
    return weight
