"""Kalman filter of boxes: centre, width and height with constant velocity, in seconds.

Each coordinate has its own filter with white noise of the acceleration, so a prediction over one
second is the same in one step or in sixty. Noise is relative to the height of the box.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rtmpose3d.structures import FloatArray

# Standard deviations relative to the height of the box: of the centre, then of width and height.
MEASUREMENT = np.array([0.03, 0.03, 0.05, 0.05])
# White noise of the acceleration, heights / s^2 times sqrt(s): people start and stop within half
# a second at 1 to 2 heights / s; their boxes change size with each step and raised arm.
ACCELERATION = np.array([1.5, 1.0, 1.0, 0.7])
INITIAL_VELOCITY = np.array([2.0, 1.0, 0.5, 0.5])  # heights / s, of a box seen once
_MIN_SIZE = 1.0  # px


@dataclass(frozen=True, kw_only=True, eq=False)
class BoxState:
    """Estimate of one box at one time.

    Attributes:
        mean: (4, 2) px and px / s: value and velocity of x and y of the centre, width, height.
        covariance: (4, 3) px^2: variances of value and velocity, then their covariance.
        time_s: time of the estimate.
    """

    mean: FloatArray
    covariance: FloatArray
    time_s: float

    @property
    def box_xyxy(self) -> FloatArray:
        """(4,) corners, px."""
        centre, size = self.mean[:2, 0], np.maximum(self.mean[2:, 0], _MIN_SIZE)
        return np.concatenate([centre - size / 2, centre + size / 2])

    @property
    def height_px(self) -> float:
        """Height of the box."""
        return max(float(self.mean[3, 0]), _MIN_SIZE)

    @property
    def centre_std_px(self) -> float:
        """Standard deviation of the centre, the larger of x and y."""
        return float(np.sqrt(self.covariance[:2, 0].max()))


def measured(box_xyxy: FloatArray) -> FloatArray:
    """(..., 4) corners to centre x, y, width, height."""
    low, high = box_xyxy[..., :2], box_xyxy[..., 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=-1).astype(np.float64)


def initial_state(box_xyxy: FloatArray, time_s: float) -> BoxState:
    """State of a box that was seen once."""
    value = measured(box_xyxy)
    height = max(float(value[3]), _MIN_SIZE)
    variances = np.stack(
        [(MEASUREMENT * height) ** 2, (INITIAL_VELOCITY * height) ** 2, np.zeros(4)], axis=1
    )
    return BoxState(
        mean=np.stack([value, np.zeros(4)], axis=1), covariance=variances, time_s=time_s
    )


def predicted_state(state: BoxState, time_s: float) -> BoxState:
    """State at a later time; sizes keep their value, since a trend in size never lasts."""
    dt = time_s - state.time_s
    if dt <= 0:
        return state
    value, velocity = state.mean.T
    var, var_v, cov = state.covariance.T
    noise = (ACCELERATION * state.height_px) ** 2
    mean = np.stack([value + dt * velocity, velocity], axis=1)
    covariance = np.stack(
        [
            var + 2 * dt * cov + dt**2 * var_v + noise * dt**3 / 3,
            var_v + noise * dt,
            cov + dt * var_v + noise * dt**2 / 2,
        ],
        axis=1,
    )
    return BoxState(mean=mean, covariance=covariance, time_s=time_s)


def corrected_state(state: BoxState, box_xyxy: FloatArray) -> BoxState:
    """State after a box was seen at the time of the state."""
    value = measured(box_xyxy)
    noise = (MEASUREMENT * max(float(value[3]), _MIN_SIZE)) ** 2
    var, var_v, cov = state.covariance.T
    total = var + noise
    gain, gain_v = var / total, cov / total
    residual = value - state.mean[:, 0]
    mean = state.mean + np.stack([gain * residual, gain_v * residual], axis=1)
    covariance = np.stack([(1 - gain) * var, var_v - gain_v * cov, (1 - gain) * cov], axis=1)
    return replace(state, mean=mean, covariance=covariance)


def re_updated_state(
    last_seen: BoxState, last_box: FloatArray, box_xyxy: FloatArray, times_s: list[float]
) -> BoxState:
    """State at the last of some times, the boxes in between taken on a line between two seen.

    The observation-centric re-update of OC-SORT (Cao et al., CVPR 2023, section 4.1): errors
    that the filter accumulated while nothing was seen do not remain in its velocity.

    Args:
        last_seen: state when the track was last seen, corrected by `last_box`.
        last_box: (4,) box seen then, px.
        box_xyxy: (4,) box seen now, px.
        times_s: times of the frames after `last_seen`, increasing; the last is now.
    """
    state = last_seen
    start, duration = last_seen.time_s, times_s[-1] - last_seen.time_s
    for time_s in times_s:
        weight = (time_s - start) / duration if duration > 0 else 1.0
        between = (1 - weight) * last_box + weight * box_xyxy
        state = corrected_state(predicted_state(state, time_s), between)
    return state
