"""From a person's box to the network's input image, and points back to the image.

Boxes are padded and widened to the input's aspect, then warped by the affine map that mmpose
builds of three points (not UDP). Inference and training use these same functions. Matrices are
(2, 3) and act on pixel coordinates where (0, 0) is the middle of the first pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.boxes import check_boxes
from rtmpose3d.geometry.warp import warp_into

PADDING = 1.25  # mmpose, GetBBoxCenterScale: every published pose model
MIN_DETERMINANT = 1e-12  # of a crop's matrix: a crop pixel shows 1,000,000 px of the image


def center_scale_from_boxes(
    boxes_xyxy: NDArray[np.floating], input_size_wh: tuple[int, int], *, padding: float = PADDING
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Centre and size of the image region of each crop.

    Args:
        boxes_xyxy: (N, 4) pixels of the image.
        input_size_wh: width and height of the crop, px; gives the aspect.
        padding: factor on the box' sides.

    Returns:
        center (N, 2) and scale (N, 2), float32: middle, and width and height, in image pixels.
    """
    boxes = np.asarray(boxes_xyxy, np.float32)
    width, height = input_size_wh
    aspect = np.float32(width / height)
    center = (boxes[:, 2:] + boxes[:, :2]) * np.float32(0.5)
    w, h = np.moveaxis((boxes[:, 2:] - boxes[:, :2]) * np.float32(padding), 1, 0)
    wide = w > h * aspect
    scale = np.stack([np.where(wide, w, h * aspect), np.where(wide, w / aspect, h)], axis=1)
    return center, scale


def crop_from_image(
    center: NDArray[np.floating],
    scale: NDArray[np.floating],
    input_size_wh: tuple[int, int],
    rotation_deg: float | NDArray[np.floating] = 0.0,
) -> NDArray[np.float64]:
    """Matrices from image pixels to crop pixels.

    Args:
        center: (N, 2) middle of the regions, image pixels.
        scale: (N, 2) their width and height, of the input's aspect (only the width is used).
        input_size_wh: width and height of the crop, px.
        rotation_deg: by which the region is rotated in the image (clockwise), one number
            or (N,).

    Returns:
        (N, 2, 3) float64, equal bit by bit to the reference's.
    """
    width, height = input_size_wh
    crop_points = np.array([[width / 2, height / 2], [0, height / 2], [0, 0]], np.float32)
    crop_points[2, 1] = (height + width) / 2  # the first rotated by 90 degrees about the second
    angles = np.broadcast_to(np.deg2rad(np.asarray(rotation_deg, np.float64)), len(center))
    matrices = np.empty((len(center), 2, 3))
    for i, angle in enumerate(angles):
        half = scale[i, 0] * -0.5
        image_points = np.empty((3, 2), np.float32)
        image_points[0] = center[i]
        image_points[1] = center[i] + half * np.array([np.cos(angle), np.sin(angle)])
        across = image_points[0] - image_points[1]
        image_points[2] = image_points[1] + np.array([-across[1], across[0]])
        matrices[i] = cv2.getAffineTransform(image_points, crop_points)
    return matrices


def image_from_crop(
    center: NDArray[np.floating],
    scale: NDArray[np.floating],
    input_size_wh: tuple[int, int],
    rotation_deg: float | NDArray[np.floating] = 0.0,
) -> NDArray[np.float64]:
    """Matrices from crop pixels to image pixels; arguments as for `crop_from_image`.

    Without rotation this is the reference's keypoint / input_size * scale + center - scale / 2.

    Returns:
        (N, 2, 3) float64.
    """
    size = np.asarray(input_size_wh, np.float64)
    step = np.asarray(scale, np.float64) / size  # image pixels per crop pixel, (N, 2)
    angles = np.broadcast_to(np.deg2rad(np.asarray(rotation_deg, np.float64)), len(center))
    cos, sin = np.cos(angles), np.sin(angles)
    matrices = np.empty((len(center), 2, 3))
    matrices[:, 0, 0], matrices[:, 0, 1] = cos * step[:, 0], -sin * step[:, 1]
    matrices[:, 1, 0], matrices[:, 1, 1] = sin * step[:, 0], cos * step[:, 1]
    matrices[:, :, 2] = np.asarray(center, np.float64) - matrices[:, :, :2] @ (size / 2)
    return matrices


def apply_affine(
    matrices: NDArray[np.floating], points: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Map points by the matrix of their person.

    Args:
        matrices: (N, 2, 3).
        points: (N, K, 2) x and y.

    Returns:
        (N, K, 2), computed in float64, of the points' type (float32 if that is an integer).
    """
    matrices = np.asarray(matrices, np.float64)
    moved = points @ matrices[:, :, :2].transpose(0, 2, 1) + matrices[:, None, :, 2]
    floating = np.issubdtype(points.dtype, np.floating)
    return moved.astype(points.dtype if floating else np.float32)


def crop_people(
    image: NDArray[np.uint8],
    boxes_xyxy: ArrayLike,
    input_size_wh: tuple[int, int],
    *,
    padding: float = PADDING,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Cut out every person.

    Args:
        image: (H, W, 3) uint8, BGR.
        boxes_xyxy: (N, 4) pixels of the image, as `check_boxes` takes them.
        input_size_wh: width and height of the crops, px.
        padding: factor on the boxes' sides.

    Returns:
        pixels (N, h, w, 3) uint8, black outside the image, and image_from_crop (N, 2, 3).

    Raises:
        InputError: an unusable image or box.
    """
    _check_image(image)
    boxes = check_boxes(boxes_xyxy)
    center, scale = center_scale_from_boxes(boxes, input_size_wh, padding=padding)
    width, height = input_size_wh
    pixels = np.empty((len(boxes), height, width, 3), np.uint8)
    image = np.ascontiguousarray(image)  # once, not in every call of OpenCV
    for matrix, crop in zip(crop_from_image(center, scale, input_size_wh), pixels, strict=True):
        warp_into(image, matrix, crop)
    return pixels, image_from_crop(center, scale, input_size_wh)


def warp_crop(
    image: NDArray[np.uint8], matrix: NDArray[np.floating], input_size_wh: tuple[int, int]
) -> NDArray[np.uint8]:
    """One crop by a given matrix, for training with rotation, flip and jitter.

    Args:
        image: (H, W, 3) uint8.
        matrix: (2, 3) crop from image.
        input_size_wh: width and height of the crop, px.

    Returns:
        (h, w, 3) uint8, black outside the image.

    Raises:
        InputError: an unusable image, or a matrix that cannot be inverted.
    """
    _check_image(image)
    matrix = np.asarray(matrix, np.float64)
    if (
        matrix.shape != (2, 3)
        or not np.isfinite(matrix).all()
        or abs(np.linalg.det(matrix[:, :2])) < MIN_DETERMINANT
    ):
        raise InputError(f"matrix must be an invertible (2, 3) affine map, got {matrix.tolist()}")
    width, height = input_size_wh
    crop = np.empty((height, width, 3), np.uint8)
    warp_into(image, matrix, crop)
    return crop


def _check_image(image: NDArray[np.uint8]) -> None:
    if (
        not isinstance(image, np.ndarray)
        or image.ndim != 3
        or image.shape[2] != 3
        or image.dtype != np.uint8
        or image.size == 0
    ):
        got = f"{image.shape} {image.dtype}" if isinstance(image, np.ndarray) else type(image)
        raise InputError(f"image must be a non-empty (H, W, 3) uint8 array, got {got}")
