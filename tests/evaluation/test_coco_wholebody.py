"""Figures of COCO-WholeBody: against the official tools, and what must not change them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.made_coco import made_annotations, made_results
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.evaluation.coco_annotations import CocoImage, read_coco_wholebody
from rtmpose3d.evaluation.errors import Skips
from rtmpose3d.evaluation.metrics.coco_ap import COLUMNS, coco_wholebody_figures
from rtmpose3d.evaluation.metrics.oks import AveragePrecision
from rtmpose3d.evaluation.protocols.coco_results import (
    FoundPeople,
    read_results,
    results_document,
    scored_people,
    write_results,
)
from rtmpose3d.evaluation.protocols.rescoring import Rescoring, pose_similarity

FIXTURE = Path(__file__).parents[1] / "fixtures" / "evaluation" / "coco_figures.json"
SETTINGS = {  # as the recording of mmpose's CocoWholeBodyMetric names them
    "default(score_mode=bbox_keypoint,nms=oks_nms thr .9,keypoint_score_thr .2)": {},
    "{'score_mode': 'bbox'}": {"score": "bbox"},
    "{'score_mode': 'keypoint'}": {"score": "keypoint"},
    "{'score_mode': 'bbox_keypoint', 'nms_mode': 'soft_oks_nms'}": {"nms": "soft-oks"},
    "{'score_mode': 'bbox_keypoint', 'nms_mode': 'none'}": {"nms": "none"},
    "{'nms_thr': 0.5}": {"nms_thr": 0.5},
}


def assert_equal(figures: dict[str, AveragePrecision], expected: dict[str, Any]) -> None:
    for part, row in expected.items():
        ours = [getattr(figures[part], name) for name in COLUMNS.values()]
        theirs = [np.nan if row[column] == -1 else row[column] for column in COLUMNS]
        np.testing.assert_allclose(ours, theirs, atol=1e-9, err_msg=part)


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[CocoImage], Path]:
    folder = tmp_path_factory.mktemp("made")
    images = read_coco_wholebody(write(folder / "gt.json", made_annotations()), Skips())
    return images, folder


@pytest.mark.parametrize(("name", "parts"), [("with part scores", True), ("one score", False)])
def test_figures_equal_xtcocotools_on_made_up_people(made, name: str, parts: bool) -> None:
    images, folder = made
    results = made_results(made_annotations(), part_scores=parts)
    found = read_results(write(folder / "dt.json", results), [p.image_id for p in images])
    assert_equal(coco_wholebody_figures(images, found), json.loads(FIXTURE.read_text())[name])


def test_figures_equal_the_official_example(shared: Path) -> None:
    samples = shared / "samples" / "coco_wholebody_eval"
    images = read_coco_wholebody(samples / "example_gt.json", Skips())
    found = read_results(samples / "example_pred.json", [p.image_id for p in images])
    official = json.loads((shared / "golden" / "eval" / "official_coco_wholebody.json").read_text())
    assert_equal(coco_wholebody_figures(images, found), official["example"]["results"])


@pytest.mark.parametrize("name", SETTINGS)
def test_figures_equal_mmposes_metric(name: str, shared: Path) -> None:
    recording = json.loads((shared / "golden" / "eval" / "coco_wholebody_metric.json").read_text())
    annotations = shared / "samples" / "coco" / "test_coco_wholebody.json"
    images = read_coco_wholebody(annotations, Skips())
    found = _scored(recording["samples"], Rescoring(**SETTINGS[name]))
    assert_equal(coco_wholebody_figures(images, found), recording["results"][name])


def test_figures_equal_the_official_ones_of_perturbed_predictions(shared: Path) -> None:
    golden = shared / "golden" / "eval"
    recording = json.loads((golden / "coco_wholebody_metric.json").read_text())
    official = json.loads((golden / "official_coco_wholebody.json").read_text())
    annotations = shared / "samples" / "coco" / "test_coco_wholebody.json"
    found = _scored(recording["samples"], Rescoring(score="bbox", nms="none"))
    figures = coco_wholebody_figures(read_coco_wholebody(annotations, Skips()), found)
    assert_equal(figures, official["perturbed_no_nms_score_is_bbox_score"])


def _scored(samples: list[dict[str, Any]], rescoring: Rescoring) -> dict[int, FoundPeople]:
    by_image: dict[int, list[dict[str, Any]]] = {}
    for sample in sorted(samples, key=lambda sample: sample["id"]):
        by_image.setdefault(sample["img_id"], []).append(sample)
    keys = ("keypoints", "scores", "bbox_score", "area")
    return {
        image: scored_people(*(np.array([p[key] for p in people]) for key in keys), rescoring)
        for image, people in by_image.items()
    }


def test_the_order_of_images_and_of_people_does_not_count(made, tmp_path: Path) -> None:
    images, _ = made
    results = made_results(made_annotations(), part_scores=False)
    for i, row in enumerate(results):
        row["score"] += 1e-6 * i  # equal scores would be told apart by their order
    ids = [p.image_id for p in images]
    found = read_results(write(tmp_path / "a.json", results), ids)
    turned = read_results(write(tmp_path / "b.json", results[::-1]), ids)
    first = coco_wholebody_figures(images, found)
    assert coco_wholebody_figures(images[::-1], turned) == first


def test_the_truth_scores_one(made) -> None:
    images, _ = made
    found = {
        p.image_id: FoundPeople(
            keypoints=np.concatenate([p.keypoints, p.annotated[..., None]], axis=2),
            scores=np.ones(len(p.ids)),
            part_scores={},
        )
        for p in images
    }
    figures = coco_wholebody_figures(images, found)
    assert all(f.ap == pytest.approx(1) and f.ar == pytest.approx(1) for f in figures.values())


def test_nothing_found_scores_none(made) -> None:
    figures = coco_wholebody_figures(made[0], {})
    assert {f.ap for f in figures.values()} == {0.0}


def test_results_written_and_read_again_are_the_same(made, tmp_path: Path) -> None:
    ids = [p.image_id for p in made[0]]
    results = made_results(made_annotations(), part_scores=True)
    found = read_results(write(tmp_path / "a.json", results), ids)
    write_results(tmp_path / "b.json", found)
    again = read_results(tmp_path / "b.json", ids)
    assert sorted(again) == sorted(found)
    for image_id, people in found.items():
        np.testing.assert_array_equal(again[image_id].keypoints, people.keypoints)
        np.testing.assert_array_equal(again[image_id].scores_of("foot"), people.scores_of("foot"))
    assert {row["category_id"] for row in results_document(found)} == {1}


def test_poses_too_much_alike_count_once_and_the_better_one_stays() -> None:
    one = np.linspace(0, 200, 266).reshape(133, 2)
    poses = np.stack([one, one + 0.5, np.add(one, [300, 40])])
    area = np.full(3, 9000.0)
    similarity = pose_similarity(poses, area)
    assert similarity[0, 1] > 0.9 > 0.1 > similarity[0, 2]
    scores = np.array([0.4, 0.8, 0.5])
    assert Rescoring().keep(poses, scores, area).tolist() == [1, 2]
    assert Rescoring(nms="none").keep(poses, scores, area).tolist() == [0, 1, 2]
    assert Rescoring(nms="soft-oks").keep(poses, scores, area).tolist() == [1, 2, 0]


def test_only_keypoints_above_the_threshold_count_in_the_score() -> None:
    trust = np.full((2, 133), 0.1)
    trust[0, :10] = 0.6
    boxes = np.array([0.5, 0.9])
    assert Rescoring().scores(boxes, trust) == pytest.approx([0.3, 0])
    assert Rescoring(score="bbox").scores(boxes, trust) == pytest.approx([0.5, 0.9])
    assert Rescoring(score="keypoint").scores(boxes, trust)[1] == pytest.approx(0.1)


def test_unknown_ways_and_impossible_thresholds_are_errors() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown way to score poses 'box'"):
        Rescoring(score="box")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match=r"did you mean 'oks'"):
        Rescoring(nms="ok")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="nms_thr"):
        Rescoring(nms_thr=0)


def _broken(change: str) -> dict[str, Any]:
    document = made_annotations(6)
    person = document["annotations"][2]
    if change == "nan":
        person["keypoints"][3] = float("nan")
    elif change == "short":
        person["face_kpts"] = person["face_kpts"][:-3]
    elif change == "missing":
        del person["foot_kpts"]
    elif change == "image":
        person["image_id"] = 5
    elif change == "box":
        person["bbox"] = [1, 2, 3]
    elif change == "area":
        del person["area"]
    return document


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("nan", r"annotation 2 \(id \d+\): keypoints: number 3 is nan"),
        ("short", r"annotation 2 \(id \d+\): face_kpts: expected 204 numbers, got 201"),
        ("missing", r"annotation 2 \(id \d+\): 'foot_kpts' is missing"),
        ("image", "annotation 2: no image has the id 5"),
        ("box", r"annotation 2 \(id \d+\): bbox: expected 4 numbers, got 3"),
        ("area", r"annotation 2 \(id \d+\): 'area' must be a finite number; it is missing"),
    ],
)
def test_broken_annotations_are_named_and_left_out_on_request(
    change: str, said: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "gt.json", _broken(change))
    with pytest.raises(InputError, match=said):
        read_coco_wholebody(path, Skips())
    skips = Skips(allowed=True)
    people = sum(len(image.ids) for image in read_coco_wholebody(path, skips))
    assert people == len(made_annotations(6)["annotations"]) - 1
    assert len(skips.reasons) == 1
    assert str(path) in skips.reasons[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no valid JSON"),
        ("[]", "must hold an object"),
        ('{"images": [], "annotations": [{}]}', "'images' must be a list that is not empty"),
        ('{"images": [{"id": 1}], "annotations": [{}]}', "image 0: expected an object with id"),
        (
            '{"images": [{"id": "1", "file_name": "a", "width": 1, "height": 1}],'
            ' "annotations": [{}]}',
            "image 0: 'id' must be a whole number, got '1'",
        ),
    ],
)
def test_files_that_are_no_annotations_are_errors(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "gt.json").write_text(content)
    with pytest.raises(InputError, match=said):
        read_coco_wholebody(tmp_path / "gt.json", Skips(allowed=True))


def test_an_image_twice_and_an_absent_file_are_errors(tmp_path: Path) -> None:
    document = made_annotations(6)
    document["images"].append(document["images"][0])
    with pytest.raises(InputError, match="image 6: the id 1000 occurs twice"):
        read_coco_wholebody(write(tmp_path / "gt.json", document), Skips())
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_coco_wholebody(tmp_path / "absent.json", Skips())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image_id": 3}, "result 1: no annotated image has the id 3"),
        ({"score": None}, "result 1: 'score' must be a finite number; got None"),
        ({"keypoints": [1.0]}, "result 1: keypoints: expected 51 numbers, got 1"),
    ],
)
def test_broken_results_are_named(made, change: dict, said: str, tmp_path: Path) -> None:
    results = made_results(made_annotations(), part_scores=False)
    results[1] |= change
    with pytest.raises(InputError, match=said):
        read_results(write(tmp_path / "dt.json", results), [p.image_id for p in made[0]])


def test_results_of_other_kinds_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must hold a list of results, got a dict"):
        read_results(write(tmp_path / "dt.json", {}), [1])
