"""COCO-style files as people have them, evaluated: the same people as in training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from evaluation.synthetic_coco import HEIGHT, WIDTH, synthetic_annotations
from rtmpose3d.data import AnnotatedImage, ReadOptions, read_dataset
from rtmpose3d.errors import InputError
from rtmpose3d.evaluation import CocoWholeBodyProtocol, RunOptions, SkippedItems
from rtmpose3d.evaluation.protocols.coco_results import read_detections
from rtmpose3d.evaluation.protocols.coco_wholebody import read_coco_images
from rtmpose3d.evaluation.protocols.pose_files import ImageIndex
from rtmpose3d.evaluation.running import predict_records
from rtmpose3d.sinks import open_sink
from rtmpose3d.structures import PoseResult

PROTOCOL = CocoWholeBodyProtocol()
PARTS = ("foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
Json = dict[str, Any]


def people_document(count: int = 4) -> Json:
    """Annotations of people who all count."""
    document = synthetic_annotations(count + 4)
    document["annotations"] = [
        {**row, "iscrowd": 0, "area": 9000.0, "bbox": [30 + 5 * i, 20, 200, 300]}
        for i, row in enumerate(document["annotations"])
        if row["num_keypoints"]
    ]
    return document


def truth_as_results(document: Json) -> list[Json]:
    names = ("image_id", "category_id", "keypoints", *PARTS)
    return [{**{n: row[n] for n in names}, "score": 0.9} for row in document["annotations"]]


def write(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def ap(folder: Path, document: Json, results: list[Json]) -> tuple[float, SkippedItems]:
    """AP of the whole body, and what was skipped."""
    skipped = SkippedItems()
    images = read_coco_images(write(folder / "gt.json", document), folder, skipped)
    poses = PROTOCOL.read_poses(write(folder / "dt.json", results), images, skipped)
    metrics: Any = PROTOCOL.score_poses(images, poses).metrics["ap_ar"]
    return metrics["wholebody"]["AP"], skipped


def test_poses_far_off_score_zero_whatever_the_area_says(tmp_path: Path) -> None:
    document = people_document()
    wrong = truth_as_results(document)
    for row in wrong:
        for name in ("keypoints", *PARTS):
            points = np.reshape(row[name], (-1, 3)) + np.array([250, 0, 0])
            row[name] = points.ravel().tolist()
    assert ap(tmp_path, document, wrong)[0] < 0.05
    for row in document["annotations"]:
        row["area"] = -9000.0
    with pytest.raises(InputError, match="area must be a finite number, 0 or more, got -9000"):
        ap(tmp_path, document, wrong)


def test_missing_areas_are_noted_once(tmp_path: Path) -> None:
    document = people_document()
    for row in document["annotations"]:
        del row["area"]
    value, skipped = ap(tmp_path, document, truth_as_results(document))
    assert value == pytest.approx(1)
    count = len(document["annotations"])
    assert skipped.lines == [f"{count} of {count} people have no area: 0.53 of their box's is used"]


@pytest.mark.parametrize("spell", [str, float, lambda i: f"image {i}"])
@pytest.mark.parametrize("where", ["annotations", "results"])
def test_ids_of_another_type_are_matched(tmp_path: Path, spell: Callable, where: str) -> None:
    document = people_document()
    results = truth_as_results(document)
    text_only = spell(1) == "image 1"
    if where == "annotations" or text_only:
        for row in (*document["images"], *document["annotations"]):
            row["id"] = spell(row["id"])
        for row in document["annotations"]:
            row["image_id"] = spell(row["image_id"])
    if where == "results" or text_only:
        for row in results:
            row["image_id"] = spell(row["image_id"])
    assert ap(tmp_path, document, results)[0] == pytest.approx(1)


def test_written_results_have_the_ids_of_the_annotations(tmp_path: Path) -> None:
    document = people_document()
    for row in document["images"]:
        row["id"] = str(row["id"])
    document["categories"] = [{"id": 0, "name": "person"}]
    for row in document["annotations"]:
        row["category_id"] = 0
    images = read_coco_images(write(tmp_path / "gt.json", document), None, SkippedItems())
    poses = PROTOCOL.read_poses(write(tmp_path / "dt.json", truth_as_results(document)), images)
    written: Any = PROTOCOL.score_poses(images, poses).predictions
    assert {type(row["image_id"]) for row in written} == {str}
    assert {row["category_id"] for row in written} == {0}


@pytest.mark.parametrize("value", [[1], {"a": 1}, None])
def test_a_result_whose_id_is_a_list_is_named(tmp_path: Path, value: object) -> None:
    document = people_document()
    results = truth_as_results(document)
    results[2]["image_id"] = value
    with pytest.raises(InputError, match="result 2: image_id must be a whole number or text"):
        ap(tmp_path, document, results)


@pytest.mark.parametrize(("category", "persons"), [(0, 1), (1, 0), (7, 7), ("1", 1), (1.0, 1)])
def test_results_of_the_only_category_count(tmp_path: Path, category: object, persons: int) -> None:
    document = people_document()
    document["categories"] = [{"id": persons, "name": "person"}]
    for row in document["annotations"]:
        row["category_id"] = persons
    results = [{**row, "category_id": category} for row in truth_as_results(document)]
    assert ap(tmp_path, document, results)[0] == pytest.approx(1)


def test_results_of_other_categories_are_counted(tmp_path: Path) -> None:
    document = people_document()
    results = truth_as_results(document)
    for row in results[:2]:
        row["category_id"] = 18
    value, skipped = ap(tmp_path, document, results)
    assert 0 < value < 1
    assert skipped.lines == ["skipped results: 2 x category 18"]
    for row in results:
        row["category_id"] = 18
    with pytest.raises(InputError, match=r"none of its \d+ results can be used: \d+ of cat"):
        ap(tmp_path, document, results)


def test_no_results_at_all_score_zero(tmp_path: Path) -> None:
    assert ap(tmp_path, people_document(), [])[0] == 0


def test_detections_counted_from_zero_are_of_people_at_zero(tmp_path: Path) -> None:
    image = AnnotatedImage(path=Path("a.jpg"), people=(), image_id=1, size_wh=(100, 80))
    row = {"image_id": "1", "score": 0.5, "bbox": [1, 2, 30, 40]}
    boxes = [
        {**row, "category_id": 0},
        {**row, "category_id": 1},
        {**row, "category_id": 0, "bbox": [200, 2, 30, 40]},
    ]
    skipped = SkippedItems()
    found = read_detections(write(tmp_path / "boxes.json", boxes), [image], skipped=skipped)
    assert len(found[image.key].scores) == 1
    assert skipped.lines == [
        "skipped boxes: 1 x category 1",
        "skipped boxes: 1 x box of a pixel or less inside the image",
    ]


def test_other_categories_and_empty_boxes_are_the_only_ones_excluded(tmp_path: Path) -> None:
    document = people_document()
    dog = {
        "id": 1,
        "image_id": document["images"][0]["id"],
        "category_id": 18,
        "bbox": [1, 1, 9, 9],
    }
    first = document["annotations"][0]
    document["annotations"] += [dog, {**first, "id": 2, "bbox": [100, 100, 0, 0]}]
    value, skipped = ap(tmp_path, document, truth_as_results(people_document()))
    assert value == pytest.approx(1)
    assert sorted(skipped.lines) == [
        "skipped annotations: 1 x another category than persons",
        "skipped annotations: 1 x no box, or a box of less than a pixel inside the image",
    ]
    assert not skipped.reasons


def test_a_file_under_two_ids_is_evaluated_under_both(tmp_path: Path) -> None:
    document = people_document()
    document["images"][1]["file_name"] = document["images"][0]["file_name"]
    value, _ = ap(tmp_path, document, truth_as_results(document))
    assert value == pytest.approx(1)
    images = read_coco_images(tmp_path / "gt.json", tmp_path, SkippedItems())
    for image in images:
        cv2.imwrite(str(image.path), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    model: Any = annotated_boxes_as_poses
    predicted = predict_records(
        model, images, RunOptions(), counts=PROTOCOL.counts, skipped=SkippedItems()
    )
    people = sum(len(result) for result in predicted.results.values())
    assert people == sum(PROTOCOL.counts(r) for image in images for r in image.people)


def annotated_boxes_as_poses(images, *, boxes, **_) -> list[PoseResult]:
    return [
        result_of(image.shape[1], image.shape[0], own)
        for image, own in zip(images, boxes, strict=True)
    ]


def result_of(width: int, height: int, boxes: np.ndarray, source: Path | None = None) -> PoseResult:
    count = len(boxes)
    return PoseResult(
        keypoints_2d=np.repeat(boxes[:, None, :2], 133, axis=1),
        scores=np.full((count, 133), 5.0, np.float32),
        confidence=np.full((count, 133), 0.9, np.float32),
        bboxes=np.asarray(boxes, np.float32),
        bbox_scores=np.ones(count, np.float32),
        image_size_wh=(width, height),
        source=source,
    )


BOX = np.array([[10.0, 10, 90, 120]], np.float32)


def same_names(folder: Path) -> list[AnnotatedImage]:
    document = people_document()
    for number, image in enumerate(document["images"]):
        image["file_name"] = f"cam{number}/0001.png"
    return read_coco_images(write(folder / "gt.json", document), folder / "images", SkippedItems())


def test_results_of_images_of_one_name_are_matched_by_their_folders(tmp_path: Path) -> None:
    images = same_names(tmp_path)
    result = result_of(WIDTH, HEIGHT, BOX, Path("videos/cam1/0001.png"))
    index = ImageIndex(images=images)
    (found,) = index.find(result.source, "x.json")
    assert found.file_name == "cam1/0001.png"
    (found,) = index.find(Path("cam0\\0001.png"), "x.json")
    assert found.file_name == "cam0/0001.png"
    (found,) = index.find(tmp_path / "images" / "cam2" / "0001.png", "x.json")
    assert found.file_name == "cam2/0001.png"
    with pytest.raises(InputError, match=r"x.json: its image '0001.png' may be .*cam0.*cam1"):
        index.find(Path("0001.png"), "x.json")
    for other in ("cam9/0001.png", "0002.png"):
        with pytest.raises(InputError, match="is not in the annotations"):
            index.find(Path(other), "x.json")
    with pytest.raises(InputError, match="its image '' is not in the annotations"):
        index.find(None, "x.json")


def test_a_folder_may_hold_each_result_in_several_formats(tmp_path: Path) -> None:
    document = people_document()
    images = read_coco_images(write(tmp_path / "gt.json", document), tmp_path, SkippedItems())
    for number, image in enumerate(images[:2]):
        folder = tmp_path / "out" / str(number)
        folder.mkdir(parents=True)
        result = result_of(WIDTH, HEIGHT, BOX, image.path)
        for ending in ("json", "npz", "csv"):
            result.save(folder / f"{image.path.stem}_pose.{ending}")
    poses = PROTOCOL.read_poses(tmp_path / "out", images)
    assert list(poses) == [image.key for image in images[:2]]
    evaluation = PROTOCOL.score_poses(images, poses)
    assert evaluation.facts["images with poses"] == f"2 of {len(images)}"
    result_of(WIDTH, HEIGHT, BOX, images[0].path).save(tmp_path / "out" / "again.json")
    with pytest.raises(InputError, match=r"both hold poses of"):
        PROTOCOL.read_poses(tmp_path / "out", images)


def test_a_file_of_many_results_is_read(tmp_path: Path) -> None:
    document = people_document()
    images = read_coco_images(write(tmp_path / "gt.json", document), tmp_path, SkippedItems())
    path = tmp_path / "poses.jsonl"
    with open_sink(path) as sink:
        for image in images[:3]:
            sink.write(result_of(WIDTH, HEIGHT, BOX, image.path))
    assert len(PROTOCOL.read_poses(path, images)) == 3
    with open_sink(path) as sink:
        for image in (images[0], images[0]):
            sink.write(result_of(WIDTH, HEIGHT, BOX, image.path))
    with pytest.raises(InputError, match="both hold poses of"):
        PROTOCOL.read_poses(path, images)


ODDITIES: dict[str, Callable[[Json], object]] = {
    "text id": lambda row: row.update(id=f"a{row['id']}", image_id=str(row["image_id"])),
    "float id": lambda row: row.update(id=float(row["id"]), image_id=float(row["image_id"])),
    "list id": lambda row: row.update(image_id=[row["image_id"]]),
    "other category": lambda row: row.update(category_id=2),
    "no category": lambda row: row.pop("category_id"),
    "no area": lambda row: row.pop("area"),
    "negative area": lambda row: row.update(area=-1.0),
    "crowd as text": lambda row: row.update(iscrowd="1"),
    "no crowd as text": lambda row: row.update(iscrowd="0"),
    "odd crowd": lambda row: row.update(iscrowd="perhaps"),
    "empty box": lambda row: row.update(bbox=[5, 5, 0, 9]),
    "no box": lambda row: row.update(bbox=None),
    "box outside": lambda row: row.update(bbox=[5000, 5, 20, 9]),
    "unknown coordinates": lambda row: row.update(lefthand_kpts=[None, None, 0] * 21),
    "labelled nowhere": lambda row: row.update(lefthand_kpts=[None, None, 1] * 21),
    "short list": lambda row: row.update(foot_kpts=[1, 2, 3]),
    "body only": lambda row: [row.pop(name) for name in PARTS],
    "no keypoints": lambda row: [row.pop(name) for name in ("keypoints", *PARTS)],
    "one list": lambda row: row.update(
        keypoints=[v for name in ("keypoints", *PARTS) for v in row.pop(name)]
    ),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(ODDITIES)), st.integers(0, 7)), max_size=6))
@settings(deadline=None, max_examples=60)
def test_training_and_evaluation_use_the_same_people(tmp_path_factory, changes) -> None:
    folder = tmp_path_factory.mktemp("odd")
    document = people_document()
    changed: set[int] = set()
    for name, index in changes:
        if index not in changed:
            ODDITIES[name](document["annotations"][index])
            changed.add(index)
    path = write(folder / "gt.json", document)
    training = read_dataset(
        "coco-wholebody",
        folder,
        "train",
        on_bad="skip",
        options=ReadOptions(check_images=False),
        annotations=path.name,
        images=str(folder),
    )
    trained = {record.index for record in training if record.annotated[:17].any()}
    skipped = SkippedItems(allowed=True)
    images = read_coco_images(path, folder, skipped)
    records = [record for image in images for record in image.people]
    assert {record.index for record in records if PROTOCOL.counts(record)} == trained
    assert skipped.reasons == [bad.text for bad in training.bad]
    used = len(records) + len(skipped.reasons) + skipped.by_rule.total()
    assert used == len(document["annotations"])
