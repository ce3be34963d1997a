"""OpenCV 4's `warpAffine` (INTER_LINEAR, black border), pixel by pixel in integers.

After WarpAffineInvoker, hal::warpAffineBlockline and remapBilinear of OpenCV 4.11
(modules/imgproc/src/imgwarp.cpp).
"""

from __future__ import annotations

import numpy as np


def warp_affine(image: np.ndarray, matrix: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """The warped image.

    Args:
        image: (H, W, 3) uint8.
        matrix: (2, 3) float64, crop from image.
        size_wh: of the result.
    """
    (m0, m1, m2), (m3, m4, m5) = matrix.tolist()
    d = 1.0 / (m0 * m4 - m1 * m3)
    m0, m1, m3, m4 = m4 * d, m1 * -d, m3 * -d, m0 * d
    m2, m5 = -m0 * m2 - m1 * m5, -m3 * m2 - m4 * m5
    width, height = size_wh
    warped = np.zeros((height, width, 3), np.uint8)
    for y in range(height):
        x0, y0 = round((m1 * y + m2) * 1024) + 16, round((m4 * y + m5) * 1024) + 16
        for x in range(width):
            in_x, in_y = (x0 + round(m0 * x * 1024)) >> 5, (y0 + round(m3 * x * 1024)) >> 5
            warped[y, x] = _bilinear(image, in_x, in_y)
    return warped


def _bilinear(image: np.ndarray, x_steps: int, y_steps: int) -> np.ndarray:
    """The image at a location in 1/32 px."""
    (x, right), (y, below) = divmod(x_steps, 32), divmod(y_steps, 32)
    total = np.zeros(3, np.int64)
    for dy, of_row in ((0, 32 - below), (1, below)):
        for dx, of_column in ((0, 32 - right), (1, right)):
            if 0 <= y + dy < image.shape[0] and 0 <= x + dx < image.shape[1]:
                total += of_row * of_column * 32 * image[y + dy, x + dx].astype(np.int64)
    return (total + (1 << 14)) >> 15
