"""Augmentation as published, in numpy and OpenCV: where a crop is cut, and what it looks like.

`Geometry` and `Look` are the settings; `STAGE1` and `STAGE2` are those of the paper. `cut_crop`
makes a sample of a record, through inference's own cropping; `flip_crop` and `change_look` also
serve crops that a renderer has already cut. Everything random comes from the generator that is
passed in, so a seed and an index fix a sample.
"""

from __future__ import annotations

from dataclasses import dataclass

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

UPPER_BODY = tuple(range(11))  # coco_wholebody.py, upper_body_ids
LOWER_BODY = tuple(range(11, 23))  # coco_wholebody.py, lower_body_ids


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Where a crop is cut (mmpose: RandomFlip, RandomHalfBody, RandomBBoxTransform).

    Attributes:
        flip_share: of samples that are mirrored.
        half_body_share: of samples cut to the upper or lower body, if enough of it is labelled.
        half_body_padding: factor on the box of the half body's keypoints.
        upper_share: of half bodies that are the upper one, where both could be.
        scale: least and greatest factor on the box.
        rotation_deg: greatest turn to either side.
        rotation_share: of samples that are turned.
        shift: greatest shift, in parts of the box's sides.
        shift_share: of samples that are shifted.
    """

    flip_share: float = 0.5
    half_body_share: float = 0.3
    half_body_padding: float = 1.5
    upper_share: float = 0.7
    scale: tuple[float, float] = (0.6, 1.4)
    rotation_deg: float = 80.0
    rotation_share: float = 0.6
    shift: float = 0.16
    shift_share: float = 0.3


@dataclass(frozen=True, kw_only=True)
class Distortion:
    """Stronger changes of colour, each for half of the samples (PhotometricDistortion).

    The contrast changes before or after the colours, by chance. The reference does so twice or
    not at all, by a slip.

    Attributes:
        brightness: greatest change, in grey levels.
        contrast, saturation: least and greatest factor.
        hue: greatest change, in OpenCV's units (two degrees).
    """

    brightness: float = 32.0
    contrast: tuple[float, float] = (0.5, 1.5)
    saturation: tuple[float, float] = (0.5, 1.5)
    hue: int = 18


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a crop looks like (YOLOXHSVRandomAug; Albumentations' Blur, MedianBlur, CoarseDropout).

    Attributes:
        distortion: of colours, before all else; None for none.
        hue, saturation, value: greatest change, in OpenCV's units of HSV.
        blur_share, median_share: of samples blurred over 3, 5 or 7 px.
        dropout_share: of samples with a black rectangle.
        dropout_size: least and greatest side of it, in parts of the crop's sides.
    """

    distortion: Distortion | None = None
    hue: int = 5
    saturation: int = 30
    value: int = 30
    blur_share: float = 0.1
    median_share: float = 0.1
    dropout_share: float = 1.0
    dropout_size: tuple[float, float] = (0.2, 0.4)


