"""People in 3D, seen from the side and above on a ground grid: `draw_3d`.

All axes have the same scale. People are at their positions in the "z-up" frame.
"""

from __future__ import annotations

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures.arrays import FloatArray, Image
from rtmpose3d.structures.result import PoseResult
from rtmpose3d.viz.bodies import Body, draw_bodies, draw_shadows, visible_bodies
from rtmpose3d.viz.capsules import capsules, paint_capsules
from rtmpose3d.viz.ground import INK, draw_axes, draw_grid, draw_scale, scale_bar
from rtmpose3d.viz.labels import person_name, position_labels
from rtmpose3d.viz.palette import mix
from rtmpose3d.viz.scene import Projection, View, fit_view
from rtmpose3d.viz.text import draw_label, draw_text

NO_PEOPLE = "no people found"

_TOP_RGB, _BOTTOM_RGB = (252, 253, 255), (228, 233, 241)
_FLOATING_M = 0.15  # people further than this from the ground get a line to it
_DASHES = 12
_GROUND_TOLERANCE_M = 0.35  # people who are this much lower than most still count for the ground
_LABEL_M = 0.2  # maximum height of letters, so that labels hide few people in a crowd
_HEAD = np.r_[0:5, 23:91]  # nose, eyes, ears and face
_PAD_M = 0.12  # around each point, for the limbs' own width


def draw_3d(
    result: PoseResult,
    size_wh: tuple[int, int] = (960, 960),
    *,
    azimuth_deg: float | None = None,
    elevation_deg: float | None = None,
    projection: Projection = "perspective",
    confidence_thr: float = 0.3,
    labels: bool = True,
    extent: FloatArray | None = None,
    ground_m: float | None = None,
) -> Image:
    """View of all people in 3D, with their shadows on the ground.

    Args:
        result: poses of N people with 3D.
        size_wh: of the view, px.
        azimuth_deg: direction of the eye: 0 behind the camera, positive further right; None: from
            the right, less so for people far behind each other.
        elevation_deg: elevation of the eye: 0 level, 90 straight above; None: 12 to 18.
        projection: "perspective" or "orthographic" (parallel edges stay parallel).
        confidence_thr: keypoints below it are not drawn.
        labels: whether to write each person's number, or the id of the track, and distance from
            the camera.
        extent: (P, 3) metres, z up, further points that must be visible: views of several results
            with the same ones are equal.
        ground_m: height of the ground; None for the lowest point of the people.

    Returns:
        (height, width, 3) uint8 BGR.

    Raises:
        InputError: the result has no 3D, or the size is not positive.
    """
    width, height = size_wh
    if width < 1 or height < 1:
        raise InputError(f"size_wh must be at least (1, 1), got {size_wh}")
    people = visible_bodies(result.keypoints_in("z-up"), result.confidence, confidence_thr)
    canvas = _background(width, height)
    line_px = max(0.5, 0.0009 * min(width, height))
    text_px = float(np.clip(0.022 * min(width, height), 9, 60))
    ground_m = _ground_m(people) if ground_m is None else ground_m
    footprint = np.stack([p.middle_xy for p in people]) if people else np.zeros((1, 2))
    direction_deg, margin_px = (azimuth_deg, elevation_deg), 3.2 * text_px
    fixed = np.zeros((0, 3)) if extent is None else np.asarray(extent, float).reshape(-1, 3)
    view, bar = _view(
        people, footprint, ground_m, size_wh, margin_px, direction_deg, projection, fixed
    )
    draw_grid(canvas, view, footprint, ground_m, line_px)
    draw_shadows(canvas, view, people, ground_m)
    _draw_stems(canvas, view, people, ground_m, line_px)
    draw_scale(canvas, view, bar, line_px, text_px)
    draw_bodies(canvas, view, people, confidence_thr)
    occupied = [*(p.points[p.visible] for p in people), bar]
    draw_axes(canvas, view, view.project(np.concatenate(occupied))[0], line_px, text_px)
    if labels:
        label_px = float(np.clip(_LABEL_M * view.px_per_m, max(8, 0.55 * text_px), text_px))
        _draw_labels(canvas, view, people, result, label_px)
    if not people:
        draw_text(canvas, (width / 2, 0.12 * height), NO_PEOPLE, text_px, INK, anchor="middle")
    return canvas


