"""Affine warp of an image into a crop, equal to OpenCV 4's `warpAffine` to the bit.

OpenCV 5 computes `warpAffine` otherwise: up to 6 grey levels differ. OpenCV 4 makes tables of
fixed-point coordinates and passes them to `remap`, which is the same in both versions. The same
tables are made here (WarpAffineInvoker in OpenCV's modules/imgproc/src/imgwarp.cpp).
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

_UNITS_PER_PX = 1024  # AB_BITS: the summands of a coordinate are rounded to 1/1024 px,
_STEPS_PER_PX = 32  # INTER_BITS: and the coordinate to 1/32 px
_EXACT_PX = 8192  # float32 holds smaller coordinates to half a unit
_BLOCK_ROWS = 128  # rows of a table that stay in the processor's cache
_MAX_SOURCE_PX = 32_766  # cv2.remap and cv2.warpAffine want every side below SHRT_MAX
_REDUCED_SOURCE_PX = 4_096
_MARGIN_PX = 2  # neighbours that bilinear sampling reads, and rounding

_IS_OPENCV_4 = int(cv2.__version__.split(".")[0]) <= 4


def warp_into(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], crop: NDArray[np.uint8]
) -> None:
    """Warp a part of an image into a crop, bilinearly; black outside the image.

    Args:
        image: (H, W, 3), not empty.
        matrix: (2, 3) crop from image, invertible.
        crop: (h, w, 3), contiguous, overwritten.
    """
    if _IS_OPENCV_4 and max(image.shape[:2]) <= _MAX_SOURCE_PX:
        size_wh = crop.shape[1], crop.shape[0]
        warped = cv2.warpAffine(image, matrix, size_wh, dst=crop, flags=cv2.INTER_LINEAR)
        if not np.shares_memory(warped, crop):
            crop[...] = warped
    else:
        warp_by_tables(image, matrix, crop)


def warp_by_tables(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], crop: NDArray[np.uint8]
) -> None:
    """`warp_into` in any version of OpenCV, and from an image of any size."""
    height, width = crop.shape[:2]
    inverse = _inverse(matrix)
    source = _source(image, inverse, (width, height))
    if source.pixels.size == 0:
        crop[...] = 0
        return
    of_columns, of_rows = _summands(inverse, source, (width, height))
    buffers = _buffers(width)
    buffers.columns[:, 1] = of_columns
    for start in range(0, height, _BLOCK_ROWS):
        part = crop[start : start + _BLOCK_ROWS]
        rows = of_rows[:, start : start + len(part)]
        x, y = coordinates = buffers.coordinates[:, : len(part)]
        if source.reach_px < _EXACT_PX:  # a matrix product: half the time of a sum
            buffers.rows[:, : len(part), 0] = rows
            np.matmul(buffers.rows[:, : len(part)], buffers.columns, out=coordinates)
        else:
            exact = of_columns[:, None] + rows[:, :, None]
            coordinates[...] = np.rint(exact * _STEPS_PER_PX) / _STEPS_PER_PX
        tables = buffers.whole[: len(part)], buffers.fractions[: len(part)]
        cv2.convertMaps(x, y, cv2.CV_16SC2, *tables)
        warped = cv2.remap(source.pixels, *tables, cv2.INTER_LINEAR, dst=part)
        if not np.shares_memory(warped, part):
            part[...] = warped


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of an affine map (2, 3), in the operations of OpenCV's `warpAffine`."""
    (m0, m1, m2), (m3, m4, m5) = matrix.tolist()
    factor = 1.0 / (m0 * m4 - m1 * m3)
    a, b, c, d = m4 * factor, m1 * -factor, m3 * -factor, m0 * factor
    return np.array([[a, b, -a * m2 - b * m5], [c, d, -c * m2 - d * m5]])


def _summands(
    inverse: NDArray[np.float64], source: _Source, size_wh: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Summands of the coordinates x and y in the source, one for each column and row of the crop.

    Returns:
        (2, w) and (2, h), pixels of `source.pixels`.
    """
    scaled = inverse * _UNITS_PER_PX
    of_columns = np.rint(scaled[:, :1] * _indices(size_wh[0]))  # half to even, as cvRound
    of_rows = np.rint(scaled[:, 1:2] * _indices(size_wh[1]) + scaled[:, 2:])
    # Steps are rounded half up: half a unit more, and no sum is in the middle of two.
    of_rows += 0.5 - _UNITS_PER_PX * source.origin
    px_per_unit = 1 / (_UNITS_PER_PX * source.step)
    of_columns *= px_per_unit
    of_rows *= px_per_unit
    return of_columns, of_rows


@cache
def _indices(count: int) -> NDArray[np.float64]:
    return np.arange(count, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class _Source:
    """The part of an image that a crop shows.

    Attributes:
        pixels: (H, W, 3), a view of the image; empty if the crop shows none of it.
        origin: (2, 1) x and y of its first pixel in the image, px.
        step: distance of its pixels in the image, px.
        reach_px: bound of each summand of coordinates in `pixels`, and of their sum.
    """

    pixels: NDArray[np.uint8]
    origin: NDArray[np.float64]
    step: int
    reach_px: float


def _source(
    image: NDArray[np.uint8], inverse: NDArray[np.float64], size_wh: tuple[int, int]
) -> _Source:
    width, height = size_wh
    slices, origin, reach_px = [], [], 0.0
    for side, (per_column, per_row, start) in zip(
        (image.shape[1], image.shape[0]), inverse.tolist(), strict=True
    ):
        across, down = per_column * width, per_row * height
        first = math.floor(start + min(across, 0.0) + min(down, 0.0)) - _MARGIN_PX
        last = math.ceil(start + max(across, 0.0) + max(down, 0.0)) + _MARGIN_PX
        first, last = max(0, first), max(0, min(side, last + 1))
        slices.append(slice(first, last))
        origin.append([float(first)])
        reach_px = max(reach_px, abs(across) + abs(down) + abs(start - first) + _MARGIN_PX)
    pixels, step = image[slices[1], slices[0]], 1
    if max(pixels.shape[:2]) > _MAX_SOURCE_PX:  # far more pixels than the crop has: subsample
        step = math.ceil(max(pixels.shape[:2]) / _REDUCED_SOURCE_PX)
        pixels = np.ascontiguousarray(pixels[::step, ::step])
    return _Source(pixels=pixels, origin=np.array(origin), step=step, reach_px=reach_px)


class _Buffers:
    """Arrays of a thread that every crop of one width uses again: allocating them takes longer."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.columns = np.ones((2, 2, width), np.float32)
        self.rows = np.ones((2, _BLOCK_ROWS, 2), np.float32)
        self.coordinates = np.empty((2, _BLOCK_ROWS, width), np.float32)
        self.whole = np.empty((_BLOCK_ROWS, width, 2), np.int16)
        self.fractions = np.empty((_BLOCK_ROWS, width), np.uint16)


_of_thread = threading.local()


def _buffers(width: int) -> _Buffers:
    buffers: _Buffers | None = getattr(_of_thread, "buffers", None)
    if buffers is None or buffers.width != width:
        buffers = _of_thread.buffers = _Buffers(width)
    return buffers
