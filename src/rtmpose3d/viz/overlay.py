"""Boxes and skeletons drawn over the image: `draw_2d`.

Line widths follow the size of each person and of each hand and face, so that distant people are no
blobs and close hands have fine lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures.arrays import BoolArray, FloatArray, Image, IntArray
from rtmpose3d.structures.result import PoseResult
from rtmpose3d.viz.capsules import Capsules, capsules, outlined, paint_capsules
from rtmpose3d.viz.frames import paint_frame
from rtmpose3d.viz.labels import Label, person_name, person_rgb, position_labels
from rtmpose3d.viz.palette import OUTLINE, RGB, mix
from rtmpose3d.viz.skeleton_lines import GROUPS, LINKS, Group, add_neck, drawable, opacity
from rtmpose3d.viz.text import draw_label, label_size_wh

_LIMB = 0.0095  # radius of a limb, times the person's size
_RADIUS: dict[Group, tuple[float, float]] = {
    # radius of the lines and of the dots, times that of a limb
    "trunk": (1.0, 1.35),
    "legs": (1.0, 1.35),
    "feet": (0.75, 0.95),
    "arms": (1.0, 1.35),
    "head": (0.6, 0.95),
}
_FINE_RADIUS: dict[Group, tuple[float, float]] = {
    # radius of the lines and of the dots, times the extent of the hand or face
    "face": (0.0055, 0.011),
    "left_hand": (0.019, 0.027),
    "right_hand": (0.019, 0.027),
}
_MAX_FINE = 0.8  # times the radius of a limb
_DOTS_FROM_PX = {"face": 60.0, "left_hand": 22.0, "right_hand": 22.0}  # smaller ones get no dots
_MIN_RADIUS_PX = 0.5  # radius; thinner lines are paler instead
_RIM = 0.42  # width of the dark rim, times the radius
_BOX_OPACITY = 0.85
_DOT_LIGHTER = 0.3  # share of white in the dots
_FACE = WHOLEBODY.parts["face"]
_WHITE: RGB = (255, 255, 255)
_HEAD = np.r_[0:5, _FACE]  # nose, eyes, ears and face
_FOREHEAD = 0.4  # height above the keypoints, times the extent of the head
_LABEL_SHARE = 0.015  # size of the smallest labels, times the mean side of the image
_MIN_LABEL_PX, _MAX_LABEL_PX = 9.0, 40.0


def draw_2d(
    image: Image,
    result: PoseResult,
    *,
    confidence_thr: float = 0.3,
    boxes: bool = True,
    labels: bool = True,
) -> Image:
    """A copy of the image with boxes and skeletons.

    Args:
        image: (H, W, 3) uint8 BGR that the result's pixels refer to; not changed.
        result: poses of N people; 2D is enough.
        confidence_thr: keypoints below it are not drawn.
        boxes: whether to draw each person's box.
        labels: whether to write each person's number (as in `result[number]`), or the id of the
            track, and the box score.

    Returns:
        (H, W, 3) uint8 BGR, a new array.

    Raises:
        InputError: no such image, or one of another size than the poses are in.
    """
    canvas = check_image_size(image, result).copy()
    order = _far_to_near(result)
    if boxes:
        for i in order:
            _draw_box(canvas, result.bboxes[i], person_rgb(result, i))
    for i in order:
        size = person_size_px(result, i, confidence_thr)
        shapes = skeleton_capsules(
            result.keypoints_2d[i], result.confidence[i], size, canvas, confidence_thr
        )
        paint_capsules(canvas, shapes, supersample=4 if size < 200 else 2 if size < 1200 else 1)
    if labels:
        people = [int(i) for i in order[::-1]]  # the nearest get the better positions
        for label in person_labels(result, people, canvas, confidence_thr):
            rgb = person_rgb(result, label.index)
            tracked = result.track_ids is not None
            text_rgb, tag_rgb = (OUTLINE, rgb) if tracked else (_WHITE, OUTLINE)
            position = label.left, label.top
            draw_label(canvas, *position, label.text, label.text_px, rgb=text_rgb, back_rgb=tag_rgb)
    return canvas


def check_image_size(image: Image, result: PoseResult) -> Image:
    """Check that the poses of a result are in an image of this size.

    Raises:
        InputError: it is not (H, W, 3) uint8, or of another size than the poses are in.
    """
    if not isinstance(image, np.ndarray):
        raise InputError(
            f"image must be an array (H, W, 3) uint8 BGR, got {type(image).__name__}; "
            'from a Pillow image: numpy.asarray(image.convert("RGB"))[..., ::-1]'
        )
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise InputError(
            f"image must be (H, W, 3) uint8 BGR, got shape {image.shape} of {image.dtype}"
        )
    size_wh = image.shape[1], image.shape[0]
    if result.image_size_wh not in (size_wh, (0, 0)):
        raise InputError(
            f"the poses are in an image of {result.image_size_wh} (width, height) pixels, "
            f"but the image to draw on has {size_wh}; resize it first"
        )
    return image


def person_size_px(result: PoseResult, i: int, confidence_thr: float) -> float:
    """Size of person i on the image: the square root of the box's area, px.

    It is that of the box around the keypoints where the detected box is unusable or smaller.
    """
    keypoints, confidence = result.keypoints_2d[i], result.confidence[i]
    visible = drawable(keypoints, confidence, confidence_thr)
    spans = [np.ptp(keypoints[visible], axis=0)] if visible.any() else []
    box = result.bboxes[i]
    if np.isfinite(box).all():
        spans.append(np.maximum(box[2:] - box[:2], 0))
    # A thin box (a person seen from the side) counts as at least a quarter as wide as long.
    areas = [max(span) * max(min(span), max(span) / 4) for span in spans]
    return float(np.sqrt(max(areas, default=0.0)))


def skeleton_capsules(
    keypoints: FloatArray,
    confidence: FloatArray,
    size_px: float,
    image: Image,
    confidence_thr: float,
) -> Capsules:
    """Shapes of the skeleton of one person, in the order of drawing.

    Args:
        keypoints: (133, 2) px.
        confidence: (133,).
        size_px: size of the person, which the widths follow.
        image: (H, W, 3), whose size limits the widths.
        confidence_thr: keypoints below it are not drawn.
    """
    points, confidences = add_neck(keypoints, confidence)
    visible = drawable(points, confidences, confidence_thr)
    longest = max(image.shape[:2])
    limb = float(np.clip(_LIMB * size_px, 0.0004 * longest, 0.012 * longest))
    widths = np.array([_widths(group, points, visible, limb) for group in GROUPS])
    line_radius, dot_radius, rim = widths[_SHAPES.group].T
    a, b = _SHAPES.ends.T
    radius = np.maximum(np.where(_SHAPES.is_dot, dot_radius, line_radius), _MIN_RADIUS_PX)
    pale = np.where(_SHAPES.is_dot, dot_radius > 0, _paleness(line_radius))
    opacities = opacity(np.minimum(confidences[a], confidences[b]), confidence_thr) * pale
    shapes = capsules(points[a], points[b], radius, _SHAPES.rgb, opacities)
    both = outlined(shapes, rim)  # all rims, then all shapes
    drawn = np.tile(visible[a] & visible[b], 2)[_SHAPES.order]
    return both.select(_SHAPES.order[drawn])


def _widths(
    group: Group, points: FloatArray, visible: BoolArray, limb: float
) -> tuple[float, float, float]:
    """Radius of a group's lines, of its dots (0 for none), and width of their rims, px."""
    spots = LINKS.spots[group]
    line_radius, dot_radius = _radii(group, points[spots[visible[spots]]], limb)
    if group == "head" and visible[_FACE].mean() > 0.5:  # keep the finer lines of the face visible
        line_radius, dot_radius = 0.5 * line_radius, 0.6 * dot_radius
    return line_radius, dot_radius, min(max(_RIM * line_radius, 0.35), 0.3 * limb + 0.5)