@dataclass(frozen=True, kw_only=True)
class Jitter:
    """A second cut within a crop, for rendered ones that are seen more than once.

    Attributes:
        scale: least and greatest factor on what the crop shows; above 1 has black borders.
        rotation_deg: greatest turn to either side.
        shift: greatest shift, in parts of the crop's sides.
    """

    scale: tuple[float, float] = (0.8, 1.1)
    rotation_deg: float = 25.0
    shift: float = 0.05


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Settings of one stage of training; None switches a half off.

    Attributes:
        geometry: of crops cut from images.
        look: of all crops.
        jitter: small turns and scalings of crops that were cut before (rendered ones).
    """

    geometry: Geometry | None = None
    look: Look | None = None
    jitter: Jitter | None = None


STAGE1 = Augmentation(geometry=Geometry(), look=Look())  # rtmw3d-l config, train_pipeline
STAGE2 = Augmentation(  # rtmw3d-l config, train_pipeline_stage2
    geometry=Geometry(scale=(0.5, 1.5), rotation_deg=90.0, shift=0.0),
    look=Look(hue=0, saturation=0, value=0, dropout_share=0.0),
)
RTMPOSE_STAGE2 = Augmentation(  # rtmpose-m and -l configurations, train_pipeline_stage2
    geometry=Geometry(scale=(0.75, 1.25), rotation_deg=60.0, shift=0.0),
    look=Look(dropout_share=0.5),
)
RTMPOSE_WIDE_STAGE1 = Augmentation(  # rtmpose-x, and on UBody: train_pipeline
    geometry=Geometry(scale=(0.5, 1.5), rotation_deg=90.0), look=Look()
)
RTMPOSE_WIDE_STAGE2 = Augmentation(  # likewise: train_pipeline_stage2
    geometry=Geometry(scale=(0.5, 1.5), rotation_deg=90.0, shift=0.0),
    look=Look(dropout_share=0.5),
)
RTMW_STAGE1 = Augmentation(  # rtmw configurations, train_pipeline; their second stage is STAGE2
    geometry=Geometry(scale=(0.5, 1.5), rotation_deg=90.0),
    look=Look(distortion=Distortion(), hue=0, saturation=0, value=0, dropout_share=0.5),
)
NO_AUGMENTATION = Augmentation()


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """One crop with its labels.

    Attributes:
        crop: (h, w, 3) uint8 BGR.
        keypoints_px: (K, 2) float32, pixels of the crop.
        visible: (K,) float32.
        keypoints_camera_m: (K, 3) float32, metres, nan where unknown. A mirrored crop has them
            mirrored, sides exchanged; a turned crop does not turn them.
        turned: whether crop and camera space differ by a rotation.
    """

    crop: Image
    keypoints_px: FloatArray
    visible: FloatArray
    keypoints_camera_m: FloatArray
    turned: bool = False


def cut_crop(
    image: Image,
    box_xyxy: FloatArray,
    keypoints_px: FloatArray,
    visible: FloatArray,
    keypoints_camera_m: FloatArray | None,
    input_size_wh: tuple[int, int],
    geometry: Geometry | None,
    rng: np.random.Generator,
    *,
    enlarge: tuple[float, float] | None = None,
) -> Sample:
    """Cut a person out of an image.

    Args:
        image: (H, W, 3) uint8 BGR.
        box_xyxy: (4,) pixels of the image.
        keypoints_px: (K, 2) pixels of the image.
        visible: (K,).
        keypoints_camera_m: (K, 3) metres, or None.
        input_size_wh: width and height of the crop.
        geometry: how it is varied; None: exactly as inference cuts it.
        rng: where chance comes from.
        enlarge: least and greatest factor on the box before everything else, for datasets of
            faces or hands, whose crops shall show more than those; only with a `geometry`.
    """
    center, scale = center_scale_from_boxes(box_xyxy[None], input_size_wh)
    rotation_deg, mirrored = 0.0, False
    if geometry is not None:
        if enlarge is not None:
            scale = scale * _drawn_factor(enlarge, _truncated_normal(rng, 1)[0])
        half = choose_half_body(keypoints_px, visible, geometry, rng)
        if half is not None:
            center, scale = center_scale_from_boxes(
                half[None], input_size_wh, padding=geometry.half_body_padding
            )
        shift, factor, rotation_deg = draw_box_change(geometry, rng)
        center, scale = center + shift * scale, scale * factor
        mirrored = rng.random() < geometry.flip_share
    matrix = crop_from_image(center, scale, input_size_wh, rotation_deg)
    unknown = np.full((len(visible), 3), np.nan, np.float32)
    sample = Sample(
        crop=warp_crop(image, matrix[0], input_size_wh),
        keypoints_px=apply_affine(matrix, keypoints_px[None])[0].astype(np.float32),
        visible=visible,
        keypoints_camera_m=unknown if keypoints_camera_m is None else keypoints_camera_m,
        turned=rotation_deg != 0,
    )
    return flip_crop(sample) if mirrored else sample


def choose_half_body(
    keypoints_px: FloatArray, visible: FloatArray, geometry: Geometry, rng: np.random.Generator
) -> FloatArray | None:
    """(4,) box about the labelled keypoints of one half of the body, centred on their mean.

    None for the whole body: by chance, or where too little is labelled.
    """
    if (visible > 0).sum() < 9 or rng.random() > geometry.half_body_share:  # RandomHalfBody
        return None
    upper = [i for i in UPPER_BODY if visible[i] > 0]
    lower = [i for i in LOWER_BODY if visible[i] > 0]
    prefer_upper = rng.random() < geometry.upper_share
    if len(upper) < 2 and len(lower) < 3:
        return None
    if len(lower) < 3 or (len(upper) >= 2 and prefer_upper):
        chosen = keypoints_px[upper]
    else:
        chosen = keypoints_px[lower]
    half_size = np.ptp(chosen, axis=0) / 2
    if not (half_size >= 1).all():
        return None  # all on one line: no box
    middle = chosen.mean(axis=0)
    return np.concatenate([middle - half_size, middle + half_size]).astype(np.float32)


def draw_box_change(
    geometry: Geometry, rng: np.random.Generator
) -> tuple[FloatArray, float, float]:
    """Shift (2,) in parts of the sides, factor on the sides, rotation in degrees."""
    values = _truncated_normal(rng, 4)
    shift = values[:2] * geometry.shift * (rng.random() < geometry.shift_share)
    factor = _drawn_factor(geometry.scale, values[2])
    rotation = values[3] * geometry.rotation_deg * (rng.random() < geometry.rotation_share)
    return shift, factor, float(rotation)


def _drawn_factor(low_high: tuple[float, float], value: float) -> float:
    """-1 to 1 -> the least to the greatest factor."""
    low, high = low_high
    return float((low + high) / 2 + value * (high - low) / 2)


def _truncated_normal(rng: np.random.Generator, count: int) -> FloatArray:
    """Standard normal numbers within -1 to 1."""
    values = rng.standard_normal(count)
    while (outside := np.abs(values) > 1).any():
        values[outside] = rng.standard_normal(int(outside.sum()))
    return values


def flip_crop(sample: Sample) -> Sample:
    """The mirrored sample: left and right exchanged in pixels, visibility and metres."""
    index = WHOLEBODY.flip_index
    keypoints = sample.keypoints_px[index]
    keypoints[:, 0] = sample.crop.shape[1] - 1 - keypoints[:, 0]
    metres = sample.keypoints_camera_m[index]
    metres[:, 0] *= -1
    return Sample(
        crop=np.ascontiguousarray(sample.crop[:, ::-1]),
        keypoints_px=keypoints,
        visible=sample.visible[index],
        keypoints_camera_m=metres,
        turned=sample.turned,
    )


def cut_again(sample: Sample, jitter: Jitter, rng: np.random.Generator) -> Sample:
    """A crop cut out of a crop, a little turned, scaled and shifted."""
    height, width = sample.crop.shape[:2]
    size = np.array([width, height])
    center = size / 2 + rng.uniform(-jitter.shift, jitter.shift, 2) * size
    factor = rng.uniform(*jitter.scale)
    rotation_deg = rng.uniform(-jitter.rotation_deg, jitter.rotation_deg)
    matrix = crop_from_image(center[None], (size * factor)[None], (width, height), rotation_deg)
    return Sample(
        crop=warp_crop(sample.crop, matrix[0], (width, height)),
        keypoints_px=apply_affine(matrix, sample.keypoints_px[None])[0].astype(np.float32),
        visible=sample.visible,
        keypoints_camera_m=sample.keypoints_camera_m,
        turned=True,
    )


def augment_crop(
    sample: Sample, augmentation: Augmentation, rng: np.random.Generator, *, rejitter: bool = True
) -> Sample:
    """What can still be varied once a crop is cut: mirroring, jitter, look.

    Args:
        sample: a rendered crop.
        augmentation: `geometry.flip_share`, `jitter` and `look` are used.
        rng: where chance comes from.
        rejitter: False for crops that are fresh from the renderer, which varies them itself.
    """
    geometry = augmentation.geometry
    if geometry is not None and rng.random() < geometry.flip_share:
        sample = flip_crop(sample)
    if rejitter and augmentation.jitter is not None:
        sample = cut_again(sample, augmentation.jitter, rng)
    if augmentation.look is None:
        return sample
    return Sample(
        crop=change_look(sample.crop, augmentation.look, rng),
        keypoints_px=sample.keypoints_px,
        visible=sample.visible,
        keypoints_camera_m=sample.keypoints_camera_m,
        turned=sample.turned,
    )


def change_look(crop: Image, look: Look, rng: np.random.Generator) -> Image:
    """Other colours, blur, a black rectangle: (h, w, 3) uint8 -> a new array."""
    if look.distortion is not None:
        crop = _distort(crop, look.distortion, rng)
    crop = _change_colour(crop, look, rng)
    if rng.random() < look.blur_share:
        size = int(rng.integers(1, 4)) * 2 + 1
        crop = np.asarray(cv2.blur(crop, (size, size)), np.uint8)
    if rng.random() < look.median_share:
        crop = np.asarray(cv2.medianBlur(crop, int(rng.integers(1, 4)) * 2 + 1), np.uint8)
    if rng.random() < look.dropout_share:
        crop = _drop_rectangle(crop, look.dropout_size, rng)
    return crop


def _distort(crop: Image, distortion: Distortion, rng: np.random.Generator) -> Image:
    """See `Distortion`. Every choice is drawn, whether it is used or not."""
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


def _change_colour(crop: Image, look: Look, rng: np.random.Generator) -> Image:
    """YOLOX: each of hue, saturation and value moved with a chance of one half."""
    limits = np.array([look.hue, look.saturation, look.value])
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
