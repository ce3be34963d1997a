"""The eye of the 3D view: projection of points in metres onto a panel of pixels.

World frame: "z-up" of `rtmpose3d.geometry` (x right, y away from the camera, z up). The eye looks
at the people from the camera's side, from above and, by default, a little from the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from rtmpose3d.structures.arrays import FloatArray

Projection = Literal["perspective", "orthographic"]

DEFAULT_AZIMUTH_DEG, _FRONT_AZIMUTH_DEG = 32.0, 5.0  # of people close together, and in a long row
_MAX_ELEVATION_DEG, _MIN_ELEVATION_DEG = 18.0, 12.0  # at these azimuths
_EXTENT_M = 2.5  # width in the view that people behind each other may take up
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
    azimuth_deg: float | None = None,
    elevation_deg: float | None = None,
    projection: Projection = "perspective",
    margin_px: float = 0.0,
) -> View:
    """The view in which the points fill the panel.

    Args:
        points: (P, 3) metres, finite, P > 0.
        size_wh: of the panel, px.
        azimuth_deg: see `rotation`; None: from the right, see `default_direction_deg`.
        elevation_deg: see `rotation`; None: 12 to 18, see `default_direction_deg`.
        projection: "perspective" or "orthographic".
        margin_px: margin on every side.
    """
    azimuth, elevation = default_direction_deg(points)
    return _fit(
        points,
        size_wh,
        azimuth if azimuth_deg is None else azimuth_deg,
        elevation if elevation_deg is None else elevation_deg,
        projection,
        margin_px,
    )


def default_direction_deg(points: FloatArray) -> tuple[float, float]:
    """Azimuth and elevation of a three-quarter view from the right.

    It is always from the same side and changes steadily with the points, so that the images of a
    series can be compared. The deeper the scene in proportion to its width, the closer the azimuth
    is to the direction of the camera: people would be small otherwise.

    Args:
        points: (P, 3) metres, finite, P > 0.
    """
    width_m, depth_m = np.ptp(points[:, :2], axis=0)
    ratio = (_EXTENT_M + width_m) / max(float(depth_m), 1e-6)
    azimuth = float(np.rad2deg(np.arcsin(min(1.0, ratio))))
    azimuth = float(np.clip(azimuth, _FRONT_AZIMUTH_DEG, DEFAULT_AZIMUTH_DEG))
    share = (azimuth - _FRONT_AZIMUTH_DEG) / (DEFAULT_AZIMUTH_DEG - _FRONT_AZIMUTH_DEG)
    return azimuth, _MIN_ELEVATION_DEG + share * (_MAX_ELEVATION_DEG - _MIN_ELEVATION_DEG)


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
