"""Crops on which tests compare precisions."""

from __future__ import annotations

from pathlib import Path

import rtmpose3d
from rtmpose3d.geometry.crop import crop_people
from rtmpose3d.pipeline import detect_people
from rtmpose3d.runtime import RuntimeOptions, open_detector
from rtmpose3d.sources.images import load_image
from rtmpose3d.structures import UInt8Array
from rtmpose3d.weights import locate
from rtmpose3d.zoo import PoseSpec, resolve_detector


def demo_crops(spec: PoseSpec) -> UInt8Array:
    """Crops of the people in the bundled image, where its detector finds them."""
    image = load_image(Path(rtmpose3d.__file__).parent / "bundled" / "people.jpg")
    detector = resolve_detector(spec.detector)
    path = locate(detector.file, None)
    assert path is not None
    session = open_detector(
        detector, path, RuntimeOptions(backend="onnxruntime", device="cpu", precision="fp32")
    )
    (people,) = detect_people(session, [image], bbox_thr=0.4)
    assert len(people) > 1
    return crop_people(image, people.boxes_xyxy[:4], spec.input_size_wh)[0]
