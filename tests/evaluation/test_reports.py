"""Pairs of people and detections, tables, histograms, worst cases, boxes from files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from rtmpose3d.data import PoseRecord
from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.coco_annotations import CocoImage
from rtmpose3d.evaluation.errors import Skips
from rtmpose3d.evaluation.inputs import annotated_boxes, read_boxes
from rtmpose3d.evaluation.matching import ComparedPeople, compare_coco
from rtmpose3d.evaluation.metrics.metrics_2d import keypoint_figures, part_figures
from rtmpose3d.evaluation.protocols.coco_results import FoundPeople
from rtmpose3d.evaluation.real_people import person_of_record
from rtmpose3d.evaluation.reports.histogram import BOX_AXIS, PANEL_WH, draw_histograms, shares
from rtmpose3d.evaluation.reports.tables import pixel_table
from rtmpose3d.evaluation.reports.worst_cases import TILE_WH, draw_worst, worst_rows
from rtmpose3d.evaluation.reports.writing import (
    Table,
    figure,
    percent,
    plain,
    write_json,
    write_markdown,
)
from rtmpose3d.viz import standing_person

BASE = np.column_stack([standing_person()[:, 0], 1.8 - standing_person()[:, 2]]) * 100 + [90, 20]


def image(*lefts: float, crowd: tuple[int, ...] = ()) -> CocoImage:
    """People that stand side by side, each 170 px tall."""
    count = len(lefts)
    points = np.stack([np.add(BASE, [left, 0]) for left in lefts])
    return CocoImage(
        image_id=4,
        file_name="a.png",
        size_wh=(640, 240),
        ids=np.arange(count) + 70,
        keypoints=points,
        annotated=np.tile(np.arange(133) < 91, (count, 1)),
        boxes_xyxy=np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1),
        area_px2=np.full(count, 9000.0),
        crowd=np.isin(np.arange(count), crowd),
    )


def found(*lefts: float) -> FoundPeople:
    points = np.stack([np.add(BASE, [left, 0]) for left in lefts])
    scored = np.concatenate([points, np.ones((len(lefts), 133, 1))], axis=2)
    return FoundPeople(keypoints=scored, scores=np.linspace(0.9, 0.5, len(lefts)), part_scores={})


def two_people(folder: Path | None = None) -> ComparedPeople:
    return compare_coco([image(0, 200, 400)], {4: found(203, 1)}, folder)


def test_each_person_gets_the_detection_most_like_it() -> None:
    people = two_people()
    assert people.names[0] == "a.png, annotation 70"
    np.testing.assert_allclose(people.found[0], np.add(BASE, [1, 0]))
    np.testing.assert_allclose(people.found[1], np.add(BASE, [203, 0]))
    assert people.was_found.tolist() == [True, True, False]
    assert people.oks[0] > people.oks[1] > 0.1 > people.oks[2] == 0


def test_a_detection_belongs_to_one_person_only() -> None:
    people = compare_coco([image(0, 4)], {4: found(3)}, None)
    assert people.was_found.tolist() == [False, True]


def test_crowds_and_people_without_body_keypoints_are_not_compared() -> None:
    assert len(compare_coco([image(0, 200, crowd=(0,))], {4: found(0)}, None)) == 1


def test_errors_are_relative_to_the_longer_side_and_missed_people_miss() -> None:
    figures = part_figures(two_people())
    whole, hand = figures["whole"], figures["left hand"]
    assert (whole.points, whole.missed, hand.points) == (273, 91, 0)
    side = np.ptp(BASE, axis=0).max()
    assert whole.mean == pytest.approx(2 / side)
    assert whole.pck == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert keypoint_figures(two_people())["nose"].missed == 1
    rows = {row[0]: row for row in pixel_table(figures).rows}
    assert set(rows) == {"whole", "body", "feet", "face"}  # hands are not annotated
    assert rows["whole"][-1] == "33.3"


def test_the_shares_of_a_histogram_make_one_and_what_is_beyond_stands_last() -> None:
    values = np.array([0.1, 0.2, 19.99, 20.0, 55.0, np.inf])
    bars = shares(values, 20.0)
    assert bars.sum() == pytest.approx(1)
    assert bars[-1] == pytest.approx(0.5)
    assert bars[0] == pytest.approx(2 / 6)
    assert shares(np.zeros(0), 20.0).sum() == 0


def test_a_histogram_has_a_panel_for_each_annotated_part() -> None:
    errors = {"body": np.array([1.0, 2.0]), "face": np.zeros(0), "feet": np.array([np.inf])}
    image = draw_histograms(errors, BOX_AXIS, "made up")
    assert image.shape[1] == 2 * PANEL_WH[0]
    assert image.shape[0] - PANEL_WH[1] < PANEL_WH[1]  # one row: the face has no panel
    assert draw_histograms({"face": np.zeros(0)}, BOX_AXIS, "nothing").shape[1] > 0


def test_the_axis_grows_with_the_errors() -> None:
    assert BOX_AXIS.widened(np.array([1.0, 19.0, np.inf])).limit == 20
    assert BOX_AXIS.widened(np.array([1.0, 30.0])).limit == 40
    assert BOX_AXIS.widened(np.full(9, 1e4)) == replace(BOX_AXIS, limit=200, step=50)
    assert BOX_AXIS.widened(np.zeros(0)) == BOX_AXIS


def test_the_worst_come_first_and_missed_people_take_half_at_most() -> None:
    errors = np.array([0.1, np.nan, 0.7, 0.3, 0.2, 0.9])
    missed = np.array([False, True, False, False, False, True])
    assert worst_rows(errors, missed, 4) == [1, 5, 2, 3]
    assert worst_rows(errors, missed, 2) == [1, 2]
    assert worst_rows(errors, np.zeros(6, bool), 9) == [5, 2, 3, 4, 0]


def test_truth_and_prediction_are_drawn_side_by_side(tmp_path: Path) -> None:
    pixels = np.full((240, 640, 3), 120, np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    sheet = draw_worst(two_people(tmp_path), [2, 1], ["missed", "OKS 0.50"])
    assert sheet.shape[0] > TILE_WH[1]
    tile = sheet[6 : 6 + TILE_WH[1], 6:]
    truth, guess = tile[60:, : TILE_WH[0]], tile[60:, TILE_WH[0] + 2 : 2 * TILE_WH[0] + 2]
    drawn = [np.ptp(part.reshape(-1, 3), axis=0).max() for part in (truth, guess)]
    assert drawn[0] > 100  # a skeleton
    assert drawn[1] < 60  # grey, and the edge of the image
    with pytest.raises(InputError, match="is not at hand"):
        draw_worst(two_people(), [0], ["x"])


def test_annotated_boxes_are_cut_at_the_edge_of_the_image() -> None:
    people = image(0, 200)
    people.boxes_xyxy[0, :2] = -30
    people.boxes_xyxy[1] = [700, 10, 760, 200]  # wholly outside: left as it is
    boxes = annotated_boxes(people).boxes_xyxy
    assert boxes[0, :2].tolist() == [0, 0]
    assert boxes[1].tolist() == [700, 10, 760, 200]


def test_boxes_are_read_best_first_and_others_left_out(tmp_path: Path) -> None:
    rows = [
        {"image_id": 4, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.4},
        {"image_id": 4, "category_id": 1, "bbox": [5, 6, 30, 40], "score": 0.8},
        {"image_id": 4, "category_id": 3, "bbox": [5, 6, 30, 40], "score": 0.9},
        {"image_id": 9, "category_id": 1, "bbox": [5, 6, 30, 40], "score": 0.9},
        {"image_id": 4, "category_id": 1, "bbox": [5, 6, 0, 40], "score": 0.9},
        {"image_id": 4, "category_id": 1, "bbox": [5, 6, 30, 40], "score": 0.01},
    ]
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(rows))
    boxes = read_boxes(path, [image(0)], bbox_thr=0.1)[4]
    assert boxes.boxes_xyxy.tolist() == [[5, 6, 35, 46], [1, 2, 31, 42]]
    path.write_text(json.dumps([{**rows[0], "bbox": [1, 2, 3]}]))
    with pytest.raises(InputError, match="detection 0: bbox: expected 4 numbers, got 3"):
        read_boxes(path, [image(0)])


def test_bad_items_are_errors_unless_they_may_be_left_out() -> None:
    with pytest.raises(InputError, match="it is bad; --skip-bad"):
        Skips().note("it is bad")
    skips = Skips(allowed=True)
    skips.note("it is bad")
    assert skips.reasons == ["it is bad"]


def test_reports_have_dashes_and_nulls_where_there_is_no_figure(tmp_path: Path) -> None:
    assert (percent(float("nan")), figure(float("nan"))) == ("–", "–")
    assert (percent(0.8764), figure(56.04)) == ("87.6", "56.0")
    assert plain({"a": [float("nan"), 1.5], "b": float("inf")}) == {"a": [None, 1.5], "b": None}
    write_json(tmp_path / "a.json", {"a": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": None}
    table = Table(title="T", columns=("part", "AP"), rows=(("a|b", "1.0"),), note="N")
    write_markdown(tmp_path / "a.md", "Page", {"data": "made up"}, [table])
    lines = (tmp_path / "a.md").read_text().splitlines()
    assert lines[:3] == ["# Page", "", "- data: made up"]
    assert "| a\\|b | 1.0 |" in lines


def test_records_of_datasets_become_people() -> None:
    visible = (np.arange(133) < 17).astype(np.float32)
    record = PoseRecord(
        image=Path("a.jpg"),
        box_xyxy=np.array([1, 2, 31, 62], np.float32),
        keypoints_px=BASE.astype(np.float32),
        visible=visible,
        source="made up",
        licence="none",
        keypoints_camera_m=np.where(visible[:, None] > 0, 1.0, np.nan).astype(np.float32)
        * np.ones(3, np.float32),
    )
    person = person_of_record(record)
    assert person.annotated.sum() == 17
    assert person.keypoints_camera is not None
    assert np.isfinite(person.keypoints_camera).all()
    assert person.area_px2 == pytest.approx(0.53 * 30 * 60)
    assert record.keypoints_camera_m is not None
    partly = record.keypoints_camera_m.copy()
    partly[:, :2] = np.nan  # depths only
    assert person_of_record(replace(record, keypoints_camera_m=partly)).keypoints_camera is None
    with pytest.raises(InputError, match="needs the file of the image"):
        person_of_record(replace(record, image=np.zeros((9, 9, 3), np.uint8)))
