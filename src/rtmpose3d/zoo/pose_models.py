"""The pose models, one row each. Metrics as published, on COCO-WholeBody V1.0 val."""

from __future__ import annotations

from dataclasses import replace

from rtmpose3d.codec.spec import SimCCSpec
from rtmpose3d.geometry.box_extents import BoxExtents
from rtmpose3d.geometry.root_depth import KeypointAccuracy
from rtmpose3d.zoo.bundled import BundledFile
from rtmpose3d.zoo.published import published_file
from rtmpose3d.zoo.specs import REAL_POSE_DATA_LICENCE, RENDERED_DATA_LICENCE, PoseSpec

OFFLINE_MODEL = "rtmw3d-n"
"""The pose model in the package: the one that works without a network."""

# name: (width, depth) of CSPNeXt
SIZES = {
    "t": (0.375, 0.167),
    "s": (0.5, 0.33),
    "m": (0.75, 0.67),
    "l": (1.0, 1.0),
    "x": (1.25, 1.33),
}
SMALL, LARGE = (192, 256), (288, 384)  # input sizes, width and height, px

# (sigma_x, sigma_y) in bins, by input size: the published configurations
SIGMA = {SMALL: (4.9, 5.66), LARGE: (6.0, 6.93)}
DEPTH_SIGMA = 6.0
DEPTH_SIZE = 288

# Measured by benchmarks/root_depth.py on rendered people of the training split.
_BUNDLED_ACCURACY = KeypointAccuracy(
    point_std=0.02,
    full_confidence=0.95,
    outlier_std=0.3,
    bone_ratio={
        "upper arm": 0.77,
        "forearm": 0.88,
        "thigh": 0.96,
        "shank": 0.98,
        "side of the trunk": 1.01,
        "shoulders": 0.99,
        "hips": 0.84,
        "foot": 0.88,
        "palm": 1.15,
        "pupils": 0.77,
        "outer corners of the eyes": 0.84,
        "ears": 0.9,
        "width of the face": 0.93,
        "height of the face": 0.94,
    },
    # Medians, and twice the deviations: widths at which the errors of other people are as stated.
    box_extents=BoxExtents(
        whole=((0.51, 0.52), (1.13, 0.5), (1.22, 0.58), (1.39, 0.6), (1.66, 0.38)),
        cut=((0.51, 0.52), (0.64, 0.64), (0.86, 0.54), (0.95, 0.62), (1.16, 0.68)),
    ),
)


def _codec(input_size_wh: tuple[int, int], *, beta: float, visibility: bool = False) -> SimCCSpec:
    return SimCCSpec(
        input_size_wh=input_size_wh,
        sigma=SIGMA[input_size_wh],
        beta=beta,
        visibility=visibility,
    )


def _codec_3d(input_size_wh: tuple[int, int]) -> SimCCSpec:
    return SimCCSpec(
        input_size_wh=input_size_wh,
        sigma=(*SIGMA[input_size_wh], DEPTH_SIGMA),
        depth_size=DEPTH_SIZE,
        beta=10.0,
    )


def _pose(
    name: str,
    size: str,
    input_size_wh: tuple[int, int],
    codec: SimCCSpec,
    path: str | None,
    *,
    rtmw: bool,
    params: int,
    gflops: float,
    ap: float,
    ar: float,
    body_foot_face_hand: tuple[float, float, float, float] | None = None,
    mpjpe_m: float | None = None,
    dropout: float = 0.0,
    on_hub: bool = False,
) -> PoseSpec:
    width, depth = SIZES[size]
    parts = zip(("body", "foot", "face", "hand"), body_foot_face_hand or (), strict=False)
    return PoseSpec(
        name=name,
        input_size_wh=input_size_wh,
        file=published_file(path, on_hub=on_hub),
        width=width,
        depth=depth,
        params=params,
        gflops=gflops,
        codec=codec,
        pafpn=rtmw,
        hem=rtmw,
        dropout=dropout,
        ap=ap,
        ar=ar,
        part_ap=dict(parts),
        mpjpe_m=mpjpe_m,
    )


RTMW = "projects/rtmw/"
RTMPOSE = "projects/rtmposev1/"
RTMW3D = "wholebody_3d_keypoint/rtmw3d/"

