"""Lens distortion in OpenCV's models, both ways, on points of the plane at depth 1.

In and out: (..., 2) coordinates x / z, y / z of rays. Within the range in which a model is
invertible, `Distortion.distort` equals `cv2.projectPoints` and `cv2.fisheye.projectPoints`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.errors import InputError, UnknownNameError

DistortionModel = Literal["opencv", "fisheye"]
"""OpenCV's model of the module calib3d, or that of its module fisheye."""

DISTORTION_MODELS: tuple[DistortionModel, ...] = get_args(DistortionModel)
MAX_RAY_ANGLE_DEG = 85.0  # from the optical axis: rays further out have no usable depth along it
_COUNTS: dict[DistortionModel, tuple[int, ...]] = {"opencv": (4, 5, 8, 12, 14), "fisheye": (4,)}
_MIN_SLOPE = 0.02  # of the distorted radius; a lens of 160 degrees whose scale is even has 0.03
_MIN_DENOMINATOR = 0.05  # of the rational model
_SAMPLES = 20_001
_NEWTON_STEPS = 6  # from an error of 1e-3 or less
_FIXED_POINT_STEPS = 100

_Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Distortion:
    """Distortion of a lens.

    A polynomial is good where it was fitted, and may fold back beyond. From the radius at which the
    distorted radius hardly grows any more, it is therefore continued linearly, so that every pixel
    has one ray, and every ray one pixel.

    Attributes:
        coefficients: "opencv": k1, k2, p1, p2 [, k3 [, k4, k5, k6 [, s1, s2, s3, s4 [, tau_x,
            tau_y]]]], hence 4, 5, 8, 12 or 14; "fisheye": k1, k2, k3, k4.
        model: of OpenCV.

    Raises:
        UnknownNameError: another model.
        InputError: another number of coefficients, or one that is not finite.
    """

    coefficients: tuple[float, ...]
    model: DistortionModel = "opencv"

    def __post_init__(self) -> None:
        if self.model not in DISTORTION_MODELS:
            raise UnknownNameError("distortion model", self.model, DISTORTION_MODELS)
        try:
            values = np.asarray(self.coefficients, np.float64)
        except (TypeError, ValueError):
            values = np.full(1, np.nan)
        counts = _COUNTS[self.model]
        if values.ndim != 1 or len(values) not in counts or not np.isfinite(values).all():
            expected = " or ".join(str(count) for count in counts)
            raise InputError(
                f"distortion: the model {self.model!r} has {expected} finite coefficients, got "
                f"{self.coefficients!r}"
            )
        object.__setattr__(self, "coefficients", tuple(values.tolist()))

    def distort(self, xy: NDArray[np.floating]) -> _Array:
        """Apply the distortion to rays.

        Args:
            xy: (..., 2) x / z and y / z of rays.

        Returns:
            (..., 2) float64, the same of the pinhole camera's rays with the same pixels.
        """
        xy = np.asarray(xy, np.float64)
        radius = _radius(xy)
        shown = self._curve.distorted(self._parameter(radius))
        scale = np.divide(shown, radius, out=np.ones_like(radius), where=radius > 1e-12)
        return self._tilted(xy * scale[..., None] + self._decentring(xy))

    def undistort(self, xy: NDArray[np.floating]) -> _Array:
        """Rays of what the lens shows; the inverse of `distort`.

        Args:
            xy: (..., 2) x / z and y / z of the pinhole camera's rays of pixels.

        Returns:
            (..., 2) float64, x / z and y / z of the rays; those more than `MAX_RAY_ANGLE_DEG` from
            the optical axis are moved to it.
        """
        target = self._untilted(np.asarray(xy, np.float64))
        ray = self._radially_undistorted(target)
        if not self._has_decentring:
            return ray
        # The rest is small, so that a fixed point of the radial inverse is reached soon.
        for _ in range(_FIXED_POINT_STEPS):
            previous, ray = ray, self._radially_undistorted(target - self._decentring(ray))
            if not (np.abs(ray - previous) > 1e-13 * (1 + np.abs(ray))).any():
                break
        return ray

    # -- radial part ---------------------------------------------------------------------------

    @cached_property
    def _curve(self) -> _RadialCurve:
        return _RadialCurve.of(self.coefficients, self.model)

    def _parameter(self, radius: _Array) -> _Array:
        """The argument of the polynomial: the radius, or the angle of the ray."""
        return np.arctan(radius) if self.model == "fisheye" else radius

    def _radially_undistorted(self, xy: _Array) -> _Array:
        shown = _radius(xy)
        parameter = np.minimum(self._curve.undistorted(shown), self._curve.end)
        radius = np.tan(parameter) if self.model == "fisheye" else parameter
        scale = np.divide(radius, shown, out=np.ones_like(radius), where=shown > 1e-12)
        return xy * scale[..., None]

    # -- tangential, thin prism and tilt -------------------------------------------------------

    @cached_property
    def _has_decentring(self) -> bool:
        c = self.coefficients
        return self.model == "opencv" and any((*c[2:4], *c[8:12]))

    def _decentring(self, xy: _Array) -> _Array:
        """The tangential and thin prism parts, at most those where the curve is continued."""
        if not self._has_decentring:
            return np.zeros_like(xy)
        c = (*self.coefficients, *(0.0,) * 14)
        p1, p2, s1, s2, s3, s4 = c[2], c[3], *c[8:12]
        radius = _radius(xy)
        within = np.minimum(1.0, self._curve.limit / np.maximum(radius, 1e-12))[..., None]
        x, y = np.moveaxis(xy * within, -1, 0)
        r2 = x * x + y * y
        across = 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + s1 * r2 + s2 * r2 * r2
        down = p1 * (r2 + 2 * y * y) + 2 * p2 * x * y + s3 * r2 + s4 * r2 * r2
        return np.stack([across, down], axis=-1)

    @cached_property
    def _tilt(self) -> _Array | None:
        """(3, 3) homography of a tilted sensor; None where it is not tilted."""
        if len(self.coefficients) < 14 or not any(self.coefficients[12:]):
            return None
        (cx, cy), (sx, sy) = np.cos(self.coefficients[12:]), np.sin(self.coefficients[12:])
        about_x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
        about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
        rotated = about_y @ about_x
        onto_plane = np.array(
            [[rotated[2, 2], 0, -rotated[0, 2]], [0, rotated[2, 2], -rotated[1, 2]], [0, 0, 1]]
        )
        return onto_plane @ rotated

    def _tilted(self, xy: _Array) -> _Array:
        return xy if self._tilt is None else _mapped(xy, self._tilt)

    def _untilted(self, xy: _Array) -> _Array:
        return (
            xy
            if self._tilt is None
            else _mapped(xy, np.asarray(np.linalg.inv(self._tilt), np.float64))
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _RadialCurve:
    """The distorted radius as a growing function of a parameter, the radius or the angle.

    Attributes:
        numerator, denominator: of the factor, polynomials of the squared parameter, lowest first.
        end: largest parameter, at `MAX_RAY_ANGLE_DEG`.
        limit: parameter from which the function is continued linearly; at most `end`.
        samples, values: (S,) parameters from 0 to `limit` and the function there.
    """

    numerator: tuple[float, ...]
    denominator: tuple[float, ...]
    end: float
    limit: float
    samples: _Array
    values: _Array

    @classmethod
    def of(cls, coefficients: tuple[float, ...], model: DistortionModel) -> _RadialCurve:
        """The curve of a distortion."""
        end = math.radians(MAX_RAY_ANGLE_DEG)
        if model == "fisheye":
            numerator, denominator = (1.0, *coefficients), (1.0,)
        else:
            k = (*coefficients, *(0.0,) * 8)
            numerator, denominator = (1.0, k[0], k[1], k[4]), (1.0, *k[5:8])
            end = math.tan(end)
        samples = np.linspace(0, end, _SAMPLES)
        values, slopes, below = _rational(samples, numerator, denominator)
        unusable = (slopes < _MIN_SLOPE) | (below < _MIN_DENOMINATOR)
        count = int(unusable.argmax()) if unusable.any() else _SAMPLES
        return cls(
            numerator=numerator,
            denominator=denominator,
            end=end,
            limit=float(samples[max(count, 2) - 1]),
            samples=samples[: max(count, 2)],
            values=values[: max(count, 2)],
        )

    def distorted(self, parameter: _Array) -> _Array:
        """Distorted radii."""
        inner = np.minimum(parameter, self.limit)
        values, slopes, _ = _rational(inner, self.numerator, self.denominator)
        return values + (parameter - inner) * np.maximum(slopes, _MIN_SLOPE)

    def undistorted(self, radius: _Array) -> _Array:
        """Parameters of distorted radii."""
        parameter = np.interp(radius, self.values, self.samples)
        for _ in range(_NEWTON_STEPS):
            values, slopes, _ = _rational(parameter, self.numerator, self.denominator)
            step = (radius - values) / np.maximum(slopes, _MIN_SLOPE)
            parameter = np.clip(parameter + step, 0, self.limit)
        values, slopes, _ = _rational(parameter, self.numerator, self.denominator)
        beyond = np.where(radius > self.values[-1], radius - values, 0.0)
        return parameter + beyond / np.maximum(slopes, _MIN_SLOPE)


def _rational(
    t: _Array, numerator: tuple[float, ...], denominator: tuple[float, ...]
) -> tuple[_Array, _Array, _Array]:
    """The function t N(t^2) / D(t^2), its derivative, and D(t^2)."""
    squared = t * t
    polynomial = np.polynomial.polynomial.polyval
    derivative = np.polynomial.polynomial.polyder
    top, bottom = polynomial(squared, numerator), polynomial(squared, denominator)
    safe = np.where(np.abs(bottom) < 1e-9, 1e-9, bottom)
    top_slope = polynomial(squared, derivative(numerator)) * 2 * t
    bottom_slope = polynomial(squared, derivative(denominator)) * 2 * t
    slope = top / safe + t * (top_slope * safe - top * bottom_slope) / safe**2
    return t * top / safe, np.asarray(slope, np.float64), np.asarray(bottom, np.float64)


def _radius(xy: _Array) -> _Array:
    return np.hypot(xy[..., 0], xy[..., 1])


def _mapped(xy: _Array, homography: _Array) -> _Array:
    mapped = np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1) @ homography.T
    return mapped[..., :2] / mapped[..., 2:]
