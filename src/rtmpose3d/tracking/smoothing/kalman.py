"""Kalman smoother of finished series: a filter forwards, then Rauch-Tung-Striebel backwards.

Every number of an array is a series of its own with constant velocity and white noise of its
acceleration. The estimate at each time uses measurements before and after it, so it has no lag, and
missing measurements are interpolated.
"""

from __future__ import annotations

import numpy as np

from rtmpose3d.structures import FloatArray

_UNKNOWN_SPEED = 3.0  # std of the speed at the start, as acceleration * sqrt(1 s)


def smooth_series(
    times_s: FloatArray,
    measured: FloatArray,
    variance: FloatArray,
    acceleration: FloatArray | float,
) -> tuple[FloatArray, FloatArray]:
    """Smoothed values of many series at the same times.

    Args:
        times_s: (F,) increasing.
        measured: (F, ...) values; NaN where there is none.
        variance: (F, ...) of the measurements; infinite where there is none.
        acceleration: density of the acceleration's white noise, units / s^2 * sqrt(s);
            broadcasts against one frame.

    Returns:
        Values and their standard deviations, both (F, ...); NaN for a series without any
        measurement.
    """
    frames = len(times_s)
    usable = np.isfinite(measured) & np.isfinite(variance)
    value = np.where(usable, measured, 0.0)
    noise = np.where(usable, np.maximum(variance, 1e-12), np.inf)
    q = np.square(np.broadcast_to(np.asarray(acceleration, np.float64), measured.shape[1:]))
    # The first value of each series is its prior; 1e6 times its variance leaves it uninformative.
    first = np.argmax(usable, axis=0)[None]
    start = np.take_along_axis(value, first, axis=0)[0]
    wide = np.take_along_axis(np.where(usable, noise, 1.0), first, axis=0)[0] * 1e6
    mean = np.stack([start, np.zeros_like(start)])  # (2, ...) value, speed
    cov = np.stack([wide, _UNKNOWN_SPEED**2 * q, np.zeros_like(wide)])  # (3, ...) var, speed, both
    means, covs = np.empty((frames, *mean.shape)), np.empty((frames, *cov.shape))
    for i in range(frames):
        if i:
            mean, cov = _predicted(mean, cov, float(times_s[i] - times_s[i - 1]), q)
        mean, cov = _corrected(mean, cov, value[i], noise[i])
        means[i], covs[i] = mean, cov
    for i in range(frames - 2, -1, -1):
        dt = float(times_s[i + 1] - times_s[i])
        means[i], covs[i] = _smoothed(means[i], covs[i], means[i + 1], covs[i + 1], dt, q)
    none = ~usable.any(axis=0)
    return (
        np.where(none, np.nan, means[:, 0]),
        np.where(none, np.nan, np.sqrt(np.maximum(covs[:, 0], 0.0))),
    )


def _predicted(
    mean: FloatArray, cov: FloatArray, dt: float, q: FloatArray
) -> tuple[FloatArray, FloatArray]:
    value, speed = mean
    var, var_v, both = cov
    return np.stack([value + dt * speed, speed]), np.stack(
        [
            var + 2 * dt * both + dt**2 * var_v + q * dt**3 / 3,
            var_v + q * dt,
            both + dt * var_v + q * dt**2 / 2,
        ]
    )


def _corrected(
    mean: FloatArray, cov: FloatArray, measured: FloatArray, noise: FloatArray
) -> tuple[FloatArray, FloatArray]:
    var, var_v, both = cov
    total = var + noise  # infinite without a measurement: the gains are then 0
    gain, gain_v = var / total, both / total
    residual = measured - mean[0]
    return (
        mean + np.stack([gain * residual, gain_v * residual]),
        np.stack([(1 - gain) * var, var_v - gain_v * both, (1 - gain) * both]),
    )


def _smoothed(
    mean: FloatArray,
    cov: FloatArray,
    next_mean: FloatArray,
    next_cov: FloatArray,
    dt: float,
    q: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Filtered state at one time, improved by the smoothed state of the next."""
    predicted, predicted_cov = _predicted(mean, cov, dt, q)
    var, var_v, both = cov
    # Gain G = P F^T / P': 2x2 matrices written out, F = [[1, dt], [0, 1]].
    pf = (var + dt * both, both, both + dt * var_v, var_v)  # rows of P F^T
    p_var, p_var_v, p_both = predicted_cov
    determinant = np.maximum(p_var * p_var_v - p_both**2, 1e-300)
    g00 = (pf[0] * p_var_v - pf[1] * p_both) / determinant
    g01 = (pf[1] * p_var - pf[0] * p_both) / determinant
    g10 = (pf[2] * p_var_v - pf[3] * p_both) / determinant
    g11 = (pf[3] * p_var - pf[2] * p_both) / determinant
    d0, d1 = next_mean - predicted
    e0, e1, e01 = next_cov - predicted_cov
    new_cov = np.stack(
        [
            var + g00**2 * e0 + 2 * g00 * g01 * e01 + g01**2 * e1,
            var_v + g10**2 * e0 + 2 * g10 * g11 * e01 + g11**2 * e1,
            both + g00 * g10 * e0 + (g00 * g11 + g01 * g10) * e01 + g01 * g11 * e1,
        ]
    )
    return mean + np.stack([g00 * d0 + g01 * d1, g10 * d0 + g11 * d1]), new_cov
