"""Evaluation on a dataset: who counts, matching, metrics, runs of the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.annotated_people import NO_HANDS, Oracle, group_images, record
from rtmpose3d.data import AnnotatedImage
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.evaluation import (
    DatasetProtocol,
    RunOptions,
    SkippedItems,
    evaluate,
    write_evaluation,
)
from rtmpose3d.evaluation.protocols.dataset import read_annotated_images
from rtmpose3d.structures import Detections

PROTOCOL = DatasetProtocol(title="standing people")
DETECTED = RunOptions(boxes="detected")


@pytest.fixture
def images(tmp_path: Path) -> list[AnnotatedImage]:
    return group_images(record(tmp_path, i) for i in range(4))


def parts(evaluation) -> dict:
    return evaluation.metrics["parts"]


def test_the_ground_truth_has_no_error(images) -> None:
    evaluation = evaluate(Oracle(images), images, PROTOCOL)
    assert len(evaluation.matches) == 4
    assert parts(evaluation)["wholebody"]["PCK@0.05"] == 1
    assert parts(evaluation)["wholebody"]["keypoints"] == 4 * 91
    assert evaluation.metrics["parts_3d"]["body_with_feet"]["mpjpe_mm"] == pytest.approx(
        0, abs=1e-3
    )
    assert evaluation.metrics["root"]["people"] == 4


def test_an_offset_is_relative_to_the_box(images) -> None:
    side = float(np.ptp(images[0].people[0].box_xyxy.reshape(2, 2), axis=0).max())
    evaluation = evaluate(Oracle(images, offset_px=0.12 * side), images, PROTOCOL)
    body = parts(evaluation)["body"]
    assert (body["PCK@0.1"], body["PCK@0.2"]) == (0, 1)
    assert body["mean_error"] == pytest.approx(0.12)


def test_crowds_ignored_and_unlabelled_people_do_not_count(tmp_path: Path) -> None:
    nothing = np.zeros(133, np.float32)
    records = [
        record(tmp_path, 0),
        record(tmp_path, 1, crowd=True),
        record(tmp_path, 2, ignored=True),
        record(tmp_path, 3, visible=nothing),
    ]
    images = group_images(records)
    for options in (RunOptions(), DETECTED):
        evaluation = evaluate(Oracle(images), images, PROTOCOL, options=options)
        assert evaluation.matches.names == ("0.png, annotation 70",)
        assert evaluation.facts["people"].startswith("1 in ")


def test_only_people_who_count_are_cropped(tmp_path: Path) -> None:
    images = group_images([record(tmp_path, 0), record(tmp_path, 1, crowd=True)])
    model = Oracle(images)
    evaluate(model, images, PROTOCOL)
    (call,) = model.calls
    np.testing.assert_array_equal(call["boxes"][0], [images[0].people[0].box_xyxy])


def test_people_without_a_detection_are_missed(images) -> None:
    model = Oracle(images, detects={70, 71, 73})
    evaluation = evaluate(model, images, PROTOCOL, options=DETECTED)
    assert evaluation.matches.detected.tolist() == [True, True, False, True]
    np.testing.assert_allclose(
        evaluation.matches.predicted_px[1], images[0].people[1].keypoints_px, rtol=1e-6
    )
    assert parts(evaluation)["body"]["PCK@0.2"] == 0.75
    assert parts(evaluation)["body"]["not_detected"] == 17
    assert np.isnan(evaluation.case_errors[2])
    assert evaluation.case_captions[2] == "not detected"


def test_false_detections_lower_precision_only(images) -> None:
    model = Oracle(images, extra=[[200, 20, 260, 200]])
    evaluation = evaluate(model, images, PROTOCOL, options=DETECTED)
    (table,) = [table for table in evaluation.tables if table.title == "Detection of people"]
    assert table.rows[0] == ("0.1", "100.0", "66.7", "4", "6")
    assert parts(evaluation)["body"]["PCK@0.05"] == 1


def test_precision_needs_a_dataset_that_annotates_everyone(tmp_path: Path) -> None:
    images = group_images(record(tmp_path, i, dataset="aic") for i in range(2))
    evaluation = evaluate(Oracle(images), images, PROTOCOL, options=DETECTED)
    (table,) = [table for table in evaluation.tables if table.title == "Detection of people"]
    assert table.rows[0] == ("0.1", "100.0", "–", "2", "0")


def test_a_detection_of_a_crowd_is_not_assigned_to_a_person(tmp_path: Path) -> None:
    """The crowd's detection overlaps the person, too, who is not detected."""
    person = record(tmp_path, 0)
    box = person.box_xyxy
    crowd = record(tmp_path, 1, crowd=True, box_xyxy=np.array([*box[:2], box[2] + 40, box[3]]))
    images = group_images([person, replace(crowd, box_xyxy=crowd.box_xyxy.astype(np.float32))])
    model = Oracle(images, detects={71})
    evaluation = evaluate(model, images, PROTOCOL, options=DETECTED)
    iou = float((box[2] - box[0]) / (box[2] + 40 - box[0]))
    assert evaluation.matches.detected.tolist() == [iou >= 0.5]


def test_faces_cannot_be_matched_with_detections_of_people(tmp_path: Path) -> None:
    images = group_images([record(tmp_path, 0, box_kind="face")])
    with pytest.raises(InputError, match="annotated boxes enclose face"):
        evaluate(Oracle(images), images, PROTOCOL, options=DETECTED)
    assert len(evaluate(Oracle(images), images, PROTOCOL).matches) == 1


