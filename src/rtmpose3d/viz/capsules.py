"""Capsules, the one shape of all drawings: translucent lines of any width with round ends.

A capsule whose ends coincide is a dot. `paint_capsules` draws any number of them, in their order,
with smooth edges onto an image of any size; capsules may reach outside the image or far from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from rtmpose3d.structures.arrays import FloatArray, Image, IntArray
from rtmpose3d.viz.palette import OUTLINE, RGB

_SHIFT = 4  # OpenCV takes 1/16 pixels
_ARC = np.linspace(-np.pi / 2, np.pi / 2, 9)
_FEW_CORNERS = np.r_[0:9:2, 9:18:2]  # of the 18 of a capsule
_FEW_CORNERS_PX = 3.0  # radius below which half of the corners is within 0.25 px of the circle
_TILE_PX = 2048  # bounds the memory of a layer at 16 MiB
_TILE_MARGIN_PX = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Capsules:
    """M capsules, drawn in this order.

    Attributes:
        a_xy: (M, 2) float64, one end, px; pixel centres are at whole numbers.
        b_xy: (M, 2) float64, the other end, px.
        radius_a: (M,) float64, px.
        radius_b: (M,) float64, px.
        rgb: (M, 3) float64, 0 to 255.
        opacity: (M,) float64, 0 to 1.
    """

    a_xy: FloatArray
    b_xy: FloatArray
    radius_a: FloatArray
    radius_b: FloatArray
    rgb: FloatArray
    opacity: FloatArray

    def __len__(self) -> int:
        return len(self.a_xy)

    def select(self, index: IntArray | np.ndarray) -> Capsules:
        """The selected capsules, in the order of the index."""
        return Capsules(
            a_xy=self.a_xy[index],
            b_xy=self.b_xy[index],
            radius_a=self.radius_a[index],
            radius_b=self.radius_b[index],
            rgb=self.rgb[index],
            opacity=self.opacity[index],
        )


def capsules(
    a_xy: FloatArray,
    b_xy: FloatArray,
    radius: FloatArray | float,
    rgb: FloatArray | np.ndarray | RGB,
    opacity: FloatArray | float = 1.0,
    radius_b: FloatArray | float | None = None,
) -> Capsules:
    """Capsules from arrays and single values, which are broadcast to the same length M.

    Args:
        a_xy: (M, 2) px, one end.
        b_xy: (M, 2) px, the other end.
        radius: px, one or (M,).
        rgb: 0 to 255, one or (M, 3).
        opacity: 0 to 1, one or (M,).
        radius_b: px, radius at the other end; None for the same.
    """
    a = np.asarray(a_xy, float).reshape(-1, 2)
    m = len(a)
    return Capsules(
        a_xy=a,
        b_xy=np.asarray(b_xy, float).reshape(-1, 2),
        radius_a=np.broadcast_to(np.asarray(radius, float), (m,)),
        radius_b=np.broadcast_to(np.asarray(radius if radius_b is None else radius_b, float), (m,)),
        rgb=np.broadcast_to(np.asarray(rgb, float), (m, 3)),
        opacity=np.broadcast_to(np.asarray(opacity, float), (m,)),
    )


def concatenate(groups: Sequence[Capsules]) -> Capsules:
    """All capsules of the groups, one group after the other."""
    names = ("a_xy", "b_xy", "radius_a", "radius_b", "rgb", "opacity")
    return Capsules(**{name: np.concatenate([getattr(g, name) for g in groups]) for name in names})


def outlined(shapes: Capsules, width: FloatArray | float, opacity: float = 0.75) -> Capsules:
    """The same capsules over a dark rim, which keeps them visible on bright and busy images.

    Args:
        shapes: the capsules.
        width: of the rim, px, one or (M,).
        opacity: of the rim, times that of each capsule.
    """
    rim = replace(
        shapes,
        radius_a=shapes.radius_a + width,
        radius_b=shapes.radius_b + width,
        rgb=np.broadcast_to(np.asarray(OUTLINE, float), shapes.rgb.shape),
        opacity=shapes.opacity * opacity,
    )
    return concatenate([rim, shapes])


def paint_capsules(image: Image, shapes: Capsules, *, supersample: int = 2) -> None:
    """Draw capsules onto an image, in place.

    Where capsules overlap, the later one covers the earlier one, also if it is translucent: lines
    of one skeleton do not darken each other.

    Args:
        image: (H, W, 3) uint8 BGR, changed.
        shapes: the capsules; those with a non-finite position or size are skipped.
        supersample: the image is drawn this many times larger and scaled down.
    """
    height, width = image.shape[:2]
    shapes = _clip(shapes, width, height)
    if not len(shapes):
        return
    polygons = _outlines(shapes)
    radius = np.maximum(shapes.radius_a, shapes.radius_b)
    reach = radius[:, None] + 2
    low = np.minimum(shapes.a_xy, shapes.b_xy) - reach
    high = np.maximum(shapes.a_xy, shapes.b_xy) + reach
    is_small = (radius * supersample < _FEW_CORNERS_PX).tolist()
    colours = np.rint(
        np.column_stack([shapes.rgb[:, ::-1], np.full(len(shapes), 255.0)])
        * shapes.opacity[:, None]
    ).tolist()
    region = (
        *np.maximum(np.floor(low.min(axis=0)), 0).astype(int),
        *np.minimum(np.ceil(high.max(axis=0)) + 1, [width, height]).astype(int),
    )
    for x1, y1, x2, y2 in _tiles(region, _TILE_PX // supersample):
        inside = (low < [x2, y2]).all(axis=1) & (high >= [x1, y1]).all(axis=1)
        if not inside.any():
            continue
        # OpenCV smooths no edges at the very border, so a tile is drawn with a margin.
        size = np.array([y2 - y1, x2 - x1]) + 2 * _TILE_MARGIN_PX
        layer = np.zeros((*(size * supersample), 4), np.uint8)
        corner = np.array([x1, y1]) - _TILE_MARGIN_PX
        corners = (polygons[inside] - corner + 0.5) * supersample - 0.5
        every, few = _fixed_point(corners), _fixed_point(corners[:, _FEW_CORNERS])
        for number, i in enumerate(np.flatnonzero(inside).tolist()):
            points = few[number] if is_small[i] else every[number]
            cv2.fillConvexPoly(layer, points, colours[i], cv2.LINE_AA, _SHIFT)
        margin = _TILE_MARGIN_PX * supersample
        _blend(image[y1:y2, x1:x2], layer[margin:-margin, margin:-margin])


def _fixed_point(points: FloatArray) -> IntArray:
    """Coordinates in OpenCV's fixed-point numbers."""
    return np.rint(points * (1 << _SHIFT)).astype(np.int32, order="C")


