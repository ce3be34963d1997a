"""COCO-WholeBody's figures: AP and AR of the whole body and of each part, as officially made.

The official script scores each part by itself: a person counts for a part if one of its keypoints
is labelled; of a detection whose keypoints in the part all have a score of 0 or less, the part
does not count as found; the size of a person is its area, that of a detection the extent of its
17 body keypoints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rtmpose3d.evaluation.coco_annotations import CocoImage
from rtmpose3d.evaluation.metrics.oks import (
    AveragePrecision,
    OksImage,
    average_precision,
    oks_matrix,
)
from rtmpose3d.evaluation.protocols.coco_results import NOBODY, FoundPeople
from rtmpose3d.skeletons import WHOLEBODY

BODY = slice(0, 17)
COCO_PARTS: Mapping[str, slice] = {
    "wholebody": slice(0, 133),
    "body": BODY,
    "foot": slice(17, 23),
    "face": slice(23, 91),
    "lefthand": slice(91, 112),
    "righthand": slice(112, 133),
}
COLUMNS: Mapping[str, str] = {  # the official names of the figures
    "AP": "ap",
    "AP .5": "ap50",
    "AP .75": "ap75",
    "AP (M)": "ap_medium",
    "AP (L)": "ap_large",
    "AR": "ar",
    "AR .5": "ar50",
    "AR .75": "ar75",
    "AR (M)": "ar_medium",
    "AR (L)": "ar_large",
}


def coco_wholebody_figures(
    images: Sequence[CocoImage], found: Mapping[int, FoundPeople]
) -> dict[str, AveragePrecision]:
    """AP and AR of every part.

    Args:
        images: annotated.
        found: by image id; images that are not in it are images where nobody was found.
    """
    ordered = sorted(images, key=lambda image: image.image_id)
    return {
        part: average_precision(
            [part_image(image, found.get(image.image_id, NOBODY), part) for image in ordered]
        )
        for part in COCO_PARTS
    }


def part_image(image: CocoImage, people: FoundPeople, part: str) -> OksImage:
    """One image's detections against its annotations, for one of `COCO_PARTS`."""
    places = COCO_PARTS[part]
    there = (people.keypoints[:, places, 2] > 0).any(axis=1)
    points = people.keypoints[there]
    body = points[:, BODY, :2]
    extent = np.ptp(body, axis=1) if len(body) else np.zeros((0, 2))
    annotated = image.annotated[:, places]
    return OksImage(
        oks=oks_matrix(
            points[:, places, :2],
            image.keypoints[:, places],
            annotated,
            image.area_px2,
            image.boxes_xyxy,
            WHOLEBODY.sigmas[places],
        ),
        scores=(people.scores if part == "body" else people.scores_of(part))[there],
        ignored=image.crowd | ~annotated.any(axis=1),
        crowd=image.crowd,
        found_area_px2=extent.prod(axis=1),
        true_area_px2=image.area_px2,
    )
