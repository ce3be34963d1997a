"""Augmentation of crops in numpy and OpenCV, with the settings in `recipes.augmentation`.

`crop_person` makes a sample from a record's image, through inference's own cropping; `augment_crop`
varies a crop that is already cut. All randomness comes from the generator that is passed in, so a
seed and an index determine a sample.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from rtmpose3d.geometry.crop import (
    apply_affine,
    center_scale_from_boxes,
    crop_from_image,
    warp_crop,
)
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures import FloatArray, Image
from rtmpose3d.training.data.degradation import degrade
from rtmpose3d.training.data.pose_batches import PoseSample
from rtmpose3d.training.recipes.augmentation import (
    Augmentation,
    GeometricAugmentation,
    Jitter,
    PhotometricAugmentation,
    PhotometricDistortion,
)

UPPER_BODY = tuple(range(11))  # coco_wholebody.py, upper_body_ids
MIN_KEYPOINTS_LEFT = 4  # of a person who is cut off
LOWER_BODY = tuple(range(11, 23))  # coco_wholebody.py, lower_body_ids


def crop_person(
    image: Image,
    box_xyxy: FloatArray,
    keypoints_px: FloatArray,
    visible: FloatArray,
    keypoints_camera_m: FloatArray | None,
    input_size_wh: tuple[int, int],
    geometric: GeometricAugmentation | None,
    rng: np.random.Generator,
    *,
    box_scale: tuple[float, float] | None = None,
    label_weight: FloatArray | None = None,
) -> PoseSample:
    """Crop a person out of an image.

    Args:
        image: (H, W, 3) uint8 BGR.
        box_xyxy: (4,) pixels of the image.
        keypoints_px: (K, 2) pixels of the image.
        visible: (K,).
        keypoints_camera_m: (K, 3) metres, or None.
        input_size_wh: width and height of the crop.
        geometric: augmentation; None: exactly as inference crops.
        rng: source of randomness.
        box_scale: minimum and maximum factor on the box before everything else
            (`DatasetEntry.box_scale`); used with `geometric` only.
        label_weight: (K,) factor on the loss; None: 1 for all.
    """
    if geometric is not None and geometric.cut_prob and rng.random() < geometric.cut_prob:
        image, box_xyxy, visible = cut_off(
            image, box_xyxy, keypoints_px, visible, geometric.cut_fraction, rng
        )
    center, scale = center_scale_from_boxes(box_xyxy[None], input_size_wh)
    rotation_deg, flipped = 0.0, False
    if geometric is not None:
        if box_scale is not None:
            scale = scale * _map_to_range(box_scale, _truncated_normal(rng, 1)[0])
        half = half_body_box(keypoints_px, visible, geometric, rng)
        if half is not None:
            center, scale = center_scale_from_boxes(
                half[None], input_size_wh, padding=geometric.half_body_padding
            )
        shift, factor, rotation_deg = random_box_change(geometric, rng)
        center, scale = center + shift * scale, scale * factor
        flipped = rng.random() < geometric.flip_prob
    matrix = crop_from_image(center, scale, input_size_wh, rotation_deg)
    unknown = np.full((len(visible), 3), np.nan, np.float32)
    sample = PoseSample(
        crop=warp_crop(image, matrix[0], input_size_wh),
        keypoints_px=apply_affine(matrix, keypoints_px[None])[0].astype(np.float32),
        visible=visible,
        keypoints_camera_m=unknown if keypoints_camera_m is None else keypoints_camera_m,
        label_weight=label_weight,
        rotated=rotation_deg != 0,
    )
    return flip_crop(sample) if flipped else sample


def cut_off(
    image: Image,
    box_xyxy: FloatArray,
    keypoints_px: FloatArray,
    visible: FloatArray,
    fraction: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[Image, FloatArray, FloatArray]:
    """Cut the image through the person's box, from a random side, from below as often as not.

    Too few keypoints must not remain: then nothing is cut.

    Returns:
        The image, black beyond the cut, the box up to the cut, and the remaining visibility.
    """
    axis, upper = ((1, True), (1, True), (0, True), (0, False), (1, False))[int(rng.integers(5))]
    low, high = float(box_xyxy[axis]), float(box_xyxy[axis + 2])
    share = float(rng.uniform(*fraction))
    border = high - share * (high - low) if upper else low + share * (high - low)
    gone = keypoints_px[:, axis] > border if upper else keypoints_px[:, axis] < border
    left = np.where(gone, 0.0, visible).astype(np.float32)
    if (left > 0).sum() < MIN_KEYPOINTS_LEFT:
        return image, box_xyxy, visible
    pixel = int(np.clip(np.floor(border) + 1, 0, image.shape[1 - axis]))
    beyond = slice(pixel, None) if upper else slice(None, pixel)
    image, box_xyxy = image.copy(), box_xyxy.copy()
    image[(beyond, slice(None)) if axis else (slice(None), beyond)] = 0
    box_xyxy[axis + 2 if upper else axis] = border
    return image, box_xyxy, left


def half_body_box(
    keypoints_px: FloatArray,
    visible: FloatArray,
    settings: GeometricAugmentation,
    rng: np.random.Generator,
) -> FloatArray | None:
    """(4,) box around the labelled keypoints of half the body, centred on their mean.

    None for the full body: randomly, or where too few keypoints are labelled.
    """
    if (visible > 0).sum() < 9 or rng.random() > settings.half_body_prob:  # RandomHalfBody
        return None
    upper = [i for i in UPPER_BODY if visible[i] > 0]
    lower = [i for i in LOWER_BODY if visible[i] > 0]
    prefer_upper = rng.random() < settings.upper_body_prob
    if len(upper) < 2 and len(lower) < 3:
        return None
    if len(lower) < 3 or (len(upper) >= 2 and prefer_upper):
        chosen = keypoints_px[upper]
    else:
        chosen = keypoints_px[lower]
    half_size = np.ptp(chosen, axis=0) / 2
    if not (half_size >= 1).all():
        return None  # collinear: no box
    middle = chosen.mean(axis=0)
    return np.concatenate([middle - half_size, middle + half_size]).astype(np.float32)


def random_box_change(
    settings: GeometricAugmentation, rng: np.random.Generator
) -> tuple[FloatArray, float, float]:
    """Shift (2,) as a fraction of the sides, factor on the sides, rotation in degrees."""
    values = _truncated_normal(rng, 4)
    shift = values[:2] * settings.shift * (rng.random() < settings.shift_prob)
    factor = _map_to_range(settings.scale, values[2])
    rotation = values[3] * settings.rotation_deg * (rng.random() < settings.rotation_prob)
    return shift, factor, float(rotation)


def _map_to_range(low_high: tuple[float, float], value: float) -> float:
    """Map -1 to 1 linearly to the minimum to the maximum."""
    low, high = low_high
    return float((low + high) / 2 + value * (high - low) / 2)


def _truncated_normal(rng: np.random.Generator, count: int) -> FloatArray:
    """Standard normal numbers, truncated to [-1, 1]."""
    values = rng.standard_normal(count)
    while (outside := np.abs(values) > 1).any():
        values[outside] = rng.standard_normal(int(outside.sum()))
    return values


def flip_crop(sample: PoseSample) -> PoseSample:
    """Flip a sample horizontally, left and right exchanged in pixels, visibility and metres."""
    index = WHOLEBODY.flip_index
    keypoints = sample.keypoints_px[index]
    keypoints[:, 0] = sample.crop.shape[1] - 1 - keypoints[:, 0]
    metres = sample.keypoints_camera_m[index]
    metres[:, 0] *= -1
    return PoseSample(
        crop=np.ascontiguousarray(sample.crop[:, ::-1]),
        keypoints_px=keypoints,
        visible=sample.visible[index],
        keypoints_camera_m=metres,
        label_weight=None if sample.label_weight is None else sample.label_weight[index],
        rotated=sample.rotated,
    )


def recrop(sample: PoseSample, jitter: Jitter, rng: np.random.Generator) -> PoseSample:
    """Crop a crop, slightly rotated, scaled and shifted."""
    height, width = sample.crop.shape[:2]
    size = np.array([width, height])
    center = size / 2 + rng.uniform(-jitter.shift, jitter.shift, 2) * size
    factor = rng.uniform(*jitter.scale)
    rotation_deg = rng.uniform(-jitter.rotation_deg, jitter.rotation_deg)
    matrix = crop_from_image(center[None], (size * factor)[None], (width, height), rotation_deg)
    return PoseSample(
        crop=warp_crop(sample.crop, matrix[0], (width, height)),
        keypoints_px=apply_affine(matrix, sample.keypoints_px[None])[0].astype(np.float32),
        visible=sample.visible,
        keypoints_camera_m=sample.keypoints_camera_m,
        label_weight=sample.label_weight,
        rotated=True,
    )


def augment_crop(
    sample: PoseSample,
    augmentation: Augmentation,
    rng: np.random.Generator,
    *,
    jitter: bool = True,
) -> PoseSample:
    """Augment a crop that is already cut: flip, jitter, photometric changes.

    Args:
        sample: a rendered crop.
        augmentation: `geometric.flip_prob`, `jitter` and `photometric` are used.
        rng: source of randomness.
        jitter: whether to apply the jitter; not to newly rendered crops, which the renderer varies.
    """
    geometric = augmentation.geometric
    if geometric is not None and rng.random() < geometric.flip_prob:
        sample = flip_crop(sample)
    if jitter and augmentation.jitter is not None:
        sample = recrop(sample, augmentation.jitter, rng)
    if augmentation.photometric is None:
        return sample
    return replace(sample, crop=augment_photometric(sample.crop, augmentation.photometric, rng))


def augment_photometric(
    crop: Image, settings: PhotometricAugmentation, rng: np.random.Generator
) -> Image:
    """Colour changes, blur and a black rectangle: (h, w, 3) uint8 -> a new array."""
    if settings.distortion is not None:
        crop = _distort(crop, settings.distortion, rng)
    crop = _change_hsv(crop, settings, rng)
    if rng.random() < settings.blur_prob:
        size = int(rng.integers(1, 4)) * 2 + 1
        crop = np.asarray(cv2.blur(crop, (size, size)), np.uint8)
    if rng.random() < settings.median_blur_prob:
        crop = np.asarray(cv2.medianBlur(crop, int(rng.integers(1, 4)) * 2 + 1), np.uint8)
    if settings.degradation is not None:
        crop = degrade(crop, settings.degradation, rng)
    if rng.random() < settings.dropout_prob:
        crop = _drop_rectangle(crop, settings.dropout_size, rng)
    return crop


def _distort(crop: Image, distortion: PhotometricDistortion, rng: np.random.Generator) -> Image:
    """`PhotometricDistortion`. Every random number is drawn, whether it is used or not."""
    brighten, contrast_first, saturate, shift_hue, swap, contrast = rng.random(6) < 0.5
    offset = rng.uniform(-distortion.brightness, distortion.brightness)
    factor = rng.uniform(*distortion.contrast)
    saturation = rng.uniform(*distortion.saturation)
    hue = int(rng.integers(-distortion.hue, distortion.hue + 1))
    order = rng.permutation(3)
    levels = np.arange(256, dtype=np.float32)
    table = levels + offset if brighten else levels
    if contrast and contrast_first:
        table = table.clip(0, 255) * factor
    crop = np.asarray(cv2.LUT(crop, table.clip(0, 255).astype(np.uint8)), np.uint8)
    if saturate or shift_hue:
        hues = (levels + hue * bool(shift_hue)) % 180
        colours = levels * (saturation if saturate else 1.0)
        tables = np.stack([hues, colours, levels], axis=1).clip(0, 255).astype(np.uint8)
        hsv = cv2.LUT(cv2.cvtColor(crop, cv2.COLOR_BGR2HSV), tables[None])
        crop = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), np.uint8)
    if contrast and not contrast_first:
        table = (levels * factor).clip(0, 255).astype(np.uint8)
        crop = np.asarray(cv2.LUT(crop, table), np.uint8)
    return np.ascontiguousarray(crop[..., order]) if swap else crop


def _change_hsv(crop: Image, settings: PhotometricAugmentation, rng: np.random.Generator) -> Image:
    """YOLOX: each of hue, saturation and value changed with probability 0.5."""
    limits = np.array([settings.hue, settings.saturation, settings.value])
    gains = (rng.uniform(-1, 1, 3) * limits * rng.integers(0, 2, 3)).astype(np.int16)
    if not gains.any():
        return crop.copy()
    levels = np.arange(256, dtype=np.int16)
    hues = (levels + gains[0]) % 180  # OpenCV's hues are half degrees
    others = (levels[:, None] + gains[1:]).clip(0, 255)
    tables = np.concatenate([hues[:, None], others], axis=1).astype(np.uint8)
    hsv = cv2.LUT(cv2.cvtColor(crop, cv2.COLOR_BGR2HSV), tables[None])
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), np.uint8)


def _drop_rectangle(crop: Image, size: tuple[float, float], rng: np.random.Generator) -> Image:
    height, width = crop.shape[:2]
    h = int(height * rng.uniform(*size))
    w = int(width * rng.uniform(*size))
    y = int(rng.integers(0, height - h + 1))
    x = int(rng.integers(0, width - w + 1))
    crop = crop.copy()
    crop[y : y + h, x : x + w] = 0
    return crop
