"""The detector's input image: resized with its aspect kept, grey at the bottom and right.

The sizes and the resize are those of mmdet's RTMDet configurations (mmcv's `rescale_size`), so
the two axes may scale by slightly different factors.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from rtmpose3d.errors import InputError

LETTERBOX_GREY = 114  # mmdet, pad_val of the RTMDet configurations


def letterbox_size(
    image_size_wh: tuple[int, int], input_size_wh: tuple[int, int]
) -> tuple[int, int]:
    """Width and height of the resized image within the input, px; at least 1."""
    width, height = image_size_wh
    factor = min(input_size_wh[0] / width, input_size_wh[1] / height)
    new_w, new_h = int(width * factor + 0.5), int(height * factor + 0.5)  # mmcv's rounding
    return min(max(1, new_w), input_size_wh[0]), min(max(1, new_h), input_size_wh[1])


def letterbox(
    image: NDArray[np.uint8], input_size_wh: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Fit an image into the detector's input.

    Args:
        image: (H, W, 3) uint8, BGR; not changed.
        input_size_wh: width and height of the detector's input, px.

    Returns:
        pixels (h, w, 3) uint8, and scale_wh (2,) float64: input pixels per image pixel over x
        and over y.

    Raises:
        InputError: it is no such image.
    """
    pixels = np.empty((input_size_wh[1], input_size_wh[0], 3), np.uint8)
    return pixels, letterbox_into(image, pixels)


def letterbox_into(image: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Fit an image into a buffer, such as one image of the detector's batch.

    Args:
        image: (H, W, 3) uint8, BGR; not changed.
        pixels: (h, w, 3) uint8 of the size of the detector's input, overwritten.

    Returns:
        scale_wh (2,) float64, input pixels per image pixel over x and over y.

    Raises:
        InputError: it is no such image.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise InputError(
            f"image must be a non-empty (H, W, 3) uint8 array, got {image.shape} {image.dtype}"
        )
    image_h, image_w = image.shape[:2]
    new_w, new_h = letterbox_size((image_w, image_h), (pixels.shape[1], pixels.shape[0]))
    pixels[new_h:] = LETTERBOX_GREY
    pixels[:new_h, new_w:] = LETTERBOX_GREY
    region = pixels[:new_h, :new_w]
    if (new_w, new_h) == (image_w, image_h):
        region[...] = image
    else:
        resized = cv2.resize(image, (new_w, new_h), dst=region, interpolation=cv2.INTER_LINEAR)
        if not np.shares_memory(resized, pixels):
            region[...] = resized
    return np.array([new_w / image_w, new_h / image_h])


def image_boxes_from_letterbox(
    boxes_xyxy: NDArray[np.floating], scale_wh: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Boxes in input pixels to boxes in image pixels.

    Args:
        boxes_xyxy: (N, 4) pixels of the letterboxed image.
        scale_wh: (2,) as `letterbox` gives it.

    Returns:
        (N, 4) float32 pixels of the image.
    """
    return (boxes_xyxy / np.tile(scale_wh, 2)).astype(np.float32)
