"""Boxes, (..., 4) x1, y1, x2, y2 in px: checks, areas and overlaps; inverted boxes have no area."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtmpose3d.errors import InputError

MAX_COORDINATE_PX = 500_000  # OpenCV's fixed-point coordinates overflow at about 2,000,000
MIN_PERSON_SIDE_PX = 1.0  # of a box that somebody gives or annotates; smaller ones are mistakes
MIN_SIDE_PX = 0.1  # below it float32 corners of a box in a large image coincide


def box_areas(boxes_xyxy: NDArray[np.floating]) -> NDArray[np.floating]:
    """Areas of boxes, (..., 4) -> (...), px^2."""
    return np.clip(boxes_xyxy[..., 2:] - boxes_xyxy[..., :2], 0, None).prod(axis=-1)


def intersection_areas(
    a_xyxy: NDArray[np.floating], b_xyxy: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Areas that boxes have in common, px^2.

    Args:
        a_xyxy: (..., 4) corners, px.
        b_xyxy: (..., 4) corners, px; the leading axes of both are broadcast.
    """
    width = np.minimum(a_xyxy[..., 2], b_xyxy[..., 2]) - np.maximum(a_xyxy[..., 0], b_xyxy[..., 0])
    height = np.minimum(a_xyxy[..., 3], b_xyxy[..., 3]) - np.maximum(a_xyxy[..., 1], b_xyxy[..., 1])
    return np.maximum(width, 0) * np.maximum(height, 0)


def iou_matrix(a_xyxy: NDArray[np.floating], b_xyxy: NDArray[np.floating]) -> NDArray[np.floating]:
    """Intersection over union of every pair.

    Args:
        a_xyxy: (N, 4) corners, px.
        b_xyxy: (M, 4) corners, px.

    Returns:
        (N, M) in [0, 1]; 0 for pairs that have no area at all.
    """
    common = intersection_areas(a_xyxy[:, None], b_xyxy[None])
    union = box_areas(a_xyxy)[:, None] + box_areas(b_xyxy)[None] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def check_boxes(boxes_xyxy: ArrayLike) -> NDArray[np.float32]:
    """The boxes as an array, each one usable.

    Args:
        boxes_xyxy: (N, 4) x1, y1, x2, y2 in pixels of the image, of any real type; lists too. They
            may lie partly or completely outside the image. N may be 0, also as an empty list.

    Returns:
        (N, 4) float32, a new array.

    Raises:
        InputError: it is no such array, or a box is not finite, has no area, is inverted or lies
            far outside the image; the message names the box by its index.
    """
    try:
        boxes = np.asarray(boxes_xyxy)
    except (ValueError, TypeError) as error:
        raise InputError(f"boxes must be (N, 4) numbers x1, y1, x2, y2 in px; {error}") from error
    if boxes.size == 0 and boxes.ndim <= 2:
        return np.zeros((0, 4), np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        hint = "; for one box pass [[x1, y1, x2, y2]]" if boxes.shape == (4,) else ""
        raise InputError(f"boxes must be (N, 4) x1, y1, x2, y2, got shape {boxes.shape}{hint}")
    if boxes.dtype.kind not in "iuf":
        raise InputError(f"boxes must be numbers, got an array of {boxes.dtype}")
    boxes = boxes.astype(np.float64)
    _raise_for_first(~np.isfinite(boxes).all(axis=1), boxes, "must be finite")
    too_far = np.abs(boxes).max(axis=1) > MAX_COORDINATE_PX
    _raise_for_first(too_far, boxes, f"must lie within +/-{MAX_COORDINATE_PX} px")
    sides = boxes[:, 2:] - boxes[:, :2]
    _raise_for_first((sides < 0).any(axis=1), boxes, "must have x2 > x1 and y2 > y1")
    too_small = (sides < MIN_SIDE_PX).any(axis=1)
    _raise_for_first(too_small, boxes, f"must have sides of at least {MIN_SIDE_PX} px")
    return boxes.astype(np.float32)


def check_boxes_in_image(boxes_xyxy: ArrayLike, size_wh: tuple[int, int]) -> NDArray[np.float32]:
    """The boxes that somebody gives for the people of an image, each one plausible.

    Args:
        boxes_xyxy: as for `check_boxes`; a box may lie partly outside the image.
        size_wh: width and height of the image, px.

    Returns:
        (N, 4) float32, a new array.

    Raises:
        InputError: as of `check_boxes`; or a box is smaller than a pixel, completely outside the
            image, or in fractions of the image's size instead of pixels.
    """
    checked = check_boxes(boxes_xyxy)
    boxes = checked.astype(np.float64)
    if max(size_wh) > 1:  # in an image of one pixel, fractions are pixels
        check_pixels(boxes)
    width, height = size_wh
    low, high = np.array([-0.5, -0.5]), np.array([width - 0.5, height - 0.5])  # of pixel corners
    outside = ((boxes[:, 2:] <= low) | (boxes[:, :2] >= high)).any(axis=1)
    _raise_for_first(outside, boxes, f"lies outside the image of {width} x {height} px")
    return checked


def check_pixels(boxes: NDArray[np.float64]) -> None:
    """Check that (N, 4) boxes are in pixels, as far as they show it, and no smaller than one.

    Raises:
        InputError: a box is not; the message names it by its index.
    """
    fractions = (np.abs(boxes) <= 1).all(axis=1)
    rule = "must be in pixels, not in fractions of the image's width and height"
    _raise_for_first(fractions, boxes, rule)
    too_small = (boxes[:, 2:] - boxes[:, :2] < MIN_PERSON_SIDE_PX).any(axis=1)
    _raise_for_first(too_small, boxes, f"must have sides of at least {MIN_PERSON_SIDE_PX:g} px")


def _raise_for_first(
    bad: NDArray[np.bool_] | np.bool_, boxes: NDArray[np.float64], rule: str
) -> None:
    if np.any(bad):
        index = int(np.argmax(bad))
        x1, y1, x2, y2 = boxes[index].tolist()
        raise InputError(f"box {index} {rule}, got x1={x1:g}, y1={y1:g}, x2={x2:g}, y2={y2:g}")
