"""Root depth of a track: one estimate that many frames sharpen.

The error of a frame's log depth has two parts. Stature and proportions deviate from the average
by the same factor in every frame of a person; this part never averages out. The rest, from pose
and noise, changes as the person moves. Depth itself follows a motion of constant velocity, with
white noise of its acceleration. The standard deviation that is reported has both parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.geometry.proportions import STATURE_STD
from rtmpose3d.structures import BoolArray, FloatArray, IntArray
from rtmpose3d.tracking.smoothing.kalman import smooth_series

CONSTANT_STD = float(np.hypot(STATURE_STD, 0.03))  # of log depth: stature, shared proportions
_MIN_FRAME_STD = 0.03  # of log depth: noise of one frame
_CORRELATION_S = 0.2  # errors of frames within about this time are alike: poses change slowly
_ACCELERATION = 0.15  # of log depth, 1 / s^2 * sqrt(s): 2 m / s^2 for 0.1 s at 4 m
_INITIAL_SPEED = 0.3  # of log depth, 1 / s: 1.2 m / s at 4 m


@dataclass(frozen=True, kw_only=True, eq=False)
class RootState:
    """Filtered log depths of the roots of N tracks.

    Attributes:
        mean: (N, 2) log depth and its speed, 1 / s.
        covariance: (N, 3) variances of both, then their covariance, of the varying part.
        constant_std: (N,) standard deviation of the part that no frame reduces.
    """

    mean: FloatArray
    covariance: FloatArray
    constant_std: FloatArray

    @classmethod
    def empty(cls, tracks: int) -> RootState:
        """State before the first frame of each track, all NaN."""
        return cls(
            mean=np.full((tracks, 2), np.nan),
            covariance=np.full((tracks, 3), np.nan),
            constant_std=np.full(tracks, np.nan),
        )

    def select(self, rows: IntArray | BoolArray) -> RootState:
        """The tracks of these rows."""
        return RootState(
            mean=self.mean[rows],
            covariance=self.covariance[rows],
            constant_std=self.constant_std[rows],
        )

    def joined(self, other: RootState) -> RootState:
        """The rows of both."""
        return RootState(
            mean=np.concatenate([self.mean, other.mean]),
            covariance=np.concatenate([self.covariance, other.covariance]),
            constant_std=np.concatenate([self.constant_std, other.constant_std]),
        )

    def replaced_where(self, rows: BoolArray, other: RootState) -> RootState:
        """The state with some rows taken from another one of the same tracks."""
        return RootState(
            mean=np.where(rows[:, None], other.mean, self.mean),
            covariance=np.where(rows[:, None], other.covariance, self.covariance),
            constant_std=np.where(rows, other.constant_std, self.constant_std),
        )

    @property
    def depth_m(self) -> FloatArray:
        """(N,) metres."""
        return np.exp(self.mean[:, 0])

    @property
    def std_m(self) -> FloatArray:
        """(N,) metres; both parts of the error."""
        return self.depth_m * np.sqrt(self.constant_std**2 + self.covariance[:, 0])


def measurement(
    depth_m: FloatArray, std_m: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log depths, and the varying and the constant part of their standard deviations."""
    depth = np.maximum(np.asarray(depth_m, np.float64), 1e-3)
    relative = np.asarray(std_m, np.float64) / depth
    constant = np.minimum(relative, CONSTANT_STD)
    varying = np.sqrt(np.maximum(relative**2 - constant**2, _MIN_FRAME_STD**2))
    return np.log(depth), varying, constant


def initial_root(depth_m: FloatArray, std_m: FloatArray) -> RootState:
    """State after the first frame of each track."""
    log_z, varying, constant = measurement(depth_m, std_m)
    zeros = np.zeros_like(log_z)
    return RootState(
        mean=np.stack([log_z, zeros], axis=1),
        covariance=np.stack([varying**2, zeros + _INITIAL_SPEED**2, zeros], axis=1),
        constant_std=constant,
    )


def root_step(
    state: RootState, depth_m: FloatArray, std_m: FloatArray, dt_s: FloatArray
) -> RootState:
    """State after one more frame of each track.

    Args:
        state: of N tracks.
        depth_m: (N,) measured in the frame.
        std_m: (N,) standard deviations of these.
        dt_s: (N,) seconds since the last frame of each track.
    """
    log_z, varying, constant = measurement(depth_m, std_m)
    noise = varying**2 * np.maximum(_CORRELATION_S / dt_s, 1.0)
    var, var_v, cov = state.covariance.T
    q = _ACCELERATION**2
    var = var + 2 * dt_s * cov + dt_s**2 * var_v + q * dt_s**3 / 3
    cov = cov + dt_s * var_v + q * dt_s**2 / 2
    var_v = var_v + q * dt_s
    expected, speed = state.mean[:, 0] + dt_s * state.mean[:, 1], state.mean[:, 1]
    gain, gain_v = var / (var + noise), cov / (var + noise)
    residual = log_z - expected
    return RootState(
        mean=np.stack([expected + gain * residual, speed + gain_v * residual], axis=1),
        covariance=np.stack([(1 - gain) * var, var_v - gain_v * cov, (1 - gain) * cov], axis=1),
        constant_std=np.minimum(state.constant_std, constant),
    )


def smooth_roots(
    times_s: FloatArray, depth_m: FloatArray, std_m: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Root depths of one finished track, smoothed in both directions.

    Args:
        times_s: (F,) increasing.
        depth_m: (F,) measured; NaN in frames without a sighting.
        std_m: (F,) their standard deviations.

    Returns:
        Depths and standard deviations, (F,) metres, of both parts of the error.
    """
    log_z, varying, constant = measurement(depth_m, std_m)
    noise = varying**2 * _correlation(times_s)
    mean, std = smooth_series(times_s, log_z, noise, _ACCELERATION)
    depth = np.exp(mean)
    return depth, depth * np.hypot(std, np.nanmin(constant))


def smooth_log_depths(times_s: FloatArray, depth_m: FloatArray, log_std: FloatArray) -> FloatArray:
    """Depths of one finished track, smoothed in both directions.

    Args:
        times_s: (F,) increasing.
        depth_m: (F,) measured.
        log_std: (F,) standard deviations of their logs; infinite where there is none.

    Returns:
        (F,) metres; the measured ones if all deviations are infinite.
    """
    variance = np.square(log_std) * _correlation(times_s)
    mean, _ = smooth_series(times_s, np.log(depth_m), variance, _ACCELERATION)
    return np.where(np.isfinite(mean), np.exp(mean), depth_m)


def _correlation(times_s: FloatArray) -> float:
    """Factor on the variance of a frame, since errors of neighbouring frames are alike."""
    interval = float(np.median(np.diff(times_s))) if len(times_s) > 1 else _CORRELATION_S
    return max(_CORRELATION_S / interval, 1.0)