def _radii(group: Group, points: FloatArray, limb: float) -> tuple[float, float]:
    """Radius of a group's lines and of its dots, px; 0 for no dots."""
    if group in _RADIUS:
        line, dot = _RADIUS[group]
        return line * limb, dot * limb
    extent = float(np.ptp(points, axis=0).max()) if len(points) else 0.0
    line, dot = _FINE_RADIUS[group]
    line_radius = min(line * extent, _MAX_FINE * limb)
    dots = extent >= _DOTS_FROM_PX[group]
    return line_radius, min(dot * extent, 1.3 * _MAX_FINE * limb) if dots else 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class _Shapes:
    """The S lines and dots of a skeleton: group by group, the lines before the dots.

    Attributes:
        ends: (S, 2) indices of points; of a dot the same twice.
        group: (S,) indices into `GROUPS`.
        is_dot: (S,) bool.
        rgb: (S, 3).
        order: (2 S,) order of drawing of the rims, 0 to S - 1, and the shapes above them, S to
            2 S - 1: the rims of a group before its shapes.
    """

    ends: IntArray
    group: IntArray
    is_dot: BoolArray
    rgb: FloatArray
    order: IntArray


def _shapes() -> _Shapes:
    ends, rgb, is_dot, numbers = [], [], [], []
    for number, group in enumerate(GROUPS):
        lines, spots = np.flatnonzero(LINKS.group == group), LINKS.spots[group]
        ends += [LINKS.ends[lines], np.column_stack([spots, spots])]
        rgb += [LINKS.rgb[lines], mix(LINKS.point_rgb[spots], _WHITE, _DOT_LIGHTER)]
        is_dot += [np.zeros(len(lines), bool), np.ones(len(spots), bool)]
        numbers.append(np.full(len(lines) + len(spots), number))
    group = np.concatenate(numbers)
    rank = np.concatenate([2 * group, 2 * group + 1])
    return _Shapes(
        ends=np.concatenate(ends),
        group=group,
        is_dot=np.concatenate(is_dot),
        rgb=np.concatenate(rgb).astype(float),
        order=np.argsort(rank, kind="stable"),
    )


