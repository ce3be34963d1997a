"""One-Euro filter of arrays: a low-pass filter whose cutoff rises with speed.

Casiez, Roussel and Vogel, "1 Euro Filter", CHI 2012. All numbers of an array are filtered at once,
each with its own state; with full weight each equals the authors' scalar filter. A weight below 1
lowers the cutoff of an uncertain number, as a Kalman filter lowers its gain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.structures import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, kw_only=True, eq=False)
class OneEuroState:
    """State of the filters of an array.

    Attributes:
        value: filtered values; NaN where nothing was measured yet.
        speed: filtered derivatives, per second.
    """

    value: FloatArray
    speed: FloatArray

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> OneEuroState:
        """State before the first measurement."""
        return cls(value=np.full(shape, np.nan), speed=np.zeros(shape))

    def select(self, rows: IntArray | BoolArray) -> OneEuroState:
        """The filters of these rows."""
        return OneEuroState(value=self.value[rows], speed=self.speed[rows])

    def joined(self, other: OneEuroState) -> OneEuroState:
        """The rows of both."""
        return OneEuroState(
            value=np.concatenate([self.value, other.value]),
            speed=np.concatenate([self.speed, other.speed]),
        )


def one_euro_step(
    state: OneEuroState,
    measured: FloatArray,
    dt_s: FloatArray | float,
    weight: FloatArray | float = 1.0,
    *,
    min_cutoff_hz: float,
    beta: FloatArray | float,
    speed_cutoff_hz: float,
) -> OneEuroState:
    """State after one measurement; arguments broadcast against the state.

    Args:
        state: before it.
        measured: values; NaN where there is none, the state then remains.
        dt_s: seconds since the last measurement, above 0.
        weight: reliability of each value, 0 to 1.
        min_cutoff_hz: cutoff frequency at rest; lower means less jitter.
        beta: rise of the cutoff with speed, Hz per unit / s; higher means less lag.
        speed_cutoff_hz: cutoff frequency of the derivative.
    """
    known: BoolArray = np.isfinite(state.value)
    usable: BoolArray = np.isfinite(measured)
    both = known & usable
    gap = np.where(both, measured - np.where(known, state.value, 0.0), 0.0)
    gain = np.where(both, low_pass_gain(speed_cutoff_hz, dt_s, weight), 0.0)
    speed = state.speed + gain * (gap / dt_s - state.speed)
    cutoff_hz = min_cutoff_hz + beta * np.abs(speed)
    value = state.value + low_pass_gain(cutoff_hz, dt_s, weight) * gap
    return OneEuroState(value=np.where(known, value, measured), speed=speed)


def low_pass_gain(
    cutoff_hz: FloatArray | float, dt_s: FloatArray | float, weight: FloatArray | float = 1.0
) -> FloatArray:
    """Weight of a new value, 0 to 1.

    A Kalman filter with gain r / (1 + r) and noise of 1 / weight times the variance has the gain
    weight * r / (1 + weight * r).
    """
    ratio = np.asarray(2 * np.pi * cutoff_hz * dt_s * weight)
    return ratio / (1 + ratio)
