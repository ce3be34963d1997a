"""The bodies of the 3D view: each person's limbs, joints, face and hands, drawn far to near."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rtmpose3d.structures.arrays import BoolArray, FloatArray, Image
from rtmpose3d.viz.capsules import Capsules, capsules, concatenate, outlined, paint
from rtmpose3d.viz.links import LINKS, Group, opacity_of, shown, with_neck
from rtmpose3d.viz.palette import OUTLINE, mix
from rtmpose3d.viz.scene import View

_RADIUS_M: dict[Group, tuple[float, float]] = {
    # radius of the lines and of the dots, metres
    "trunk": (0.021, 0.028),
    "legs": (0.021, 0.028),
    "feet": (0.014, 0.017),
    "arms": (0.019, 0.026),
    "head": (0.009, 0.014),
    "face": (0.0024, 0.0),
    "left_hand": (0.005, 0.0065),
    "right_hand": (0.005, 0.0065),
}
_LEAST_PX: dict[Group, float] = {"trunk": 0.9, "legs": 0.9, "arms": 0.9}
_LEAST_FINE_PX = 0.5
_FINE: tuple[Group, ...] = ("face", "left_hand", "right_hand", "head")
_DOT_LIGHTER = 0.3
# The face's pale colours would not show on the light ground.
_LINE_RGB = mix(LINKS.rgb, OUTLINE, np.where(LINKS.group == "face", 0.55, 0.0))
_FARTHEST_M = 1e5  # what is farther away is a mistake and would only hide the others
_SHADOW, _SHADOW_BLUR_M = 0.3, 0.035


@dataclass(frozen=True, kw_only=True, eq=False)
class Body:
    """One person ready to draw: 135 points, z-up metres."""

    number: int
    points: FloatArray
    trust: FloatArray
    use: BoolArray

    @property
    def lowest(self) -> FloatArray:
        """(3,) of the shown points; below it stands the person's place on the ground."""
        return self.points[self.use][self.points[self.use, 2].argmin()]

    @property
    def middle_xy(self) -> FloatArray:
        """(2,) metres, the middle of the shown points, seen from above."""
        return np.median(self.points[self.use, :2], axis=0)


def bodies_of(keypoints_m: FloatArray, confidence: FloatArray, confidence_thr: float) -> list[Body]:
    """The people who have anything to show.

    Args:
        keypoints_m: (N, 133, 3) metres, z up.
        confidence: (N, 133).
        confidence_thr: keypoints below it are left out.
    """
    bodies = []
    for i, (points, trust) in enumerate(zip(keypoints_m, confidence, strict=True)):
        places, sure = with_neck(points, trust)
        use = shown(places, sure, confidence_thr) & (np.abs(places) < _FARTHEST_M).all(axis=1)
        if use.any():
            bodies.append(Body(number=i, points=places, trust=sure, use=use))
    return bodies


def draw_bodies(canvas: Image, view: View, bodies: list[Body], confidence_thr: float) -> None:
    """Draw people in place, the nearer parts over the farther ones."""
    units = [unit for body in bodies for unit in _units(body, view, confidence_thr)]
    if units:
        units.sort(key=lambda unit: -unit[0])
        paint(canvas, concatenate([shapes for _, shapes in units]))


def draw_shadows(canvas: Image, view: View, bodies: list[Body], ground_m: float) -> None:
    """Darken the ground below the people, softly, in place."""
    mask = np.zeros_like(canvas)
    for body in bodies:
        below = np.where(body.use[:, None], body.points, view.centre)
        below[:, 2] = ground_m
        xy, _, scale = view.project(below)
        coarse = ~np.isin(LINKS.group, ("face", "left_hand", "right_hand"))
        a, b = LINKS.ends[coarse & body.use[LINKS.ends].all(axis=1)].T
        radius = np.maximum(0.03 * scale, 0.8)
        paint(mask, capsules(xy[a], xy[b], radius[a], (255, 255, 255), radius_b=radius[b]))
    sigma = float(np.clip(_SHADOW_BLUR_M * view.px_per_m, 0.6, 60))
    soft = cv2.GaussianBlur(mask[..., 0], (0, 0), sigma)
    keep = 1 - soft[..., None].astype(np.float32) * (_SHADOW / 255)
    canvas[:] = np.rint(canvas * keep)


def _units(body: Body, view: View, confidence_thr: float) -> list[tuple[float, Capsules]]:
    """The person's shapes as (depth in metres, shapes) that are to be drawn far to near.

    Each limb is one unit; so is each joint, and the whole of the head, of the face and of a hand.
    """
    xy, depth, scale = view.project(np.where(body.use[:, None], body.points, view.centre))
    opacity = opacity_of(np.where(body.use, body.trust, 0), confidence_thr)
    lines = np.flatnonzero(body.use[LINKS.ends].all(axis=1))
    spots = np.flatnonzero(body.use[:133])
    a, b = LINKS.ends[lines].T
    groups = [*LINKS.group[lines], *LINKS.point_group[spots]]
    shapes = capsules(
        np.concatenate([xy[a], xy[spots]]),
        np.concatenate([xy[b], xy[spots]]),
        _radii_px(groups, np.concatenate([scale[a], scale[spots]]), len(lines)),
        np.concatenate(
            [_LINE_RGB[lines], mix(LINKS.point_rgb[spots], (255, 255, 255), _DOT_LIGHTER)]
        ),
        np.concatenate([np.minimum(opacity[a], opacity[b]), opacity[spots]]),
        radius_b=_radii_px(groups, np.concatenate([scale[b], scale[spots]]), len(lines)),
    )
    # A joint lies just before the limbs that meet in it.
    limb_depth = (depth[a] + depth[b]) / 2
    joint_depth = depth.copy()
    np.minimum.at(joint_depth, a, limb_depth)
    np.minimum.at(joint_depth, b, limb_depth)
    depths = np.concatenate([limb_depth, joint_depth[spots] - 0.01])
    names = np.array(groups)
    units = []
    for i in np.flatnonzero(~np.isin(names, _FINE)):
        rim = float(np.clip(0.22 * shapes.radius_a[i], 0.4, 2.5))
        units.append((float(depths[i]), outlined(shapes.select(np.array([i])), rim)))
    for group in _FINE:
        members = np.flatnonzero(names == group)
        if len(members):
            rim = float(np.clip(0.3 * shapes.radius_a[members].max(), 0.25, 1.5))
            chosen = shapes.select(members)
            unit = chosen if group == "face" else outlined(chosen, rim, 0.6)
            units.append((float(depths[members].mean()) - 0.02, unit))
    return units


def _radii_px(groups: list[Group], scale: FloatArray, n_lines: int) -> FloatArray:
    """(M,) radius of each shape, px; the first n_lines are lines, the others dots."""
    metres = np.array([_RADIUS_M[group][i >= n_lines] for i, group in enumerate(groups)])
    least = np.array([_LEAST_PX.get(group, _LEAST_FINE_PX) for group in groups])
    fine_dots = (np.arange(len(groups)) >= n_lines) & np.isin(np.array(groups), _FINE)
    return np.where(fine_dots & (metres * scale < 1.2), 0, np.maximum(metres * scale, least))
