"""Options of smoothing, live and offline."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rtmpose3d.errors import InputError


@dataclass(frozen=True, kw_only=True)
class SmootherOptions:
    """Settings of `LiveSmoother`: those of the One-Euro filter, and of tracks.

    Lengths are relative to the person, so that they hold at any distance: in pixels to the height
    of the box, in metres to 1.7 m.

    Attributes:
        min_cutoff_hz: cutoff frequency of keypoints at rest; lower means less jitter.
        beta: rise of the cutoff with speed, Hz per height / s; higher means less lag.
        speed_cutoff_hz: cutoff frequency of the speed.
        common_cutoff_hz: cutoff frequency of the motion that the joints of a person have in common:
            its median over many joints has little jitter, so it is followed faster.
        depth_min_cutoff_hz: as `min_cutoff_hz`, of depths relative to the root.
        reset_s: seconds without being seen after which a track is smoothed from scratch.

    Raises:
        InputError: a number that is not positive and finite.
    """

    min_cutoff_hz: float = 1.5
    beta: float = 15.0
    speed_cutoff_hz: float = 1.0
    common_cutoff_hz: float = 8.0
    depth_min_cutoff_hz: float = 0.7
    reset_s: float = 0.5

    def __post_init__(self) -> None:
        for name in (
            "min_cutoff_hz",
            "beta",
            "speed_cutoff_hz",
            "common_cutoff_hz",
            "depth_min_cutoff_hz",
            "reset_s",
        ):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise InputError(f"{name} must be above 0 and finite, got {value!r}")


DEFAULT_SMOOTHER_OPTIONS = SmootherOptions()


@dataclass(frozen=True, kw_only=True)
class OfflineOptions:
    """Settings of `smooth_offline`. Lengths "of the size" are relative to the person's box.

    Attributes:
        max_gap_s: people who were not seen for up to this long are filled in.
        noise: standard deviation of a confident keypoint, of the size.
        acceleration: how fast keypoints change their speed, of the size / s^2 * sqrt(s).
        depth_noise_m: standard deviation of a confident keypoint's depth relative to the root.
        depth_acceleration: how fast relative depths change their speed, m / s^2 * sqrt(s).

    Raises:
        InputError: a number that is not positive and finite.
    """

    max_gap_s: float = 0.5
    noise: float = 0.02
    acceleration: float = 2.0
    depth_noise_m: float = 0.12
    depth_acceleration: float = 2.0

    def __post_init__(self) -> None:
        for name in ("max_gap_s", "noise", "acceleration", "depth_noise_m", "depth_acceleration"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise InputError(f"{name} must be above 0 and finite, got {value!r}")


DEFAULT_OFFLINE_OPTIONS = OfflineOptions()
