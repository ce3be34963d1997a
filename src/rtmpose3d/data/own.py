"""One's own annotations, in a COCO-style file of any name: the row `coco-style` of the table."""

from __future__ import annotations

from rtmpose3d.data.maps.body_maps import COCO_WHOLEBODY
from rtmpose3d.data.readers.wholebody import read_coco_wholebody
from rtmpose3d.data.specs import DatasetSpec, Split

COCO_STYLE = DatasetSpec(
    name="coco-style",
    title="Your own annotations: a COCO-style file of any name, 133 or 17 keypoints",
    page="docs/own-data.md",
    licence="yours",
    keypoint_map=COCO_WHOLEBODY,
    reader=read_coco_wholebody,
    splits={name: Split(annotations=f"{name}.json", images="images") for name in ("train", "val")},
)