_SHAPES = _shapes()


def _paleness(radius: FloatArray) -> FloatArray:
    return np.clip(radius / _MIN_RADIUS_PX, 0.3, 1.0)


def _far_to_near(result: PoseResult) -> IntArray:
    """(N,) order of drawing: by distance where it is known, else small boxes first."""
    if result.root_depth_m is not None:
        return np.argsort(-np.nan_to_num(result.root_depth_m), kind="stable")
    boxes = np.nan_to_num(result.bboxes.astype(float))
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    return np.argsort(width * height, kind="stable")


def _draw_box(canvas: Image, box: FloatArray, rgb: RGB) -> None:
    """Draw a box with a dark rim, in place, blending no pixel but those of its lines."""
    if not np.isfinite(box).all():
        return
    x1, y1, x2, y2 = box.astype(float).tolist()
    size = float(np.sqrt(max(x2 - x1, 0) * max(y2 - y1, 0)))
    longest = max(canvas.shape[:2])
    radius = max(float(np.clip(0.0022 * size, 0.0003 * longest, 0.002 * longest)), 0.5)
    rim = radius + max(0.5 * radius, 0.5)
    for half, colour, alpha in ((rim, OUTLINE, 0.5 * _BOX_OPACITY), (radius, rgb, _BOX_OPACITY)):
        paint_frame(canvas, (x1, y1, x2, y2), half, colour, alpha)


def person_labels(
    result: PoseResult, people: Sequence[int], image: Image, confidence_thr: float
) -> list[Label]:
    """Number and score of each person next to the box, or the number where there is no room.

    Args:
        result: the poses.
        people: indices of the people, those with the better positions first.
        image: (H, W, 3) that they are drawn on.
        confidence_thr: faces of keypoints from it on are kept free.
    """
    height, width = image.shape[:2]
    corner = np.array([width, height, width, height], float)
    smallest = float(np.clip(_LABEL_SHARE * (width + height) / 2, _MIN_LABEL_PX, _MAX_LABEL_PX))
    boxes = np.clip(np.asarray(result.bboxes, float)[list(people)].reshape(-1, 4), 0, corner)
    texts: list[list[str]] = []
    sizes: list[float] = []
    for i, box in zip(people, boxes, strict=True):
        name, score = person_name(result, i), float(result.bbox_scores[i])
        size = float(np.clip(0.06 * person_size_px(result, i, 2.0), smallest, 1.6 * smallest))
        if label_size_wh(name, size)[0] > 1.3 * (box[2] - box[0]):  # of people far away
            size = _MIN_LABEL_PX
        scored = f"{name}  {score:.2f}"
        given = score == 1  # a box of the caller, not of the detector
        narrow = label_size_wh(scored, size)[0] > max(1.3 * (box[2] - box[0]), 1)
        texts.append([name] if given or narrow else [scored, name])
        sizes.append(size)
    faces = [_face_box(result, i, confidence_thr) for i in range(len(result))]
    free = np.array([box for box in faces if box is not None]).reshape(-1, 4)
    labels = position_labels(boxes, texts, sizes, (width, height), faces=free)
    return [replace(label, index=people[label.index]) for label in labels]


def _face_box(result: PoseResult, i: int, confidence_thr: float) -> FloatArray | None:
    """(4,) px, the box around a person's drawn head, the forehead included; None without any."""
    keypoints, confidence = result.keypoints_2d[i][_HEAD], result.confidence[i][_HEAD]
    visible = drawable(keypoints, confidence, confidence_thr)
    if not visible.any():
        return None
    low, high = keypoints[visible].min(axis=0), keypoints[visible].max(axis=0)
    forehead = _FOREHEAD * float((high - low).max())  # keypoints end at the eyebrows
    return np.concatenate([low - [0, forehead], high])
