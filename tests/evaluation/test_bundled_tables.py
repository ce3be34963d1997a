"""Tables of the bundled models' sheet, with a model that knows the answer, or part of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bundled_tables as sheet
import numpy as np
import pytest
from mean_pose import MeanPose, mean_pose

from evaluation.annotated_people import Oracle, group_images, record
from rtmpose3d.evaluation import DatasetProtocol, MatchedPeople, RunOptions, evaluate
from rtmpose3d.evaluation.metrics import DetectionMetrics


@pytest.fixture
def images(tmp_path: Path):
    return group_images(
        record(tmp_path, i, dataset="coco-wholebody" if i < 2 else "aic") for i in range(4)
    )


@pytest.fixture
def mean(images) -> MeanPose:
    return mean_pose([images[0].people[0]], source="one")


def match(images, options: RunOptions | None = None, **oracle) -> MatchedPeople:
    protocol = DatasetProtocol(title="test")
    return evaluate(Oracle(images, **oracle), images, protocol, options=options).matches


def cells(table) -> list[list[str]]:
    return [[cell.strip(" *") for cell in row.strip("|").split("|")] for row in table]


def test_a_model_that_is_off_by_a_tenth_scores_at_a_fifth_only(images, mean) -> None:
    people = match(images, offset_px=20.0)
    rows = cells(sheet.pck_table(people, mean))
    assert rows[2][:5] == ["body", ".00", ".00", "1.00", "1.00 / 1.00 / 1.00"]
    assert rows[5][1:] == ["–", "–", "–", "– / – / –", "0"]  # hands are not annotated
    assert [row[:3] for row in cells(sheet.dataset_table(people, mean))[2:]] == [
        ["coco-wholebody", "2", ".00 (1.00)"],
        ["aic", "2", ".00 (1.00)"],
    ]


def test_unoccluded_keypoints_have_columns_of_their_own_where_known(images, mean) -> None:
    people = match(images)
    moved = people.predicted_px.copy()
    moved[:, 5:17] += 100.0
    people = replace(people, predicted_px=moved, occluded=np.tile(np.arange(133) >= 6, (4, 1)))
    rows = cells(sheet.pck_table(people, mean))
    assert rows[0][-2:] == ["PCK of unoccluded ones", "unoccluded"]
    assert rows[2][1:] == [*[".29"] * 3, "1.00 / 1.00 / 1.00", "68", ".83 / .83 / .83", "24"]
    assert {len(row) for row in cells(sheet.pck_table(replace(people, occluded=None), mean))} == {6}


def test_undetected_people_are_missed(images, mean) -> None:
    people = match(images, RunOptions(boxes="detected"), detects={70, 71, 73})
    assert cells(sheet.pck_table(people, mean))[2][1:4] == [".75", ".75", ".75"]
    ap = cells(sheet.oks_table(people, mean))
    assert ap[2][0] == "body (17)"
    assert ap[2][1] == ".75"  # no false positives: the share of recalls that are reached
    assert ap[2][5:] == ["1.00", "4"]


def test_the_ground_truth_has_no_error_in_3d(images, mean) -> None:
    rows = cells(sheet.table_3d(match(images), mean))
    assert rows[2] == ["coco-wholebody", "body", "0", "0", "0", "0", "2"]


def test_confidence_is_compared_with_accuracy(images) -> None:
    people = match(images)
    confidence, predicted = people.confidence.copy(), people.predicted_px.copy()
    confidence[:2], confidence[3] = 0.25, 1.0
    predicted[0] += 100.0
    people = replace(people, confidence=confidence, predicted_px=predicted)
    assert cells(sheet.confidence_table(people))[2:] == [
        ["0.2 to 0.3", ".50", "182"],
        ["0.8 to 0.9", "1.00", "91"],
        ["0.9 to 1.0", "1.00", "91"],
    ]


def test_detections_without_precision_have_a_dash() -> None:
    metrics = DetectionMetrics(people=8, detected=6, detections=0, false_positives=0)
    assert cells(sheet.detector_table({0.3: metrics}))[2] == ["0.3", ".75", "–", "8", "0"]


def test_shares_are_short() -> None:
    values = (0.0, 0.876, 0.9949, 1.0, float("nan"))
    assert [sheet.share(x) for x in values] == [".00", ".88", ".99", "1.00", "–"]


def test_people_are_grouped_by_dataset(images) -> None:
    matches = match(images)
    groups = sheet.matches_by_dataset(matches)
    assert list(groups) == ["coco-wholebody", "aic"]
    assert groups["aic"].names == matches.names[2:]
