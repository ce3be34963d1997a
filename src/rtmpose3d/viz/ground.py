"""Ground of the 3D view: a grid in metres that fades out, a scale bar and the axes."""

from __future__ import annotations

import numpy as np

from rtmpose3d.structures.arrays import FloatArray, Image
from rtmpose3d.viz.capsules import capsules, concatenate, outlined, paint_capsules
from rtmpose3d.viz.palette import RGB
from rtmpose3d.viz.scene import View
from rtmpose3d.viz.text import draw_text, text_size_wh

INK: RGB = (70, 78, 92)
_LINE: RGB = (150, 160, 176)
_AXES: tuple[tuple[str, tuple[int, int, int], RGB], ...] = (
    ("x right", (1, 0, 0), (204, 71, 62)),
    ("y away", (0, 1, 0), (38, 140, 90)),
    ("z up", (0, 0, 1), (48, 104, 202)),
)
_STEPS = (0.5, 1.0, 2.0, 5.0)  # metres, then times ten
_MIN_GAP = 0.06  # between lines, times the panel's shorter side
_MAX_CELLS = 80
_MAX_BAR = 0.45  # length of the scale bar over cells of 0.5 m, times the panel's shorter side


def grid_step_m(view: View, panel_px: float) -> float:
    """Distance of the grid's lines: 0.5 m or 1 m, more where people are far apart."""
    power = 1.0
    while power < 1e9:
        for step in _STEPS:
            if step * power * view.px_per_m >= _MIN_GAP * panel_px:
                return step * power
        power *= 10
    return _STEPS[-1] * power


def draw_grid(
    image: Image, view: View, footprint_xy: FloatArray, ground_m: float, line_px: float
) -> None:
    """Draw the grid in place, opaque around the people and fading out away from them.

    Args:
        image: (H, W, 3) uint8 BGR, changed.
        view: of the world.
        footprint_xy: (F, 2) metres, positions of the people on the ground.
        ground_m: height of the ground.
        line_px: radius of a line.
    """
    step = grid_step_m(view, min(image.shape[:2]))
    reach = max(1.6, 2.2 * step, 0.35 * float(np.ptp(footprint_xy, axis=0).max()))
    low = np.floor((footprint_xy.min(axis=0) - reach) / step).astype(int)
    high = np.ceil((footprint_xy.max(axis=0) + reach) / step).astype(int)
    high = np.minimum(high, low + _MAX_CELLS)
    pieces = []
    for axis in (0, 1):
        across = np.arange(low[axis], high[axis] + 1)
        along = np.arange(low[1 - axis], high[1 - axis], 0.25)
        rows, starts = (m.ravel() for m in np.meshgrid(across, along, indexing="ij"))
        ends = np.empty((2, len(rows), 3))
        ends[..., axis] = rows * step
        ends[0, :, 1 - axis], ends[1, :, 1 - axis] = starts * step, (starts + 0.25) * step
        ends[..., 2] = ground_m
        near = _distance(ends.mean(axis=0)[:, :2], footprint_xy)
        is_metre = np.isclose(rows * step % 1, 0)  # whole metres are a little stronger
        xy, _, _ = view.project(ends)
        opacity = np.clip(1.15 - near / reach, 0, 1) * np.where(is_metre, 0.75, 0.4)
        pieces.append(capsules(xy[0], xy[1], line_px, _LINE, opacity))
    paint_capsules(image, concatenate(pieces))


def _distance(points: FloatArray, footprint: FloatArray) -> FloatArray:
    """(P,) metres from each point (P, 2) to the nearest of (F, 2)."""
    nearest = np.full(len(points), np.inf)
    for position in footprint:
        np.minimum(nearest, np.linalg.norm(points - position, axis=1), out=nearest)
    return nearest


def scale_bar(view: View, panel_px: float, footprint_xy: FloatArray, ground_m: float) -> FloatArray:
    """(2, 3) metres, ends of a bar along the grid in front of the people.

    It is as long as a grid cell, but 1 m long also over cells of 0.5 m where there is room.
    """
    step = grid_step_m(view, panel_px)
    roomy = 1.0 * view.px_per_m < _MAX_BAR * panel_px
    length = max(step, 1.0) if roomy else step
    x = np.floor(footprint_xy[:, 0].min() / step) * step
    y = np.floor((footprint_xy[:, 1].min() - 0.3 * step) / step) * step
    return np.array([[x, y, ground_m], [x + length, y, ground_m]])


def draw_scale(image: Image, view: View, bar: FloatArray, line_px: float, text_px: float) -> None:
    """Draw the bar of `scale_bar` and its length, in place."""
    (a, b), _, _ = view.project(bar)
    across = np.array([0.0, 0.4 * text_px])
    ends = np.array([a, a - across, b - across]), np.array([b, a + across, b + across])
    paint_capsules(image, capsules(*ends, 1.6 * line_px, INK))
    length = float(np.linalg.norm(bar[1] - bar[0]))
    below = (a + b) / 2 + [0, text_px]
    draw_text(image, (below[0], below[1]), f"{length:g} m", text_px, INK, anchor="middle")


def draw_axes(
    image: Image, view: View, occupied_xy: FloatArray, line_px: float, text_px: float
) -> None:
    """Draw the directions of the axes in the emptier of the lower corners, in place.

    Args:
        image: (H, W, 3) uint8 BGR, changed.
        view: of the world.
        occupied_xy: (P, 2) px, points of everything else that is drawn.
        line_px: radius of a line.
        text_px: size of the names.
    """
    length = 2.6 * text_px
    widest = max(text_size_wh(name, text_px)[0] for name, _, _ in _AXES)
    height, width = image.shape[:2]
    corners = np.array([[width - 1.0, height], [0.0, height]])
    room = np.linalg.norm(occupied_xy[:, None] - corners, axis=-1).min(axis=0)
    towards_left = (view.eye_from_world @ np.array([0.0, 1.0, 0.0]))[0] < -0.05
    left = 2.0 * text_px + (widest + text_px if towards_left else 0)
    right = width - length - widest - 1.2 * text_px
    origin = np.array([right if room[0] >= room[1] else left, height - 1.3 * length])
    for name, direction, rgb in _AXES:
        drawn = (view.eye_from_world @ np.array(direction, float))[:2]
        tip = origin + length * drawn
        draw_arrow(image, origin, tip, 1.6 * line_px, rgb)
        upright = direction[2] == 1 and abs(drawn[0]) < 0.3
        side = -1.0 if drawn[0] < -0.05 else 1.0
        gap = np.array([0.0, np.sign(drawn[1])]) if upright else np.array([0.5 * side, 0.0])
        if direction[1] and not upright:
            gap[1] = -0.5  # clear of the name of x where both point in the same direction
        anchor = "middle" if upright else "left" if side > 0 else "right"
        name_xy = tip + text_px * gap
        draw_text(image, (name_xy[0], name_xy[1]), name, text_px, rgb, anchor=anchor)


def draw_arrow(image: Image, a: FloatArray, b: FloatArray, radius: float, rgb: RGB) -> None:
    """Draw an arrow from a to b (px), in place; the head is a cone at b."""
    along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-6)
    neck = b - 6.5 * radius * along
    shaft = capsules(a[None], neck[None], radius, rgb)
    head = capsules(neck[None], b[None], 3.0 * radius, rgb, radius_b=0.4 * radius)
    paint_capsules(image, outlined(concatenate([shaft, head]), 0.0), supersample=4)
