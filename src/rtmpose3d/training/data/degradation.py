"""Loss of image quality as an augmentation: resolution, motion blur, noise, JPEG, grey."""

from __future__ import annotations

import cv2
import numpy as np

from rtmpose3d.structures import Image
from rtmpose3d.training.recipes.augmentation import Degradation


def degrade(crop: Image, settings: Degradation, rng: np.random.Generator) -> Image:
    """Degrade a crop, each loss with its own probability: (h, w, 3) uint8 -> the same."""
    if rng.random() < settings.grey_prob:
        crop = np.asarray(
            cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8
        )
    if rng.random() < settings.low_resolution_prob:
        crop = _reduce(crop, float(rng.uniform(*settings.low_resolution)), rng)
    if rng.random() < settings.motion_blur_prob:
        length = int(rng.integers(3, settings.motion_blur_px + 1))
        crop = _blur_along(crop, length, float(rng.uniform(0, np.pi)))
    if rng.random() < settings.noise_prob:
        noise = rng.standard_normal(crop.shape, np.float32) * rng.uniform(0, settings.noise)
        crop = (crop + noise).clip(0, 255).astype(np.uint8)
    if rng.random() < settings.jpeg_prob:
        low, high = settings.jpeg_quality
        crop = _compress(crop, int(rng.integers(low, high + 1)))
    return crop


def _reduce(crop: Image, factor: float, rng: np.random.Generator) -> Image:
    """Reduce a crop and enlarge it again, by one of the usual interpolations."""
    height, width = crop.shape[:2]
    size = max(round(width * factor), 2), max(round(height * factor), 2)
    methods = cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST
    back = methods[int(rng.choice(len(methods), p=(0.6, 0.3, 0.1)))]
    small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=back), np.uint8)


def _blur_along(crop: Image, length: int, angle: float) -> Image:
    """Mean over a line of `length` pixels."""
    kernel = np.zeros((length, length), np.float32)
    middle = (length - 1) / 2
    dx, dy = middle * np.cos(angle), middle * np.sin(angle)
    start = round(middle - dx), round(middle - dy)
    end = round(middle + dx), round(middle + dy)
    cv2.line(kernel, start, end, (1.0,))
    return np.asarray(cv2.filter2D(crop, -1, kernel / kernel.sum()), np.uint8)


def _compress(crop: Image, quality: int) -> Image:
    encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