def _background(width: int, height: int) -> Image:
    share = np.linspace(0, 1, height)[:, None]
    rows = mix(np.array([_TOP_RGB]), _BOTTOM_RGB, share[:, 0])
    column = np.rint(rows[:, ::-1]).astype(np.uint8)[:, None]
    return np.repeat(column, width, axis=1)


def _ground_m(people: list[Body]) -> float:
    """Height of the horizontal plane that most people stand on.

    The error of a height grows with the distance, so nearer people count more: the ground is the
    lowest point of those who are not far below the weighted median of all lowest points.
    """
    if not people:
        return 0.0
    lowest = np.array([person.lowest[2] for person in people])
    weights = np.array([1 / max(float(person.middle_xy[1]), 0.5) for person in people])
    order = np.argsort(lowest)
    half = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    median = lowest[order[min(int(half), len(order) - 1)]]
    return float(lowest[lowest >= median - _GROUND_TOLERANCE_M].min())


def _view(
    people: list[Body],
    footprint: FloatArray,
    ground_m: float,
    size_wh: tuple[int, int],
    margin_px: float,
    direction_deg: tuple[float | None, float | None],
    projection: Projection,
    extent: FloatArray,
) -> tuple[View, FloatArray]:
    """The view of all people, their shadows and the scale bar, and the bar: (2, 3) metres."""
    pad = _PAD_M * np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
    visible_points = [person.points[person.visible] for person in people]
    shadows = [np.column_stack([p[:, :2], np.full(len(p), ground_m)]) for p in visible_points]
    floor = np.column_stack([footprint, np.full(len(footprint), ground_m)])
    corners = [(p + offset) for p in (*visible_points, floor) for offset in pad]
    content = [*corners, *shadows, *(point + pad for point in extent)]
    if not people and not len(extent):
        content.append(np.array([[-1.0, -1, 0], [1, 1, 1.7]]))

    def fit(extra: list[FloatArray]) -> View:
        return fit_view(
            np.concatenate([*content, *extra]),
            size_wh,
            azimuth_deg=direction_deg[0],
            elevation_deg=direction_deg[1],
            projection=projection,
            margin_px=min(margin_px, min(size_wh) / 5),
        )

    bar = scale_bar(fit([]), min(size_wh), footprint, ground_m)
    return fit([bar]), bar


def _draw_stems(
    canvas: Image, view: View, people: list[Body], ground_m: float, line_px: float
) -> None:
    """Draw a dashed line between each person above or below the ground and the ground, in place."""
    for person in people:
        lowest = person.lowest
        if abs(lowest[2] - ground_m) < _FLOATING_M:
            continue
        heights = np.linspace(ground_m, lowest[2], 2 * _DASHES)
        points = np.column_stack([np.tile(lowest[:2], (len(heights), 1)), heights])
        xy, _, _ = view.project(points)
        paint_capsules(canvas, capsules(xy[:-1:2], xy[1::2], line_px, INK, 0.6))


def _draw_labels(
    canvas: Image, view: View, people: list[Body], result: PoseResult, text_px: float
) -> None:
    """Draw number and distance above each person, or the number only where there is no room."""
    tops = [p.points[p.visible][p.points[p.visible, 2].argmax()] + [0, 0, 0.12] for p in people]
    anchors = np.array([view.project(top)[0] for top in tops]).reshape(-1, 2)
    faces = np.array([_head_box(view, person) for person in people]).reshape(-1, 4)
    names = [person_name(result, person.number) for person in people]
    labels = position_labels(
        np.hstack([anchors, anchors]),
        [[name + _distance_text(result, p), name] for name, p in zip(names, people, strict=True)],
        [text_px] * len(people),
        (canvas.shape[1], canvas.shape[0]),
        faces=faces,
        centred=True,
    )
    for label in labels:
        draw_label(canvas, label.left, label.top, label.text, text_px)


def _head_box(view: View, person: Body) -> FloatArray:
    """(4,) px, the box around the visible points of a head; empty without any."""
    visible = person.visible[_HEAD]
    if not visible.any():
        return np.zeros(4)
    xy, _, _ = view.project(person.points[_HEAD][visible])
    return np.concatenate([xy.min(axis=0), xy.max(axis=0)])


def _distance_text(result: PoseResult, person: Body) -> str:
    if result.root_depth_m is None or not np.isfinite(result.root_depth_m[person.number]):
        return ""
    return f"  {result.root_depth_m[person.number]:.1f} m"