def _blend(view: Image, layer: Image) -> None:
    """Blend a layer (BGRA, premultiplied, maybe supersampled) over a part of an image."""
    height, width = view.shape[:2]
    if layer.shape[:2] != (height, width):
        smaller = cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA)
        layer = np.asarray(smaller, np.uint8)
    keep = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(layer, 3)), cv2.COLOR_GRAY2BGR)
    colour = cv2.cvtColor(layer, cv2.COLOR_BGRA2BGR)  # slices of channels take four times as long
    view[:] = cv2.add(cv2.multiply(view, keep, scale=1 / 255), colour)


def _tiles(region: Sequence[int], size: int) -> Iterator[tuple[int, int, int, int]]:
    left, top, right, bottom = region
    for y in range(top, bottom, size):
        for x in range(left, right, size):
            yield x, y, min(x + size, right), min(y + size, bottom)


def _outlines(shapes: Capsules) -> FloatArray:
    """(M, 18, 2) corners of each capsule, px: an arc about each end."""
    along = shapes.b_xy - shapes.a_xy
    length = np.linalg.norm(along, axis=1)
    angle = np.where(length > 0, np.arctan2(along[:, 1], along[:, 0]), 0.0)
    # The common tangents of two circles lean towards the smaller one.
    lean = np.arcsin(np.clip((shapes.radius_a - shapes.radius_b) / np.maximum(length, 1e-9), -1, 1))
    span = 1 - 2 * lean / np.pi
    at_b = angle[:, None] + _ARC * span[:, None]
    at_a = angle[:, None] + np.pi + _ARC * (2 - span)[:, None]

    def arc(centre: FloatArray, radius: FloatArray, angle: FloatArray) -> FloatArray:
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        return centre[:, None] + radius[:, None, None] * circle

    ends = [arc(shapes.b_xy, shapes.radius_b, at_b), arc(shapes.a_xy, shapes.radius_a, at_a)]
    return np.concatenate(ends, axis=1)


def _clip(shapes: Capsules, width: int, height: int) -> Capsules:
    """The capsules that may touch the image, clipped to its neighbourhood (Liang and Barsky)."""
    numbers = [shapes.a_xy, shapes.b_xy, shapes.radius_a[:, None], shapes.radius_b[:, None]]
    usable = np.isfinite(np.concatenate(numbers, axis=1)).all(axis=1) & (shapes.opacity > 0)
    shapes = shapes.select(np.flatnonzero(usable))
    reach = np.maximum(shapes.radius_a, shapes.radius_b)[:, None] + 4
    low, high = -reach, np.array([width, height]) + reach
    step = shapes.b_xy - shapes.a_xy
    with np.errstate(divide="ignore", invalid="ignore"):
        enter = (np.where(step >= 0, low, high) - shapes.a_xy) / step
        leave = (np.where(step >= 0, high, low) - shapes.a_xy) / step
    still = step == 0
    outside = (still & ((shapes.a_xy < low) | (shapes.a_xy > high))).any(axis=1)
    first = np.clip(np.where(still, 0, enter).max(axis=1), 0, None)
    last = np.clip(np.where(still, 1, leave).min(axis=1), None, 1)
    cut = replace(
        shapes,
        a_xy=shapes.a_xy + first[:, None] * step,
        b_xy=shapes.a_xy + last[:, None] * step,
    )
    return cut.select(np.flatnonzero(~outside & (first <= last)))
