from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rtmpose3d.synth import ShotSettings, World, make_shot
from rtmpose3d.synth.output.coco import PEOPLE_PER_IMAGE, coco_annotations, rle_counts, rle_string

pytestmark = pytest.mark.slow


def test_run_lengths_go_down_the_columns_and_start_with_zeros() -> None:
    mask = np.array([[0, 1, 1], [0, 1, 0]], bool)
    assert rle_counts(mask).tolist() == [2, 3, 1]
    assert rle_counts(~mask).tolist() == [0, 2, 3, 1]
    assert rle_counts(np.zeros((2, 3), bool)).tolist() == [6]


def test_compressed_run_lengths_are_those_of_pycocotools() -> None:
    mask = np.zeros((40, 300), bool)
    mask[5:33, 7:9] = True
    mask[0:2, 100] = True
    # pycocotools 2.0.10, mask.encode(mask)["counts"]
    assert rle_string(rle_counts(mask)) == "m8l0<0ca3VOoW4"


@pytest.mark.parametrize("seed", range(4))
def test_compressed_run_lengths_can_be_read_back(seed: int) -> None:
    mask = np.random.default_rng(seed).random((37, 23)) < 0.3
    counts = rle_counts(mask)
    assert _read_counts(rle_string(counts)) == counts.tolist()
    flat = np.repeat(np.arange(len(counts)) % 2, counts).astype(bool)
    assert np.array_equal(flat.reshape(23, 37).T, mask)


def _read_counts(text: str) -> list[int]:
    """Decodes as rleFrString of maskApi.c does."""
    counts: list[int] = []
    at = 0
    while at < len(text):
        value = shift = 0
        while True:
            bits = ord(text[at]) - 48
            value |= (bits & 0x1F) << 5 * shift
            at, shift = at + 1, shift + 1
            if not bits & 0x20:
                if bits & 0x10:
                    value |= -1 << 5 * shift
                break
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts


def test_the_document_has_coco_wholebody_fields_that_agree_with_each_other(world: World) -> None:
    samples = [s for shot in range(3) for s in make_shot(world, shot, ShotSettings())]
    document = coco_annotations(samples, 70, {"seed": 3}, ["p.png: unknown author, CC0"])
    assert [image["id"] for image in document["images"]] == [70, 71, 72]
    assert document["annotations"]
    for annotation in document["annotations"]:
        image = document["images"][annotation["image_id"] - 70]
        sizes = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68}
        for name, count in {**sizes, "lefthand_kpts": 21, "righthand_kpts": 21}.items():
            assert len(annotation[name]) == 3 * count
        points_m = np.array(annotation["keypoints_3d"])
        camera = image["camera"]
        pixels = points_m[:, :2] / points_m[:, 2:] * [camera["fx"], camera["fy"]]
        pixels += [camera["cx"], camera["cy"]]
        flat = [annotation[n] for n in ("keypoints", "foot_kpts", "face_kpts")]
        flat += [annotation["lefthand_kpts"], annotation["righthand_kpts"]]
        points = np.concatenate(flat).reshape(133, 3)
        labelled = points[:, 2] > 0
        assert np.abs(points[labelled, :2] - pixels[labelled]).max() < 0.01
        assert points[:, 2].tolist() == annotation["visibility133"]
        assert (points[~labelled] == 0).all()
        mask_area = sum(_read_counts(annotation["segmentation"]["counts"])[1::2])
        assert mask_area == annotation["area"] > 0
        x, y, w, h = annotation["bbox"]
        assert x >= 0
        assert y >= 0
        assert x + w <= 640
        assert y + h <= 480


def test_fields_of_the_document_are_those_of_the_labels(world: World) -> None:
    samples = [s for shot in range(6) for s in make_shot(world, shot, ShotSettings())]
    document = coco_annotations(samples, 0, {}, [])
    by_id = {annotation["id"]: annotation for annotation in document["annotations"]}
    clipped = 0
    for image_id, sample in enumerate(samples):
        written = document["images"][image_id]["camera"]["camera_from_world"]
        np.testing.assert_allclose(written, sample.view.camera_from_world, atol=1e-8)
        for labels in sample.labels:
            if not labels.visible_area_px:
                continue
            annotation = by_id[image_id * PEOPLE_PER_IMAGE + labels.person_index + 1]
            hips = labels.keypoints_camera_m[[11, 12], 2]
            assert annotation["root_depth_m"] == pytest.approx(hips.mean(), abs=1e-6)
            for name, box in (
                ("bbox", labels.box_xyxy),
                ("bbox_full", labels.full_box_xyxy),
                ("bbox_visible", labels.visible_box_xyxy),
            ):
                x, y, width, height = annotation[name]
                corners = np.array([x, y, x + width, y + height]) - 0.5
                np.testing.assert_allclose(corners, box, atol=2e-3, err_msg=name)
            clipped += bool(np.abs(labels.full_box_xyxy - labels.box_xyxy).max() > 1)
    assert clipped


def test_people_without_a_visible_pixel_are_not_annotated(world: World) -> None:
    (sample,) = make_shot(world, 1, ShotSettings())
    hidden = replace(sample.labels[0], visible_area_px=0)
    others = tuple(sample.labels[1:])
    document = coco_annotations([replace(sample, labels=(hidden, *others))], 0, {}, [])
    visible = sum(labels.visible_area_px > 0 for labels in others)
    assert len(document["annotations"]) == visible


def test_the_skeleton_counts_keypoints_from_1() -> None:
    (category,) = coco_annotations([], 0, {}, [])["categories"]
    names = category["keypoints"]
    bones = {frozenset((names[a - 1], names[b - 1])) for a, b in category["skeleton"]}
    assert frozenset(("left_elbow", "left_wrist")) in bones
    assert frozenset(("right_knee", "right_ankle")) in bones
    assert min(min(bone) for bone in category["skeleton"]) == 1
