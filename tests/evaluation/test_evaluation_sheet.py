"""Tables and images of an evaluation, with a model that knows the answer, or half of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation import DetectionScores, MeanPose, sheet
from rtmpose3d.evaluation.predictions import (
    predict_in_found_boxes,
    predict_in_given_boxes,
)
from rtmpose3d.evaluation.real_people import RealPerson
from rtmpose3d.evaluation.rendered_people import mean_pose_of_rendered, read_rendered_people
from rtmpose3d.evaluation.reports.tiles import draw_results, lay_out
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import PoseResult
from rtmpose3d.viz import standing_person


def person(folder: Path, number: int, *, name: str = "coco") -> RealPerson:
    """Somebody at x = 60 + 200 number in one of the images, 170 px tall."""
    path = folder / f"{number // 2}.png"
    if not path.exists():
        cv2.imwrite(str(path), np.full((240, 420, 3), 90, np.uint8))
    metres = standing_person()
    front = np.column_stack([metres[:, 0], 1.75 - metres[:, 2]]) * 100
    keypoints = np.add(front, [100 + 200 * (number % 2), 30])
    box = np.concatenate([keypoints.min(axis=0), keypoints.max(axis=0)])
    camera = Camera(fx=500, fy=500, cx=210, cy=120, width=420, height=240)
    in_space = np.column_stack([metres[:, 0], -metres[:, 2], metres[:, 1] + 4])
    return RealPerson(
        dataset=name,
        image_path=path,
        shown="person",
        box_xyxy=box,
        keypoints=keypoints,
        annotated=np.arange(133) < 91,
        area_px2=9000.0,
        keypoints_camera=in_space,
        camera=camera,
    )


class Oracle:
    """Says of every person what is true, off by so many pixels, and finds only some of them."""

    def __init__(self, people: list[RealPerson], off_px: float, found: set[int]) -> None:
        self.people, self.off_px, self.found = people, off_px, found

    def __call__(self, path, boxes=None, camera=None, bbox_thr=None) -> PoseResult:
        rows = [i for i, p in enumerate(self.people) if p.image_path == path]
        if boxes is None:
            rows = [i for i in rows if i in self.found][::-1]
        chosen = [self.people[i] for i in rows]
        count = len(chosen)
        stacked = np.array([p.keypoints for p in chosen]).reshape(count, 133, 2)
        return PoseResult(
            keypoints_2d=np.add(stacked, [self.off_px, 0]).astype(np.float32),
            scores=np.full((count, 133), 5.0),
            confidence=np.full((count, 133), 0.8),
            bboxes=np.array([p.box_xyxy for p in chosen], np.float32).reshape(count, 4),
            bbox_scores=np.full(count, 0.9),
            keypoints_camera=np.array([p.keypoints_camera for p in chosen]).reshape(count, 133, 3),
            root_depth_m=np.full(count, 4.0),
            root_depth_std_m=np.zeros(count),
            root_depth_source=("given",) * count,
            camera=camera,
            image_size_wh=(420, 240),
            image=cv2.imread(str(path)),
        )


@pytest.fixture
def people(tmp_path: Path) -> list[RealPerson]:
    return [person(tmp_path, i, name="coco" if i < 2 else "aic") for i in range(4)]


@pytest.fixture
def standing(people: list[RealPerson]) -> MeanPose:
    somebody = people[0]
    relative = somebody.keypoints_camera - somebody.keypoints_camera[[11, 12]].mean(axis=0)
    known = np.ones(133, bool)
    pose = (somebody.keypoints, known, somebody.box_xyxy, relative)
    return MeanPose.of_poses([pose], of="one")


def cells(table) -> list[list[str]]:
    return [[cell.strip(" *") for cell in row.strip("|").split("|")] for row in table]


def test_a_model_that_is_off_by_a_tenth_scores_at_a_fifth_only(people, standing) -> None:
    found = predict_in_given_boxes(Oracle(people, 20.0, set()), people)
    rows = cells(sheet.pck_table(people, found.keypoints, standing))
    assert rows[2][:5] == ["body", ".00", ".00", "1.00", "1.00 / 1.00 / 1.00"]
    assert rows[5][1:] == ["–", "–", "–", "– / – / –", "0"]  # hands are not annotated
    by_set = cells(sheet.dataset_table(people, found.keypoints, standing))
    assert [row[:3] for row in by_set[2:]] == [
        ["coco", "2", ".00 (1.00)"],
        ["aic", "2", ".00 (1.00)"],
    ]


def test_what_is_seen_has_columns_of_its_own_where_the_dataset_tells(people, standing) -> None:
    found = predict_in_given_boxes(Oracle(people, 0.0, set()), people)
    found.keypoints[:, 5:17] += 100.0
    told = [replace(p, seen=np.arange(133) < 6) for p in people]
    rows = cells(sheet.pck_table(told, found.keypoints, standing))
    assert rows[0][-2:] == ["PCK of seen ones", "seen"]
    assert rows[2][1:] == [*[".29"] * 3, "1.00 / 1.00 / 1.00", "68", ".83 / .83 / .83", "24"]
    some = cells(sheet.pck_table([*told[:3], people[3]], found.keypoints, standing))
    assert {len(row) for row in some} == {6}


def test_who_is_not_found_is_missed(people, standing) -> None:
    found = predict_in_found_boxes(Oracle(people, 0.0, {0, 1, 3}), people)
    assert np.isnan(found.keypoints[2]).all()
    np.testing.assert_allclose(found.keypoints[1], people[1].keypoints, rtol=1e-6)
    rows = cells(sheet.pck_table(people, found.keypoints, standing))
    assert rows[2][1:4] == [".75", ".75", ".75"]
    ap = cells(sheet.oks_table(people, found, standing))
    assert ap[2][0] == "body (17)"
    assert ap[2][1] == ".75"  # no false finds: the share of recalls that are reached
    assert ap[2][5:] == ["1.00", "4"]


def test_errors_in_space_are_none_for_the_truth(people, standing) -> None:
    found = predict_in_given_boxes(Oracle(people, 0.0, set()), people)
    rows = cells(sheet.space_table(people, found, standing))
    assert rows[2] == ["coco", "body", "0", "0", "0", "0", "2"]


def test_confidence_stands_beside_what_is_right(people) -> None:
    found = predict_in_given_boxes(Oracle(people, 0.0, set()), people)
    found.confidence[:2] = 0.25
    found.confidence[3] = 1.0
    found.keypoints[0] += 100.0
    rows = cells(sheet.confidence_table(people, found))
    assert rows[2:] == [
        ["0.2 to 0.3", ".50", "182"],
        ["0.8 to 0.9", "1.00", "91"],
        ["0.9 to 1.0", "1.00", "91"],
    ]


def test_images_tell_who_is_complete(people) -> None:
    found = predict_in_given_boxes(Oracle(people, 0.0, set()), people)
    sizes_wh = {path: result.image_size_wh for path, result in found.results.items()}
    images = sheet.annotated_images(people, sizes_wh)
    assert [image.complete for image in images] == [True, False]
    scores = DetectionScores(people=8, hits=6, finds=0, false=0)
    assert cells(sheet.detector_table([(0.3, scores)]))[2] == ["0.3", ".75", "–", "8", "0"]


def test_results_are_drawn_side_by_side(people) -> None:
    found = predict_in_given_boxes(Oracle(people, 0.0, set()), people)
    tiles = draw_results(found.results.values(), height_px=120)
    assert [tile.shape for tile in tiles] == [(120, 210, 3)] * 2
    assert lay_out(tiles, width_px=500).shape == (132, 500, 3)
    assert lay_out(tiles, width_px=300).shape == (258, 300, 3)
    with pytest.raises(InputError, match="at least one image"):
        lay_out([])


def test_shares_are_short() -> None:
    assert [sheet.share(x) for x in (0.0, 0.876, 0.9949, 1.0, float("nan"))] == [
        ".00",
        ".88",
        ".99",
        "1.00",
        "–",
    ]


def rendered_shard(folder: Path) -> None:
    shard = folder / "shard-00000"
    shard.mkdir(parents=True)
    true = person(shard, 0)
    assert true.keypoints_camera is not None
    flat = np.column_stack([true.keypoints, np.full(133, 2)])
    annotation = {
        "image_id": 7,
        "bbox": [*true.box_xyxy[:2], *(true.box_xyxy[2:] - true.box_xyxy[:2])],
        "area": 5000,
        "keypoints": flat[:17].ravel().tolist(),
        "foot_kpts": flat[17:23].ravel().tolist(),
        "face_kpts": flat[23:91].ravel().tolist(),
        "lefthand_kpts": flat[91:112].ravel().tolist(),
        "righthand_kpts": (flat[112:] * 0).ravel().tolist(),
        "keypoints_3d": true.keypoints_camera.tolist(),
    }
    hidden = {**annotation, "keypoints": [0] * 51, "foot_kpts": [0] * 18}
    camera = {"fx": 500, "fy": 500, "cx": 210, "cy": 120}
    image = {"id": 7, "file_name": "0.png", "width": 420, "height": 240, "camera": camera}
    document = {"images": [image], "annotations": [annotation, hidden]}
    text = json.dumps(document, default=float)
    (shard / "annotations.json").write_text(text)


def test_rendered_people_are_read_and_averaged(tmp_path: Path) -> None:
    rendered_shard(tmp_path)
    first, hidden = read_rendered_people(tmp_path)
    assert first.annotated.sum() == 112
    assert (first.crowd, hidden.crowd) == (False, True)
    assert first.camera is not None
    assert first.camera.fx == 500
    mean = mean_pose_of_rendered(tmp_path)
    assert mean.of == "1 rendered training poses"
    placed = mean.place(first.box_xyxy[None])[0]
    np.testing.assert_allclose(placed[:112], first.keypoints[:112], atol=1e-9)


def test_datasets_that_are_none_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no finished shard"):
        read_rendered_people(tmp_path)
    (tmp_path / "shard-00000").mkdir()
    (tmp_path / "shard-00000" / "annotations.json").write_text('{"images": [{}]}')
    with pytest.raises(InputError, match="is no annotation file"):
        read_rendered_people(tmp_path)
