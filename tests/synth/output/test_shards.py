"""Writer and reader of shards agree on boxes, keypoints, visibility, depth and ids."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin import standins

from rtmpose3d.data import read_dataset
from rtmpose3d.geometry import Camera
from rtmpose3d.synth import DatasetPlan, ShotSettings, WorldSettings
from rtmpose3d.synth.output import write_shard
from rtmpose3d.viz import standing_person
from shards import annotated_sample

CAMERA = Camera(fx=310.0, fy=310.0, cx=88.5, cy=131.0, width=190, height=260)
IMAGE = np.full((260, 190, 3), 90, np.uint8)
BOX = np.array([[31.25, 40.5, 151.75, 228.0]])


def keypoints_camera() -> np.ndarray:
    """A person who stands 4 m in front of the camera, a little to the right."""
    x, y, z = (standing_person() - (0.0, 0.0, 0.85)).T
    return np.stack([x + 0.07, -z, y + 4.0], axis=1)[None]


def written(tmp_path: Path, visibility: np.ndarray | None = None) -> dict:
    sample = annotated_sample(IMAGE, CAMERA, keypoints_camera(), BOX, visibility=visibility)
    write_shard(tmp_path / "shard-00000", [sample], first_image_id=12)
    return json.loads((tmp_path / "shard-00000" / "annotations.json").read_text())


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    written(tmp_path)
    (record,) = read_dataset("rendered", tmp_path)
    points = keypoints_camera()[0]
    np.testing.assert_allclose(record.box_xyxy, BOX[0], atol=2e-3)
    np.testing.assert_allclose(record.keypoints_px, CAMERA.project(points), atol=2e-3)
    np.testing.assert_allclose(record.keypoints_camera_m, points, atol=2e-6)
    assert record.visible.all()
    assert record.camera == CAMERA
    assert record.image.name == "00000012.jpg"


def test_boxes_of_files_count_from_the_corner_of_the_first_pixel(tmp_path: Path) -> None:
    (annotation,) = written(tmp_path)["annotations"]
    assert annotation["bbox"] == pytest.approx([31.75, 41.0, 120.5, 187.5])


def test_a_box_around_the_full_image_covers_it_exactly(tmp_path: Path) -> None:
    box = np.array([[-0.5, -0.5, 189.5, 259.5]])
    sample = annotated_sample(IMAGE, CAMERA, keypoints_camera(), box)
    write_shard(tmp_path / "shard-00000", [sample])
    document = json.loads((tmp_path / "shard-00000" / "annotations.json").read_text())
    assert document["annotations"][0]["bbox"] == [0.0, 0.0, 190.0, 260.0]
    assert document["annotations"][0]["area"] == 190 * 260


def test_occluded_keypoints_are_labelled_and_outside_ones_are_not(tmp_path: Path) -> None:
    visibility = np.full((1, 133), 2, np.uint8)
    visibility[0, 7:20] = 1
    visibility[0, 95:100] = 0
    (annotation,) = written(tmp_path, visibility)["annotations"]
    flags = np.array(annotation["keypoints"]).reshape(17, 3)[:, 2]
    assert flags.tolist() == [2] * 7 + [1] * 10
    assert annotation["num_keypoints"] == 17
    (record,) = read_dataset("rendered", tmp_path)
    np.testing.assert_array_equal(record.visible > 0, visibility[0] > 0)


def test_left_and_right_hands_are_in_their_own_fields(tmp_path: Path) -> None:
    (annotation,) = written(tmp_path)["annotations"]
    pixels = CAMERA.project(keypoints_camera()[0])
    for name, part in (("lefthand", slice(91, 112)), ("righthand", slice(112, 133))):
        points = np.array(annotation[f"{name}_kpts"]).reshape(21, 3)
        np.testing.assert_allclose(points[:, :2], pixels[part], atol=2e-3)
        x, y, width, height = annotation[f"{name}_box"]
        assert x - 0.5 < pixels[part][:, 0].min()
        assert x - 0.5 + width > pixels[part][:, 0].max()
        assert y - 0.5 < pixels[part][:, 1].min()
        assert y - 0.5 + height > pixels[part][:, 1].max()


def test_the_root_depth_is_the_mean_of_the_hips(tmp_path: Path) -> None:
    (annotation,) = written(tmp_path)["annotations"]
    hips = keypoints_camera()[0, [11, 12], 2]
    assert annotation["root_depth_m"] == pytest.approx(hips.mean(), abs=1e-6)


def test_ids_are_unique_over_images_and_people(tmp_path: Path) -> None:
    people = np.concatenate([keypoints_camera(), keypoints_camera() - (0.3, 0.0, 0.5)])
    boxes = np.concatenate([BOX, BOX * 0.5])
    samples = [annotated_sample(IMAGE, CAMERA, people, boxes) for _ in range(3)]
    write_shard(tmp_path / "shard-00000", samples, first_image_id=7)
    document = json.loads((tmp_path / "shard-00000" / "annotations.json").read_text())
    assert [image["id"] for image in document["images"]] == [7, 8, 9]
    ids = [annotation["id"] for annotation in document["annotations"]]
    assert len(set(ids)) == len(ids) == 6
    assert [annotation["image_id"] for annotation in document["annotations"]] == [7, 7, 8, 8, 9, 9]
    files = {path.name for path in (tmp_path / "shard-00000").glob("*.jpg")}
    assert files == {image["file_name"] for image in document["images"]}


def test_the_time_of_a_frame_is_written(tmp_path: Path) -> None:
    sample = annotated_sample(IMAGE, CAMERA, keypoints_camera(), BOX, time_s=0.48)
    write_shard(tmp_path / "shard-00000", [sample])
    document = json.loads((tmp_path / "shard-00000" / "annotations.json").read_text())
    assert document["images"][0]["time_s"] == 0.48


@given(
    count=st.integers(1, 400),
    shard_images=st.integers(1, 50),
    views=st.integers(1, 4),
    frames=st.integers(1, 9),
)
def test_shards_hold_all_images_once_and_complete_shots(
    count: int, shard_images: int, views: int, frames: int
) -> None:
    plan = DatasetPlan(
        out=Path("out"),
        count=count,
        world=WorldSettings(assets=Path("none"), make_people=standins),
        shot=ShotSettings(views=views, frames=frames),
        shard_images=shard_images,
    )
    sizes = [plan.images_in(shard) for shard in range(plan.shards)]
    assert sum(sizes) == count
    assert min(sizes) >= 1
    assert all(size == plan.images_per_shard for size in sizes[:-1])
    assert plan.images_per_shard % (views * frames) == 0
    assert plan.images_per_shard <= max(shard_images, views * frames)
    longer = replace(plan, count=count + 1)
    assert longer.images_per_shard == plan.images_per_shard
