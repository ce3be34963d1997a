"""COCO-WholeBody annotations of rendered images, extended by 3D.

Standard fields follow COCO-WholeBody V1.0 (body keypoints, foot_kpts, face_kpts, hands, boxes with
pixel corners at whole numbers, masks as compressed RLE). Additional fields per person:
`keypoints_3d` (133 x 3 m, camera space), `visibility133` (0 outside, 1 occluded, 2 visible),
`root_depth_m`, `bbox_visible`, `bbox_full`, `identity`, `stature_m`, `attributes`; per image:
`camera`, `shot`, `view`, `frame`, `time_s`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures.arrays import BoolArray, FloatArray, IntArray
from rtmpose3d.synth.output.labels import OUTSIDE, VISIBLE, PersonLabels
from rtmpose3d.synth.output.shots import SynthSample
from rtmpose3d.synth.scene import Person

CocoJson = dict[str, object]
PEOPLE_PER_IMAGE = 100  # annotation ids are image id * this + person + 1
_PIXEL_CORNER = 0.5  # COCO's origin is the corner of the first pixel, ours is its centre
LICENCE = (
    "Rendered people: bodies, clothes and hair from MakeHuman assets, CC0-1.0. Backgrounds and "
    "objects keep the licences of their files, see `backdrops`."
)
_HANDS = {"lefthand": slice(91, 112), "righthand": slice(112, 133)}


def coco_annotations(
    samples: Sequence[SynthSample],
    first_image_id: int,
    info: Mapping[str, object],
    backdrop_credits: Sequence[str],
) -> CocoJson:
    """Builds the annotation document of a shard.

    Args:
        samples: rendered images in the order of their ids.
        first_image_id: id of the first image.
        info: the section `info`: version, settings, split.
        backdrop_credits: file, author and licence of every photograph and object in use.

    Returns:
        The document, ready for `json.dump`. People without a visible pixel are not annotated.
    """
    images: list[CocoJson] = []
    annotations: list[CocoJson] = []
    for image_id, sample in enumerate(samples, first_image_id):
        images.append(_image(sample, image_id))
        annotations += [
            _annotation(sample, labels, image_id)
            for labels in sample.labels
            if labels.visible_area_px
        ]
    return {
        "info": dict(info),
        "licenses": [{"id": 1, "name": LICENCE, "backdrops": list(backdrop_credits)}],
        "categories": [_category()],
        "images": images,
        "annotations": annotations,
    }


def file_name(image_id: int) -> str:
    """File name of an image within its shard."""
    return f"{image_id:08d}.jpg"


def rle_counts(mask: BoolArray) -> IntArray:
    """Uncompressed COCO run lengths of a (H, W) mask: column by column, zeros first."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat.astype(np.int8))) + 1
    runs = np.diff(np.concatenate([[0], changes, [flat.size]]))
    return np.concatenate([[0], runs]) if flat.size and flat[0] else runs


def rle_string(counts: Sequence[int] | IntArray) -> str:
    """Compressed COCO run lengths: differences to the run two before, five bits per character."""
    text: list[str] = []
    values = [int(count) for count in counts]
    for index, value in enumerate(values):
        remaining = value - values[index - 2] if index > 2 else value
        while True:
            bits = remaining & 0x1F
            remaining >>= 5
            more = remaining != (-1 if bits & 0x10 else 0)
            text.append(chr((bits | 0x20 if more else bits) + 48))
            if not more:
                break
    return "".join(text)


def _image(sample: SynthSample, image_id: int) -> CocoJson:
    camera = sample.view.camera
    return {
        "id": image_id,
        "file_name": file_name(image_id),
        "width": camera.width,
        "height": camera.height,
        "license": 1,
        "camera": {
            **{name: round(getattr(camera, name), 6) for name in ("fx", "fy", "cx", "cy")},
            "camera_from_world": _rounded(sample.view.camera_from_world, 9),
        },
        "shot": sample.shot,
        "view": sample.view_index,
        "frame": sample.frame_index,
        "time_s": round(sample.time_s, 6),
    }