POSE_MODELS: tuple[PoseSpec, ...] = (
    _pose(
        "rtmw3d-l",
        "l",
        LARGE,
        _codec_3d(LARGE),
        RTMW3D + "rtmw3d-l_8xb64_cocktail14-384x288-794dbc78_20240626.pth",
        rtmw=True,
        params=57_501_751,
        gflops=17.7,
        ap=67.8,
        ar=75.5,
        body_foot_face_hand=(74.4, 77.1, 88.2, 61.7),
        mpjpe_m=0.056,
        dropout=0.1,
        on_hub=True,
    ),
    _pose(
        "rtmw3d-x",
        "x",
        LARGE,
        _codec_3d(LARGE),
        RTMW3D + "rtmw3d-x_8xb64_cocktail14-384x288-b0a0eab7_20240626.pth",
        rtmw=True,
        params=92_342_447,
        gflops=29.3,
        ap=68.0,
        ar=75.9,
        body_foot_face_hand=(73.9, 76.6, 88.6, 62.7),
        mpjpe_m=0.057,
        on_hub=True,
    ),
    _pose(
        "rtmw-m-256x192",
        "m",
        SMALL,
        _codec(SMALL, beta=1.0),
        RTMW + "rtmw-dw-l-m_simcc-cocktail14_270e-256x192-20231122.pth",
        rtmw=True,
        params=32_258_207,
        gflops=4.3,
        ap=58.2,
        ar=67.3,
        body_foot_face_hand=(67.6, 67.1, 78.3, 49.1),
    ),
    _pose(
        "rtmw-l-256x192",
        "l",
        SMALL,
        _codec(SMALL, beta=1.0),
        RTMW + "rtmw-dw-x-l_simcc-cocktail14_270e-256x192-20231122.pth",
        rtmw=True,
        params=57_201_207,
        gflops=7.9,
        ap=66.0,
        ar=74.6,
        body_foot_face_hand=(74.3, 76.3, 83.4, 59.8),
    ),
    _pose(
        "rtmw-x-256x192",
        "x",
        SMALL,
        _codec(SMALL, beta=1.0),
        RTMW + "rtmw-x_simcc-cocktail14_pt-ucoco_270e-256x192-13a2546d_20231208.pth",
        rtmw=True,
        params=92_041_903,
        gflops=13.1,
        ap=67.2,
        ar=75.2,
        body_foot_face_hand=(74.6, 77.0, 84.4, 61.0),
    ),
    _pose(
        "rtmw-l-384x288",
        "l",
        LARGE,
        _codec(LARGE, beta=1.0, visibility=True),
        RTMW + "rtmw-dw-x-l_simcc-cocktail14_270e-384x288-20231122.pth",
        rtmw=True,
        params=57_354_295,
        gflops=17.7,
        ap=70.1,
        ar=78.0,
        body_foot_face_hand=(76.1, 79.3, 88.4, 66.3),
    ),
    _pose(
        "rtmw-x-384x288",
        "x",
        LARGE,
        _codec(LARGE, beta=1.0, visibility=True),
        RTMW + "rtmw-x_simcc-cocktail14_pt-ucoco_270e-384x288-f840f204_20231122.pth",
        rtmw=True,
        params=92_194_991,
        gflops=29.3,
        ap=70.2,
        ar=78.1,
        body_foot_face_hand=(76.3, 79.6, 88.4, 66.4),
    ),
    _pose(
        "rtmpose-m-256x192",
        "m",
        SMALL,
        _codec(SMALL, beta=10.0),
        RTMPOSE + "rtmpose-m_simcc-coco-wholebody_pt-aic-coco_270e-256x192-cd5e845c_20230123.pth",
        rtmw=False,
        params=17_953_039,
        gflops=2.22,
        ap=58.2,
        ar=67.4,
        body_foot_face_hand=(67.3, 61.5, 81.3, 47.5),
    ),
    _pose(
        "rtmpose-l-256x192",
        "l",
        SMALL,
        _codec(SMALL, beta=10.0),
        RTMPOSE + "rtmpose-l_simcc-coco-wholebody_pt-aic-coco_270e-256x192-6f206314_20230124.pth",
        rtmw=False,
        params=33_480_871,
        gflops=4.52,
        ap=61.1,
        ar=70.0,
        body_foot_face_hand=(69.5, 65.8, 83.3, 51.9),
    ),
    _pose(
        "rtmpose-l-384x288",
        "l",
        LARGE,
        _codec(LARGE, beta=10.0),
        RTMPOSE + "rtmpose-l_simcc-coco-wholebody_pt-aic-coco_270e-384x288-eaeb96c8_20230125.pth",
        rtmw=False,
        params=33_610_919,
        gflops=10.07,
        ap=64.8,
        ar=73.0,
        body_foot_face_hand=(71.2, 69.3, 88.2, 57.9),
    ),
    _pose(
        "rtmpose-x-384x288",
        "x",
        LARGE,
        _codec(LARGE, beta=10.0),
        None,  # published without an address that is known here: a local file is needed
        rtmw=False,
        params=56_709_919,
        gflops=18.1,
        ap=65.3,
        ar=73.3,
        body_foot_face_hand=(71.4, 69.2, 88.9, 59.0),
    ),
    _pose(
        "dwpose-t-256x192",
        "t",
        SMALL,
        _codec(SMALL, beta=10.0),
        RTMPOSE + "rtmpose-t_simcc-ucoco_dw-ucoco_270e-256x192-dcf277bf_20230728.pth",
        rtmw=False,
        params=5_519_779,
        gflops=0.5,
        ap=48.5,
        ar=58.4,
    ),
    _pose(
        "dwpose-s-256x192",
        "s",
        SMALL,
        _codec(SMALL, beta=10.0),
        RTMPOSE + "rtmpose-s_simcc-ucoco_dw-ucoco_270e-256x192-3fd922c8_20230728.pth",
        rtmw=False,
        params=8_383_575,
        gflops=0.9,
        ap=53.8,
        ar=63.2,
    ),
    _pose(
        "dwpose-m-256x192",
        "m",
        SMALL,
        _codec(SMALL, beta=10.0),
        RTMPOSE + "rtmpose-m_simcc-ucoco_dw-ucoco_270e-256x192-c8b76419_20230728.pth",
        rtmw=False,
        params=17_953_039,
        gflops=2.22,
        ap=60.6,
        ar=69.5,
    ),
    _pose(
        "dwpose-l-256x192",
        "l",
        SMALL,
        _codec(SMALL, beta=10.0),
        RTMPOSE + "rtmpose-l_simcc-ucoco_dw-ucoco_270e-256x192-4d6dfc62_20230728.pth",
        rtmw=False,
        params=33_480_871,
        gflops=4.52,
        ap=63.1,
        ar=71.7,
    ),
    _pose(
        "dwpose-l-384x288",
        "l",
        LARGE,
        _codec(LARGE, beta=10.0),
        RTMPOSE + "rtmpose-l_simcc-ucoco_dw-ucoco_270e-384x288-2438fd99_20230728.pth",
        rtmw=False,
        params=33_610_919,
        gflops=10.07,
        ap=66.5,
        ar=74.3,
    ),
)


