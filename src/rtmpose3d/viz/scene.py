"""The eye of the 3D view: projection of points in metres onto a panel of pixels.

World frame: "z-up" of `rtmpose3d.geometry` (x right, y away from the camera, z up). The eye looks
at the people from the camera's side, from above and, by default, a little from the side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rtmpose3d.structures.arrays import FloatArray

Projection = Literal["perspective", "orthographic"]

_DIRECTIONS_DEG = (  # azimuth and elevation, the preferred first
    *((32.0, 18.0), (-32.0, 18.0), (20.0, 16.0), (-20.0, 16.0)),
    *((10.0, 14.0), (-10.0, 14.0), (5.0, 12.0)),
)
_MIN_SEPARATION_M = 0.8  # people that appear this far apart do not hide each other
_MIN_DISTANCE_M = 4.0
_DISTANCE = 4.0  # of the eye, times the radius of the points


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """A projection of the world onto a panel.

    Attributes:
        eye_from_world: (3, 3) rotation; the eye's axes are x right, y down, z away.
        centre: (3,) metres, the world point that the eye looks at.
        distance_m: distance of the eye from the centre; inf for parallel rays (orthographic).
        px_per_m: scale at the centre.
        centre_xy: (2,) px, projection of the centre.
    """

    eye_from_world: FloatArray
    centre: FloatArray
    distance_m: float
    px_per_m: float
    centre_xy: FloatArray

    def project(self, xyz: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Project world points onto the panel.

        Args:
            xyz: (..., 3) metres.

        Returns:
            xy (..., 2) px; depth (...) metres, behind the centre as seen by the eye; and scale
            (...) px per metre at that depth.
        """
        in_eye = (np.asarray(xyz, float) - self.centre) @ self.eye_from_world.T
        depth = in_eye[..., 2]
        nearness = 1 / np.maximum(1 + depth / self.distance_m, 0.05)
        scale = self.px_per_m * nearness
        return self.centre_xy + in_eye[..., :2] * scale[..., None], depth, scale


def rotation(azimuth_deg: float, elevation_deg: float) -> FloatArray:
    """(3, 3) rotation from the world to an eye at an azimuth and an elevation.

    Args:
        azimuth_deg: 0 looks along y, as the camera does; positive ones are further right.
        elevation_deg: 0 looks level, 90 straight down.
    """
    azimuth, elevation = np.deg2rad([azimuth_deg, elevation_deg])
    right = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    away = np.array(
        [
            -np.sin(azimuth) * np.cos(elevation),
            np.cos(azimuth) * np.cos(elevation),
            -np.sin(elevation),
        ]
    )
    return np.stack([right, np.cross(away, right), away])


def fit_view(
    points: FloatArray,
    size_wh: tuple[int, int],
    *,
    people: FloatArray | None = None,
    azimuth_deg: float | None = None,
    elevation_deg: float | None = None,
    projection: Projection = "perspective",
    margin_px: float = 0.0,
) -> View:
    """The view in which the points fill the panel.

    Args:
        points: (P, 3) metres, finite, P > 0.
        size_wh: of the panel, px.
        people: (N, 3) metres, positions of people, who should not hide each other.
        azimuth_deg: see `rotation`; None chooses: three-quarter from the right or the left, closer
            to the direction of the camera where people would be small otherwise.
        elevation_deg: see `rotation`; None chooses along with the azimuth.
        projection: "perspective" or "orthographic".
        margin_px: margin on every side.
    """
    views = [
        _fit(points, size_wh, azimuth, elevation, projection, margin_px)
        for azimuth, elevation in _directions(azimuth_deg, elevation_deg)
    ]
    largest = max(view.px_per_m for view in views)
    merits = [
        view.px_per_m / largest + 0.6 * _separation(view, people) - 0.04 * rank
        for rank, view in enumerate(views)
    ]
    return views[int(np.argmax(merits))]


def _separation(view: View, people: FloatArray | None) -> float:
    """Apparent distance of the two closest people, from 0 to 1 (they do not hide each other)."""
    if people is None or len(people) < 2:
        return 1.0
    xy, _, _ = view.project(people)
    steps = (xy[:, None] - xy[None]) / view.px_per_m * [1.0, 0.5]  # people are taller than wide
    distances = np.linalg.norm(steps, axis=-1)[~np.eye(len(xy), dtype=bool)]
    return float(np.clip(distances.min() / _MIN_SEPARATION_M, 0, 1))


def _directions(
    azimuth_deg: float | None, elevation_deg: float | None
) -> Sequence[tuple[float, float]]:
    if azimuth_deg is not None and elevation_deg is not None:
        return [(azimuth_deg, elevation_deg)]
    return [
        (
            azimuth if azimuth_deg is None else azimuth_deg,
            elevation if elevation_deg is None else elevation_deg,
        )
        for azimuth, elevation in _DIRECTIONS_DEG
    ]


def _fit(
    points: FloatArray,
    size_wh: tuple[int, int],
    azimuth_deg: float,
    elevation_deg: float,
    projection: Projection,
    margin_px: float,
) -> View:
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    radius = float(np.linalg.norm(points - centre, axis=1).max())
    distance = max(_MIN_DISTANCE_M, _DISTANCE * radius)
    unit = View(
        eye_from_world=rotation(azimuth_deg, elevation_deg),
        centre=centre,
        distance_m=distance if projection == "perspective" else float("inf"),
        px_per_m=1.0,
        centre_xy=np.zeros(2),
    )
    xy, _, _ = unit.project(points)
    low, high = xy.min(axis=0), xy.max(axis=0)
    room = np.maximum(np.array(size_wh, float) - 2 * margin_px, 1.0)
    scale = float((room / np.maximum(high - low, 1e-6)).min())
    return View(
        eye_from_world=unit.eye_from_world,
        centre=centre,
        distance_m=unit.distance_m,
        px_per_m=scale,
        centre_xy=(np.array(size_wh, float) - 1) / 2 - scale * (low + high) / 2,
    )
