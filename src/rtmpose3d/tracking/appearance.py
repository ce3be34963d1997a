"""Appearance of people: mean colours of clothes and skin along the bones, without a network.

Colours distinguish people where boxes and poses cannot: after one person was hidden by another.
They are sampled between the keypoints that tracking has anyway: 0.1 ms per person.
"""

from __future__ import annotations

import numpy as np

from rtmpose3d.structures import BoolArray, FloatArray, Image

# Regions: points on lines between keypoints (COCO), as share of the way from the first to the
# second. Both sides of the body are one region, since left and right may be exchanged.
_TRUNK_LINES = ((5, 11), (5, 12), (6, 11), (6, 12))
_LINES: tuple[tuple[tuple[tuple[int, int], ...], tuple[float, ...]], ...] = (
    (_TRUNK_LINES, (0.15, 0.3)),
    (_TRUNK_LINES, (0.5, 0.7)),
    (((5, 7), (6, 8)), (0.3, 0.5, 0.7)),
    (((7, 9), (8, 10)), (0.3, 0.5, 0.7)),
    (((11, 13), (12, 14)), (0.25, 0.45, 0.65)),
    (((13, 15), (14, 16)), (0.3, 0.5, 0.7)),
)
NUM_REGIONS = len(_LINES)
_POINTS = [
    (*line, share, region)
    for region, (lines, shares) in enumerate(_LINES)
    for line in lines
    for share in shares
]
_FIRST = np.array([first for first, _, _, _ in _POINTS])
_SECOND = np.array([second for _, second, _, _ in _POINTS])
_SHARE = np.array([share for _, _, share, _ in _POINTS])
_REGION_OF_POINT = np.array([region for *_, region in _POINTS])
_IN_REGION = (_REGION_OF_POINT[:, None] == np.arange(NUM_REGIONS)).astype(np.float64)
_BODY = slice(0, 17)
_PATCH = 0.008 * np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)])  # of the size
_MIN_POINTS = 3  # of a region
_MIN_SHARED = 2  # regions by which two people are compared
# Luma, blue and red difference from BGR (Rec. 601). Shade changes luma more than colour.
_COLOUR_FROM_BGR = np.array(
    [[0.114, 0.587, 0.299], [0.5, -0.331, -0.169], [-0.081, -0.419, 0.5]]
).T * (0.5, 2.0, 2.0)
_STD = 0.08  # of the mean distance of the regions of one person within seconds


def body_colours(image: Image, keypoints_2d: FloatArray, confident: BoolArray) -> FloatArray:
    """Mean colours of the trunk, arms and legs of people.

    Args:
        image: (H, W, 3) uint8 BGR.
        keypoints_2d: (N, 133, 2) px.
        confident: (N, 133) keypoints that count.

    Returns:
        (N, 6, 3) weighted luma and colour differences; NaN for regions outside the image or
        without confident keypoints.
    """
    height, width = image.shape[:2]
    points = np.asarray(keypoints_2d[:, _BODY], np.float64)
    usable = confident[:, _BODY] & np.isfinite(points).all(axis=2)
    points = np.where(usable[..., None], points, 0.0)
    first, second = points[:, _FIRST], points[:, _SECOND]
    bones = np.linalg.norm(points[:, [5, 6]] - points[:, [11, 12]], axis=2).max(axis=1)
    at = first + _SHARE[:, None] * (second - first)
    index = np.rint(at[:, :, None] + 3.0 * bones[:, None, None, None] * _PATCH).astype(np.int64)
    inside = ((index >= 0) & (index < (width, height))).all(axis=(2, 3))
    index = np.clip(index, 0, (width - 1, height - 1))
    colours = (image[index[..., 1], index[..., 0]] / 255.0 @ _COLOUR_FROM_BGR).mean(axis=2)
    known = (usable[:, _FIRST] & usable[:, _SECOND] & inside).astype(np.float64)
    count = known @ _IN_REGION  # (N, 6)
    total = np.einsum("npc,pr->nrc", colours * known[..., None], _IN_REGION)
    mean = total / np.maximum(count, 1)[..., None]
    return np.where((count >= _MIN_POINTS)[..., None], mean, np.nan)


def unknown_colours(people: int) -> FloatArray:
    """(N, 6, 3) of people of whom no image is at hand."""
    return np.full((people, NUM_REGIONS, 3), np.nan)


def appearance_matrix(a: FloatArray, b: FloatArray) -> FloatArray:
    """Similarity of colours of each pair.

    Args:
        a: (N, 6, 3).
        b: (M, 6, 3).

    Returns:
        (N, M) in [0, 1]; NaN for pairs that share fewer than two regions.
    """
    distance = np.linalg.norm(a[:, None] - b[None], axis=3)
    shared = np.isfinite(distance)
    count = shared.sum(axis=2)
    mean = np.where(shared, distance, 0.0).sum(axis=2) / np.maximum(count, 1)
    return np.where(count >= _MIN_SHARED, np.exp(-0.5 * np.square(mean / _STD)), np.nan)