def _bundled(
    name: str,
    detector: str,
    data_licence: str,
    *,
    confidence_thr: float,
    min_person_confidence: float | None = None,
    min_close_up_confidence: float | None = None,
) -> PoseSpec:
    """Our own: RTMW3D with a quarter of the width and a sixth of the depth.

    Half of the parameters are in the head's 7x7 convolutions. The published blocks train at 44 to
    51 images per second on one core of a recent CPU (bfloat16, channels last, batch 32), dense 3x3
    convolutions instead of them at 46 to 53.
    """
    return PoseSpec(
        name=name,
        input_size_wh=SMALL,
        file=BundledFile(name=f"{name}.safetensors", max_bytes=12_000_000),
        width=0.25,
        depth=0.167,
        params=5_721_663,
        gflops=0.71,
        codec=replace(_codec_3d(SMALL), decode_sigma=24.0),
        detector=detector,
        pafpn=True,
        hem=True,
        neck_blocks=1,
        default_confidence_thr=confidence_thr,
        min_person_confidence=min_person_confidence,
        min_close_up_confidence=min_close_up_confidence,
        flip_test=True,
        accuracy=_BUNDLED_ACCURACY,
        data_licence=data_licence,
    )


BUNDLED_POSE_MODELS: tuple[PoseSpec, ...] = (
    # Of rendered keypoints of this confidence .42 are right to PCK@0.1.
    _bundled(
        *(OFFLINE_MODEL, "rtmdet-n", REAL_POSE_DATA_LICENCE),
        confidence_thr=0.4,
        min_person_confidence=0.38,
        min_close_up_confidence=0.95,
    ),
    _bundled("rtmw3d-n-cc0", "rtmdet-n-cc0", RENDERED_DATA_LICENCE, confidence_thr=0.4),
)
