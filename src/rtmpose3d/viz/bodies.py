"""Bodies in the 3D view: limbs, joints, face and hands of each person, drawn far to near."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rtmpose3d.structures.arrays import BoolArray, FloatArray, Image
from rtmpose3d.viz.capsules import Capsules, capsules, concatenate, outlined, paint_capsules
from rtmpose3d.viz.palette import OUTLINE, mix
from rtmpose3d.viz.scene import View
from rtmpose3d.viz.skeleton_lines import LINKS, Group, add_neck, drawable, opacity

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
_MIN_RADIUS_PX: dict[Group, float] = {"trunk": 0.9, "legs": 0.9, "arms": 0.9}
_MIN_FINE_RADIUS_PX = 0.5
_FINE: tuple[Group, ...] = ("face", "left_hand", "right_hand", "head")
_DOT_LIGHTER = 0.3
# Pale colours of the face would vanish on the light ground.
_LINE_RGB = mix(LINKS.rgb, OUTLINE, np.where(LINKS.group == "face", 0.55, 0.0))
_MAX_DISTANCE_M = 1e5  # points farther away are errors and would make all others tiny
_SHADOW, _SHADOW_BLUR_M = 0.3, 0.035


@dataclass(frozen=True, kw_only=True, eq=False)
class Body:
    """One person, ready to draw.

    Attributes:
        number: index of the person in the result.
        points: (135, 3) metres, z up: keypoints and the ends of the neck.
        confidence: (135,) of the points.
        visible: (135,) bool, the points to draw; at least one.
    """

    number: int
    points: FloatArray
    confidence: FloatArray
    visible: BoolArray

    @property
    def lowest(self) -> FloatArray:
        """(3,) metres, the lowest visible point."""
        return self.points[self.visible][self.points[self.visible, 2].argmin()]

    @property
    def middle_xy(self) -> FloatArray:
        """(2,) metres, the median of the visible points, seen from above."""
        return np.median(self.points[self.visible, :2], axis=0)


def visible_bodies(
    keypoints_m: FloatArray, confidence: FloatArray, confidence_thr: float
) -> list[Body]:
    """Bodies of the people who have at least one keypoint to draw.

    Args:
        keypoints_m: (N, 133, 3) metres, z up.
        confidence: (N, 133).
        confidence_thr: keypoints below it are not drawn.
    """
    bodies = []
    for i, person in enumerate(zip(keypoints_m, confidence, strict=True)):
        points, confidences = add_neck(*person)
        visible = drawable(points, confidences, confidence_thr)
        visible &= (np.abs(points) < _MAX_DISTANCE_M).all(axis=1)
        if visible.any():
            bodies.append(Body(number=i, points=points, confidence=confidences, visible=visible))
    return bodies


def draw_bodies(canvas: Image, view: View, bodies: list[Body], confidence_thr: float) -> None:
    """Draw people onto the canvas, nearer parts over farther ones."""
    units = [unit for body in bodies for unit in _units(body, view, confidence_thr)]
    if units:
        units.sort(key=lambda unit: -unit[0])
        paint_capsules(canvas, concatenate([shapes for _, shapes in units]))


def draw_shadows(canvas: Image, view: View, bodies: list[Body], ground_m: float) -> None:
    """Darken the ground below the people, softly, in place."""
    mask = np.zeros_like(canvas)
    for body in bodies:
        below = np.where(body.visible[:, None], body.points, view.centre)
        below[:, 2] = ground_m
        xy, _, scale = view.project(below)
        coarse = ~np.isin(LINKS.group, ("face", "left_hand", "right_hand"))
        a, b = LINKS.ends[coarse & body.visible[LINKS.ends].all(axis=1)].T
        radius = np.maximum(0.03 * scale, 0.8)
        paint_capsules(mask, capsules(xy[a], xy[b], radius[a], (255, 255, 255), radius_b=radius[b]))
    sigma = float(np.clip(_SHADOW_BLUR_M * view.px_per_m, 0.6, 60))
    soft = cv2.GaussianBlur(mask[..., 0], (0, 0), sigma)
    keep = 1 - soft[..., None].astype(np.float32) * (_SHADOW / 255)
    canvas[:] = np.rint(canvas * keep)


def _units(body: Body, view: View, confidence_thr: float) -> list[tuple[float, Capsules]]:
    """Shapes of a person as (depth in metres, shapes), to be drawn far to near.

    Each limb is one unit; so are each joint, the head, the face and each hand.
    """
    xy, depth, scale = view.project(np.where(body.visible[:, None], body.points, view.centre))
    opacities = opacity(np.where(body.visible, body.confidence, 0), confidence_thr)
    lines = np.flatnonzero(body.visible[LINKS.ends].all(axis=1))
    spots = np.flatnonzero(body.visible[:133])
    a, b = LINKS.ends[lines].T
    groups = [*LINKS.group[lines], *LINKS.point_group[spots]]
    shapes = capsules(
        np.concatenate([xy[a], xy[spots]]),
        np.concatenate([xy[b], xy[spots]]),
        _radii_px(groups, np.concatenate([scale[a], scale[spots]]), len(lines)),
        np.concatenate(
            [_LINE_RGB[lines], mix(LINKS.point_rgb[spots], (255, 255, 255), _DOT_LIGHTER)]
        ),
        np.concatenate([np.minimum(opacities[a], opacities[b]), opacities[spots]]),
        radius_b=_radii_px(groups, np.concatenate([scale[b], scale[spots]]), len(lines)),
    )
    # A joint is just in front of the limbs that meet in it.
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
    """(M,) px, radius of each shape; the first n_lines are lines, the others dots."""
    metres = np.array([_RADIUS_M[group][i >= n_lines] for i, group in enumerate(groups)])
    minimum = np.array([_MIN_RADIUS_PX.get(group, _MIN_FINE_RADIUS_PX) for group in groups])
    fine_dots = (np.arange(len(groups)) >= n_lines) & np.isin(np.array(groups), _FINE)
    return np.where(fine_dots & (metres * scale < 1.2), 0, np.maximum(metres * scale, minimum))