def test_people_without_3d_count_in_2d_only(tmp_path: Path) -> None:
    images = group_images([record(tmp_path, 0), record(tmp_path, 1, keypoints_camera_m=None)])
    evaluation = evaluate(Oracle(images), images, PROTOCOL)
    assert parts(evaluation)["body"]["keypoints"] == 34
    assert evaluation.metrics["parts_3d"]["body_with_feet"]["keypoints"] == 23
    assert evaluation.metrics["root"]["people"] == 1


def test_2d_models_have_no_metrics_in_3d(images) -> None:
    evaluation = evaluate(Oracle(images, has_3d=False), images, PROTOCOL)
    assert "parts_3d" not in evaluation.metrics
    assert evaluation.matches.has_3d is False
    assert set(evaluation.case_captions) == {"OKS 1.00"}


def test_the_true_root_depth_goes_to_the_model_person_by_person(images) -> None:
    model = Oracle(images)
    evaluate(model, images, PROTOCOL, options=RunOptions(root_depth="true"))
    depths = [call["root_depth_m"] for call in model.calls]
    expected = images[0].people[0].keypoints_camera_m[[11, 12], 2].mean()
    np.testing.assert_allclose(depths, np.full((2, 2), expected), rtol=1e-6)
    assert [call["camera"] for call in model.calls] == [p.people[0].camera for p in images]


def test_one_root_depth_goes_to_the_model_as_it_is(images) -> None:
    model = Oracle(images)
    evaluate(model, images, PROTOCOL, options=RunOptions(root_depth=5.14))
    assert [call["root_depth_m"] for call in model.calls] == [5.14, 5.14]


def test_the_true_root_depth_needs_hips_in_3d_and_annotated_boxes(tmp_path: Path) -> None:
    visible = NO_HANDS.astype(np.float32)
    visible[11] = 0
    images = group_images([record(tmp_path, 0, visible=visible)])
    with pytest.raises(InputError, match=r"annotation 0: the true root depth is unknown"):
        evaluate(Oracle(images), images, PROTOCOL, options=RunOptions(root_depth="true"))
    with pytest.raises(InputError, match="needs annotated boxes"):
        RunOptions(root_depth="true", boxes="detected")
    with pytest.raises(InputError, match="root_depth must be above 0"):
        RunOptions(root_depth=0.0)
    with pytest.raises(InputError, match="batch_size must be 1 or more"):
        RunOptions(batch_size=0)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 8])
def test_the_batch_size_does_not_change_the_metrics(tmp_path: Path, batch_size: int) -> None:
    images = group_images(record(tmp_path, i) for i in range(9))
    model = Oracle(images, offset_px=3.0, offset_m=0.1)
    options = RunOptions(batch_size=batch_size)
    evaluation = evaluate(model, images, PROTOCOL, options=options)
    assert len(model.calls[0]["images"]) == min(batch_size, 5)
    assert parts(evaluation)["body"]["mean_error"] == pytest.approx(3 / 170, rel=0.05)
    np.testing.assert_allclose(
        evaluation.matches.predicted_px[:, 0, 0] - evaluation.matches.truth_px[:, 0, 0],
        3,
        atol=1e-3,
    )


def test_given_detections_are_used_as_they_are(images) -> None:
    boxes = images[0].people[1].box_xyxy[None]
    given = {images[0].key: Detections(boxes_xyxy=boxes, scores=np.ones(1, np.float32))}
    model = Oracle(images)
    evaluation = evaluate(model, images, PROTOCOL, options=RunOptions(boxes=given))
    assert len(model.calls) == 1
    assert evaluation.matches.detected.tolist() == [False, True, False, False]
    assert evaluation.metrics["parts_3d"]["body_with_feet"]["keypoints"] == 23


def test_missing_and_broken_images_are_errors_or_skipped(images) -> None:
    images[0].path.unlink()
    with pytest.raises(InputError, match=r"there is no image .*0\.png \(1 image is missing\)!"):
        evaluate(Oracle(images), images, PROTOCOL, skipped=SkippedItems(hint="!"))
    skipped = SkippedItems(allowed=True)
    evaluation = evaluate(Oracle(images), images, PROTOCOL, skipped=skipped)
    assert len(evaluation.matches) == 2
    assert len(skipped.reasons) == 1
    images[1].path.write_bytes(b"no image")
    with pytest.raises(InputError, match="no annotated person"):
        evaluate(Oracle(images), images, PROTOCOL, skipped=SkippedItems(allowed=True))


def test_images_of_another_size_than_annotated_are_errors(images) -> None:
    wrong = [replace(image, size_wh=(419, 240)) for image in images]
    with pytest.raises(InputError, match=r"is 420x240 px, but its annotations are for 419x240"):
        evaluate(Oracle(images), wrong, PROTOCOL)


def test_progress_counts_every_image(images) -> None:
    done: list[int] = []
    evaluate(Oracle(images), images, PROTOCOL, progress=done.append)
    assert sum(done) == 2


def test_unknown_datasets_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'h36m'"):
        read_annotated_images("h36", tmp_path, SkippedItems())


def test_an_evaluation_is_written_as_a_folder(images, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    evaluation = evaluate(Oracle(images, detects={70, 71}), images, PROTOCOL, options=DETECTED)
    skipped = SkippedItems(allowed=True, reasons=["a bad item"])
    write_evaluation(evaluation, out, facts={"poses": "oracle"}, skipped=skipped)
    assert {file.name for file in out.iterdir()} == {
        *("results.json", "results.md", "histogram.png", "worst.jpg", "predictions.json")
    }
    page = (out / "results.md").read_text()
    assert page.startswith("# standing people\n\n- poses: oracle\n")
    assert all(f"## {table.title}" in page for table in evaluation.tables)
