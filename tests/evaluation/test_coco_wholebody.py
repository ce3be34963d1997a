"""Metrics of COCO-WholeBody: equal to the official tools, and invariant to what must not matter."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.synthetic_coco import HEIGHT, WIDTH, synthetic_annotations, synthetic_results
from rtmpose3d.data import AnnotatedImage, ImageKey
from rtmpose3d.errors import InputError
from rtmpose3d.evaluation import CocoWholeBodyProtocol, Rescoring, SkippedItems
from rtmpose3d.evaluation.metrics import AveragePrecision
from rtmpose3d.evaluation.poses import ImagePoses
from rtmpose3d.evaluation.protocols.coco_results import (
    read_detections,
    read_results,
    results_document,
)
from rtmpose3d.evaluation.protocols.coco_wholebody import (
    coco_wholebody_ap,
    read_coco_images,
    rescored_poses,
)
from rtmpose3d.evaluation.reports.tables import COCO_COLUMNS

FIXTURE = Path(__file__).parents[1] / "fixtures" / "evaluation" / "coco_figures.json"
SETTINGS = {  # as the recording of mmpose's CocoWholeBodyMetric names them
    "default(score_mode=bbox_keypoint,nms=oks_nms thr .9,keypoint_score_thr .2)": {},
    "{'score_mode': 'bbox'}": {"score": "bbox"},
    "{'score_mode': 'keypoint'}": {"score": "keypoint"},
    "{'score_mode': 'bbox_keypoint', 'nms_mode': 'soft_oks_nms'}": {"nms": "soft-oks"},
    "{'score_mode': 'bbox_keypoint', 'nms_mode': 'none'}": {"nms": "none"},
    "{'nms_thr': 0.5}": {"nms_thr": 0.5},
}
Images = list[AnnotatedImage]


def assert_equal(metrics: dict[str, AveragePrecision], expected: dict[str, Any]) -> None:
    for part, row in expected.items():
        ours = [getattr(metrics[part], name) for name in COCO_COLUMNS.values()]
        theirs = [np.nan if row[column] == -1 else row[column] for column in COCO_COLUMNS]
        np.testing.assert_allclose(ours, theirs, atol=1e-9, err_msg=part)


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def read(path: Path) -> Images:
    return read_coco_images(path, None, SkippedItems())


def by_key(images: Images, poses: dict[int, ImagePoses]) -> dict[ImageKey, ImagePoses]:
    keys = {image.image_id: image.key for image in images}
    return {keys[image_id]: found for image_id, found in poses.items()}


def results(images: Images, path: Path) -> dict[ImageKey, ImagePoses]:
    return read_results(path, images)


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> tuple[Images, Path]:
    folder = tmp_path_factory.mktemp("synthetic")
    return read(write(folder / "gt.json", synthetic_annotations())), folder


@pytest.mark.parametrize(("name", "parts"), [("with part scores", True), ("one score", False)])
def test_metrics_equal_xtcocotools_on_synthetic_people(synthetic, name: str, parts: bool) -> None:
    images, folder = synthetic
    document = synthetic_results(synthetic_annotations(), part_scores=parts)
    poses = results(images, write(folder / "dt.json", document))
    assert_equal(coco_wholebody_ap(images, poses), json.loads(FIXTURE.read_text())[name])


def test_metrics_equal_the_official_example(shared: Path) -> None:
    samples = shared / "samples" / "coco_wholebody_eval"
    images = read(samples / "example_gt.json")
    poses = results(images, samples / "example_pred.json")
    official = json.loads((shared / "golden" / "eval" / "official_coco_wholebody.json").read_text())
    assert_equal(coco_wholebody_ap(images, poses), official["example"]["results"])


@pytest.mark.parametrize("name", SETTINGS)
def test_metrics_equal_mmposes_metric(name: str, shared: Path) -> None:
    recording = json.loads((shared / "golden" / "eval" / "coco_wholebody_metric.json").read_text())
    images = read(shared / "samples" / "coco" / "test_coco_wholebody.json")
    poses = _rescored(recording["samples"], Rescoring(**SETTINGS[name]))
    metrics = coco_wholebody_ap(images, by_key(images, poses))
    assert_equal(metrics, recording["results"][name])


def test_metrics_equal_the_official_ones_of_perturbed_predictions(shared: Path) -> None:
    golden = shared / "golden" / "eval"
    recording = json.loads((golden / "coco_wholebody_metric.json").read_text())
    official = json.loads((golden / "official_coco_wholebody.json").read_text())
    images = read(shared / "samples" / "coco" / "test_coco_wholebody.json")
    poses = _rescored(recording["samples"], Rescoring(score="bbox", nms="none"))
    metrics = coco_wholebody_ap(images, by_key(images, poses))
    assert_equal(metrics, official["perturbed_no_nms_score_is_bbox_score"])


def _rescored(samples: list[dict[str, Any]], rescoring: Rescoring) -> dict[int, ImagePoses]:
    by_image: dict[int, list[dict[str, Any]]] = {}
    for sample in sorted(samples, key=lambda sample: sample["id"]):
        by_image.setdefault(sample["img_id"], []).append(sample)
    keys = ("keypoints", "scores", "bbox_score", "area")
    return {
        image: rescored_poses(*(np.array([p[key] for p in people]) for key in keys), rescoring)
        for image, people in by_image.items()
    }


def test_the_order_of_images_and_of_poses_does_not_matter(synthetic, tmp_path: Path) -> None:
    images, _ = synthetic
    document = synthetic_results(synthetic_annotations(), part_scores=False)
    for i, row in enumerate(document):
        row["score"] += 1e-6 * i  # equal scores would be ordered by their position
    poses = results(images, write(tmp_path / "a.json", document))
    reversed_poses = results(images, write(tmp_path / "b.json", document[::-1]))
    metrics = coco_wholebody_ap(images, poses)
    assert coco_wholebody_ap(images[::-1], reversed_poses) == metrics


def truth_as_poses(images: Images) -> dict[ImageKey, ImagePoses]:
    return {
        image.key: ImagePoses(
            keypoints_px=np.stack([record.keypoints_px for record in image.people]),
            keypoint_scores=np.stack([record.visible for record in image.people]),
            scores=np.ones(len(image.people)),
        )
        for image in images
        if image.people
    }


def test_the_ground_truth_scores_one(synthetic) -> None:
    images, _ = synthetic
    metrics = coco_wholebody_ap(images, truth_as_poses(images))
    assert all(m.ap == pytest.approx(1) and m.ar == pytest.approx(1) for m in metrics.values())


def test_no_detections_score_zero(synthetic) -> None:
    assert {m.ap for m in coco_wholebody_ap(synthetic[0], {}).values()} == {0.0}


def test_detections_in_images_without_people_are_false_positives(synthetic) -> None:
    images, _ = synthetic
    poses = truth_as_poses(images)
    empty = next(image for image in images if not image.people)
    one = next(iter(poses.values()))
    best = replace(one, scores=one.scores + 1)
    metrics = coco_wholebody_ap(images, {**poses, empty.key: best})
    assert metrics["body"].ap < 1


def test_all_people_are_read_crowds_and_images_without_people_included(synthetic) -> None:
    images, _ = synthetic
    document = synthetic_annotations()
    assert [image.image_id for image in images] == sorted(i["id"] for i in document["images"])
    people = {r.annotation_id: r for image in images for r in image.people}
    assert set(people) == {row["id"] for row in document["annotations"]}
    for row in document["annotations"]:
        assert people[row["id"]].crowd == bool(row["iscrowd"])
        assert people[row["id"]].area_px2 == row["area"]
    assert {image.size_wh for image in images} == {(WIDTH, HEIGHT)}


def test_only_people_with_body_keypoints_who_are_no_crowd_are_cropped(synthetic) -> None:
    images, _ = synthetic
    counts = CocoWholeBodyProtocol().counts
    records = [record for image in images for record in image.people]
    chosen = [record for record in records if counts(record)]
    assert 0 < len(chosen) < len(records)
    assert not any(record.crowd for record in chosen)
    assert all(record.annotated[:17].any() for record in chosen)
    rejected = [record for record in records if not counts(record)]
    assert all(record.crowd or not record.annotated[:17].any() for record in rejected)


def test_crowds_are_not_compared_in_pixels(synthetic) -> None:
    images, _ = synthetic
    protocol = CocoWholeBodyProtocol()
    evaluation = protocol.score_poses(images, truth_as_poses(images))
    counted = sum(protocol.counts(record) for image in images for record in image.people)
    assert len(evaluation.matches) == counted
    assert str(counted) in evaluation.facts["people"]


def test_written_results_are_read_again_unchanged(synthetic, tmp_path: Path) -> None:
    images = synthetic[0]
    document = synthetic_results(synthetic_annotations(), part_scores=True)
    poses = read_results(write(tmp_path / "a.json", document), images)
    written = results_document(images, poses)
    again = read_results(write(tmp_path / "b.json", written), images)
    assert again.keys() == poses.keys()
    for image_id, people in poses.items():
        np.testing.assert_array_equal(again[image_id].keypoints_px, people.keypoints_px)
        np.testing.assert_array_equal(again[image_id].keypoint_scores, people.keypoint_scores)
        np.testing.assert_array_equal(again[image_id].scores_for("foot"), people.scores_for("foot"))
    assert {row["category_id"] for row in written} == {1}


def test_bad_annotations_are_errors_or_skipped_on_request(tmp_path: Path) -> None:
    document = synthetic_annotations(6)
    document["annotations"][2]["face_kpts"] = [1.0, 2.0, 3.0]
    path = write(tmp_path / "gt.json", document)
    with pytest.raises(InputError, match=r"annotation 2 \(id \d+\): face_kpts"):
        read_coco_images(path, None, SkippedItems())
    skipped = SkippedItems(allowed=True)
    people = sum(len(image.people) for image in read_coco_images(path, None, skipped))
    assert people == len(document["annotations"]) - 1
    assert len(skipped.reasons) == 1
    assert str(path) in skipped.reasons[0]


def test_an_image_twice_is_an_error(tmp_path: Path) -> None:
    document = synthetic_annotations(6)
    document["images"].append({**document["images"][0], "file_name": "other.jpg"})
    with pytest.raises(InputError, match="image 6: the id 1000 occurs twice"):
        read(write(tmp_path / "gt.json", document))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 3}, "result 1: no annotated image has the id 3"),
        ({"score": None}, "result 1: 'score' must be a finite number; got None"),
        ({"score": True}, "result 1: 'score' must be a finite number; got True"),
        ({"keypoints": [1.0]}, "result 1: keypoints must be numbers of shape"),
        ({"keypoints": [float("nan")] * 51}, "result 1: all coordinates and scores must be finite"),
    ],
)
def test_bad_results_are_named(synthetic, change: dict, message: str, tmp_path: Path) -> None:
    document = synthetic_results(synthetic_annotations(), part_scores=False)
    document[1] |= change
    with pytest.raises(InputError, match=message):
        results(synthetic[0], write(tmp_path / "dt.json", document))


def test_a_result_without_a_field_is_named(synthetic, tmp_path: Path) -> None:
    document = synthetic_results(synthetic_annotations(), part_scores=False)
    del document[0]["foot_kpts"]
    with pytest.raises(InputError, match="result 0: 'foot_kpts' is missing"):
        results(synthetic[0], write(tmp_path / "dt.json", document))


def test_other_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must hold a list of results, got a dict"):
        read_results(write(tmp_path / "dt.json", {}), [])
    with pytest.raises(InputError, match="result 0: expected an object"):
        read_results(write(tmp_path / "dt.json", [3]), [])


def test_detections_are_read_best_first_and_others_skipped(tmp_path: Path) -> None:
    rows = [
        {"image_id": 4, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.4},
        {"image_id": 4, "category_id": 1, "bbox": [5, 6, 30, 40], "score": 0.8},
        {"image_id": 4, "category_id": 3, "bbox": [5, 6, 30, 40], "score": 0.9},
        {"image_id": 9, "category_id": 1, "bbox": [5, 6, 30, 40], "score": 0.9},
        {"image_id": 4, "category_id": 1, "bbox": [5, 6, 0, 40], "score": 0.9},
        {"image_id": 4, "category_id": 1, "bbox": [5, 6, 30, 40], "score": 0.01},
    ]
    path = write(tmp_path / "boxes.json", rows)
    image = AnnotatedImage(path=Path("4.jpg"), people=(), image_id=4)
    skipped = SkippedItems()
    boxes = read_detections(path, [image], bbox_thr=0.1, skipped=skipped)[image.key]
    assert skipped.by_rule.total() == 4
    assert boxes.boxes_xyxy.tolist() == [[5, 6, 35, 46], [1, 2, 31, 42]]
    np.testing.assert_allclose(boxes.scores, [0.8, 0.4])
    path = write(tmp_path / "boxes.json", [{**rows[0], "bbox": [1, 2, 3]}])
    with pytest.raises(InputError, match="detection 0: bbox must be numbers"):
        read_detections(path, [image])
