"""Augmentation settings of pose models, with those of the published configurations.

`training.data.augment` applies them. The settings of a detector are in `recipes.detector`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class GeometricAugmentation:
    """Location, scale and rotation of a crop (RandomFlip, RandomHalfBody, RandomBBoxTransform).

    Attributes:
        flip_prob: probability of a horizontal flip.
        half_body_prob: probability of a crop of the upper or lower body only, if enough of its
            keypoints are labelled.
        half_body_padding: factor on the box of the half body's keypoints.
        upper_body_prob: probability of the upper half where both are possible.
        scale: minimum and maximum factor on the box.
        rotation_deg: maximum rotation, in either direction.
        rotation_prob: probability of a rotation.
        shift: maximum shift, as a fraction of the box's sides.
        shift_prob: probability of a shift.
        cut_prob: probability that a border cuts the person off, as the border of an image does;
            the box ends there.
        cut_fraction: minimum and maximum fraction of the box that is cut off.
    """

    flip_prob: float = 0.5
    half_body_prob: float = 0.3
    half_body_padding: float = 1.5
    upper_body_prob: float = 0.7
    scale: tuple[float, float] = (0.6, 1.4)
    rotation_deg: float = 80.0
    rotation_prob: float = 0.6
    shift: float = 0.16
    shift_prob: float = 0.3
    cut_prob: float = 0.0
    cut_fraction: tuple[float, float] = (0.15, 0.6)


@dataclass(frozen=True, kw_only=True)
class PhotometricDistortion:
    """Strong colour changes, each with probability 0.5 (mmpose, PhotometricDistortion).

    The contrast changes randomly before or after saturation and hue. The reference changes it
    twice or not at all, by mistake.

    Attributes:
        brightness: maximum change, in grey levels.
        contrast, saturation: minimum and maximum factor.
        hue: maximum change, in OpenCV's units (two degrees).
    """

    brightness: float = 32.0
    contrast: tuple[float, float] = (0.5, 1.5)
    saturation: tuple[float, float] = (0.5, 1.5)
    hue: int = 18


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """Loss of quality, as in small, distant and compressed images and in video.

    Attributes:
        low_resolution_prob: probability of a reduction and enlargement of the crop.
        low_resolution: minimum and maximum factor of the reduction.
        motion_blur_prob: probability of a blur along a random direction.
        motion_blur_px: maximum length of it.
        noise_prob: probability of Gaussian noise.
        noise: maximum standard deviation, in grey levels.
        jpeg_prob: probability of a JPEG compression.
        jpeg_quality: minimum and maximum quality of it.
        grey_prob: probability of a grey image.
    """

    low_resolution_prob: float = 0.3
    low_resolution: tuple[float, float] = (0.12, 0.6)
    motion_blur_prob: float = 0.1
    motion_blur_px: int = 13
    noise_prob: float = 0.2
    noise: float = 15.0
    jpeg_prob: float = 0.3
    jpeg_quality: tuple[int, int] = (15, 80)
    grey_prob: float = 0.05


@dataclass(frozen=True, kw_only=True)
class PhotometricAugmentation:
    """Colours, blur and occlusion (YOLOXHSVRandomAug; Albumentations: Blur, CoarseDropout, ...).

    Attributes:
        distortion: strong colour changes before everything else; None: none.
        hue, saturation, value: maximum change, in OpenCV's units of HSV.
        blur_prob, median_blur_prob: probability of a blur over 3, 5 or 7 px.
        dropout_prob: probability of a black rectangle.
        dropout_size: minimum and maximum side of it, as fractions of the crop's sides.
        degradation: loss of quality after the colour changes; None: none.
        patch_prob: probability of a patch of another crop of the batch, of that size, as an
            occlusion.
    """

    distortion: PhotometricDistortion | None = None
    hue: int = 5
    saturation: int = 30
    value: int = 30
    blur_prob: float = 0.1
    median_blur_prob: float = 0.1
    dropout_prob: float = 1.0
    dropout_size: tuple[float, float] = (0.2, 0.4)
    degradation: Degradation | None = None
    patch_prob: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Jitter:
    """A second crop within a crop, for rendered crops that are used more than once.

    Attributes:
        scale: minimum and maximum factor on the visible part; above 1 adds black borders.
        rotation_deg: maximum rotation, in either direction.
        shift: maximum shift, as a fraction of the crop's sides.
    """

    scale: tuple[float, float] = (0.8, 1.1)
    rotation_deg: float = 25.0
    shift: float = 0.05


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Augmentation of one stage of training.

    Attributes:
        geometric: of crops cut from images; None: cut as inference cuts them.
        photometric: of all crops; None: unchanged.
        jitter: of crops that were rendered before; None: used as they are.
    """

    geometric: GeometricAugmentation | None = None
    photometric: PhotometricAugmentation | None = None
    jitter: Jitter | None = None


NO_AUGMENTATION = Augmentation()
STAGE1 = Augmentation(  # rtmw3d-l configuration, train_pipeline
    geometric=GeometricAugmentation(), photometric=PhotometricAugmentation()
)
STAGE2 = Augmentation(  # rtmw3d-l configuration, train_pipeline_stage2
    geometric=GeometricAugmentation(scale=(0.5, 1.5), rotation_deg=90.0, shift=0.0),
    photometric=PhotometricAugmentation(hue=0, saturation=0, value=0, dropout_prob=0.0),
)
RTMPOSE_STAGE2 = Augmentation(  # rtmpose-m and -l configurations, train_pipeline_stage2
    geometric=GeometricAugmentation(scale=(0.75, 1.25), rotation_deg=60.0, shift=0.0),
    photometric=PhotometricAugmentation(dropout_prob=0.5),
)
RTMPOSE_WIDE_STAGE1 = Augmentation(  # rtmpose-x, and all on UBody: train_pipeline
    geometric=GeometricAugmentation(scale=(0.5, 1.5), rotation_deg=90.0),
    photometric=PhotometricAugmentation(),
)
RTMPOSE_WIDE_STAGE2 = Augmentation(  # the same configurations: train_pipeline_stage2
    geometric=GeometricAugmentation(scale=(0.5, 1.5), rotation_deg=90.0, shift=0.0),
    photometric=PhotometricAugmentation(dropout_prob=0.5),
)
RTMW_STAGE1 = Augmentation(  # rtmw configurations, train_pipeline; their second stage is STAGE2
    geometric=GeometricAugmentation(scale=(0.5, 1.5), rotation_deg=90.0),
    photometric=PhotometricAugmentation(
        distortion=PhotometricDistortion(), hue=0, saturation=0, value=0, dropout_prob=0.5
    ),
)
