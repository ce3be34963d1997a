"""The person detectors, one row each."""

from __future__ import annotations

from rtmpose3d.zoo.bundled import BundledFile
from rtmpose3d.zoo.published import published_file
from rtmpose3d.zoo.specs import (
    BGR_MEAN,
    BGR_STD,
    DETECTOR_DATA_LICENCE,
    REAL_DETECTOR_DATA_LICENCE,
    RENDERED_DATA_LICENCE,
    DetectorSpec,
)

DETECTORS: tuple[DetectorSpec, ...] = (
    DetectorSpec(
        name="rtmdet-m",
        input_size_wh=(640, 640),
        file=published_file(
            "projects/rtmpose/rtmdet_m_8xb32-100e_coco-obj365-person-235e8209.pth", on_hub=True
        ),
        width=0.75,
        depth=0.67,
        params=24_663_447,
        gflops=38.9,
        mean=BGR_MEAN,
        std=BGR_STD,
        channel_order="bgr",
        separable=False,
        exp_on_reg=True,
        neck_blocks=2,
        head_channels=192,
        data_licence=DETECTOR_DATA_LICENCE,
    ),
    DetectorSpec(
        name="rtmdet-nano",
        input_size_wh=(320, 320),
        file=published_file(
            "projects/rtmpose/rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth"
        ),
        width=0.25,
        depth=0.33,
        params=994_423,
        gflops=0.31,
        mean=BGR_MEAN,
        std=BGR_STD,
        channel_order="bgr",
        separable=True,
        exp_on_reg=False,
        neck_blocks=1,
        head_channels=64,
        data_licence=DETECTOR_DATA_LICENCE,
    ),
)


def _bundled(name: str, data_licence: str) -> DetectorSpec:
    """Our own: RTMDet with 3/16 of the width and dense 3x3 convolutions.

    On one CPU core (bfloat16, batch 32) it trains at 37 images per second, where RTMDet-nano's
    separable convolutions (0.99 M parameters) reach 29 and the dense width 1/4 (2.23 M, above the
    package's limit) 30.
    """
    return DetectorSpec(
        name=name,
        iou_thr=0.5,  # its second boxes of a person overlap less
        input_size_wh=(320, 320),
        file=BundledFile(name=f"{name}.safetensors", max_bytes=4_000_000),
        width=0.1875,
        depth=0.33,
        params=1_372_977,
        gflops=0.68,
        mean=BGR_MEAN,
        std=BGR_STD,
        channel_order="bgr",
        separable=False,
        exp_on_reg=True,
        neck_blocks=1,
        head_channels=64,
        data_licence=data_licence,
    )


BUNDLED_DETECTORS: tuple[DetectorSpec, ...] = (
    _bundled("rtmdet-n", REAL_DETECTOR_DATA_LICENCE),
    _bundled("rtmdet-n-cc0", RENDERED_DATA_LICENCE),
)