def _annotation(sample: SynthSample, labels: PersonLabels, image_id: int) -> CocoJson:
    person = sample.people[labels.person_index]
    mask = sample.owner == labels.person_index + 1
    points = _points(labels)
    body = points[:17]
    return {
        "id": image_id * PEOPLE_PER_IMAGE + labels.person_index + 1,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": _xywh(labels.box_xyxy),
        "bbox_visible": _xywh(labels.visible_box_xyxy),
        "bbox_full": _xywh(labels.full_box_xyxy),
        "area": labels.visible_area_px,
        "segmentation": {"size": list(mask.shape), "counts": rle_string(rle_counts(mask))},
        "num_keypoints": int((body[:, 2] > 0).sum()),
        "keypoints": _flat(body),
        **_part_fields(points),
        **_rendered_fields(labels, person),
    }


def _part_fields(points: FloatArray) -> CocoJson:
    """Fields of feet, face and hands."""
    fields: CocoJson = {"foot_kpts": _flat(points[17:23]), "foot_valid": _any(points[17:23])}
    for name, part in {"face": slice(23, 91), **_HANDS}.items():
        chosen = points[part]
        fields[f"{name}_kpts"] = _flat(chosen)
        fields[f"{name}_valid"] = _any(chosen)
        fields[f"{name}_box"] = _box_around(chosen)
    return fields


def _rendered_fields(labels: PersonLabels, person: Person) -> CocoJson:
    """Fields beyond COCO-WholeBody."""
    hips = WHOLEBODY.index("left_hip"), WHOLEBODY.index("right_hip")
    return {
        "keypoints_3d": _rounded(labels.keypoints_camera_m, 6),
        "visibility133": labels.visibility.tolist(),
        "root_depth_m": round(float(labels.keypoints_camera_m[list(hips), 2].mean()), 6),
        "identity": person.identity,
        "stature_m": round(person.stature_m, 4),
        "attributes": {
            key: round(value, 4) if isinstance(value, float) else value
            for key, value in person.attributes.items()
        },
    }


def _points(labels: PersonLabels) -> FloatArray:
    """(133, 3) x, y and COCO's flag: 0 not labelled, 1 occluded, 2 visible; zeros if outside."""
    points = np.zeros((len(WHOLEBODY), 3))
    inside = labels.visibility != OUTSIDE
    points[inside, :2] = labels.keypoints_px[inside]
    points[inside, 2] = np.where(labels.visibility[inside] == VISIBLE, 2, 1)
    return points


def _flat(points: FloatArray) -> list[float]:
    return [
        number for x, y, flag in points.tolist() for number in (round(x, 3), round(y, 3), int(flag))
    ]


def _any(points: FloatArray) -> bool:
    return bool((points[:, 2] > 0).any())


def _box_around(points: FloatArray) -> list[float]:
    inside = points[points[:, 2] > 0, :2]
    if not len(inside):
        return [0.0, 0.0, 0.0, 0.0]
    low, high = inside.min(axis=0), inside.max(axis=0)
    margin = 0.1 * float((high - low).max())
    return _xywh(np.concatenate([low - margin, high + margin]))


def _xywh(box: FloatArray) -> list[float]:
    """COCO's x, y, width, height of a box (4,) x1 y1 x2 y2 in our pixels; zeros if empty."""
    if not (box[2:] > box[:2]).all():
        return [0.0, 0.0, 0.0, 0.0]
    return _rounded(np.concatenate([box[:2] + _PIXEL_CORNER, box[2:] - box[:2]]), 3)


def _rounded(values: FloatArray, digits: int) -> list:
    return np.round(np.asarray(values, np.float64), digits).tolist()


def _category() -> CocoJson:
    body = WHOLEBODY.part_bones("body")
    return {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(WHOLEBODY.keypoint_names[:17]),
        "skeleton": [[int(a) + 1, int(b) + 1] for a, b in body if max(a, b) < 17],
    }
