"""Records go into cropping, packing and drawing; rendered people project onto themselves."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_sets import PARTS

from rtmpose3d.data import PoseRecord, ReadOptions, RecordTable, read_dataset
from rtmpose3d.data.preview import CELL_PX, draw_records
from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.training.data.mixture import MixtureSource
from rtmpose3d.training.recipes.augmentation import STAGE1
from rtmpose3d.training.recipes.mixtures import DatasetEntry

IN_SAMPLES = {  # sets of which an image is there: folder, file, other keypoints than these are 0
    "coco-wholebody": ("coco", "test_coco_wholebody.json", (0, 133)),
    "aic": ("aic", "test_aic.json", (0, 17)),
    "wflw": ("wflw", "test_wflw.json", (23, 91)),
    "interhand2.6m": ("interhand2.6m", "test_interhand2.6m_data.json", (91, 133)),
}


def from_samples(shared, name):
    folder, file, _ = IN_SAMPLES[name]
    reading = read_dataset(
        name, shared / "samples" / folder, on_bad="skip", annotations=file, images="."
    )
    return list(reading)


@pytest.mark.parametrize("name", IN_SAMPLES)
def test_records_of_bodies_faces_and_hands_become_batches(shared, name):
    records = from_samples(shared, name)
    first, last = IN_SAMPLES[name][2]
    source = MixtureSource(
        entries=[(DatasetEntry(dataset=name), RecordTable(records))],
        input_size_wh=(144, 192),
        batch_size=4,
        augmentation=STAGE1,
        seed=0,
    )
    batch = source.batch(0)
    assert batch.visible[:, first:last].any(axis=1).all()
    assert not batch.visible[:, :first].any()
    assert not batch.visible[:, last:].any()


def made_up(seed=0, **changes):
    rng = np.random.default_rng(seed)
    visible = (rng.random(133) < 0.4).astype(np.float32)
    keypoints = rng.uniform(0, 300, (133, 2)).astype(np.float32) * visible[:, None]
    metres = np.where(visible[:, None] > 0, rng.normal(0, 1, (133, 3)), np.nan)
    path = Path("labels.json")
    fields = {
        "image": path.with_name(f"päckchen {seed}.jpg"),
        "box_xyxy": np.array([1.5, 2.25, 200, 300], np.float32),
        "keypoints_px": keypoints,
        "visible": visible,
        "source": f"coco-wholebody: labels.json, annotation {seed} (id {seed + 5})",
        "licence": "CC0",
        "keypoints_camera_m": metres.astype(np.float32) if seed % 2 else None,
        "camera": Camera(fx=500, fy=510, cx=3, cy=4, width=640, height=480) if seed % 3 else None,
        "dataset": "coco-wholebody",
        "annotation_file": path,
        "index": seed,
        "image_size_wh": (640, 480),
        "box_kind": ("person", "face", "hands")[seed % 3],
        "image_id": 10**12 + seed,
        "annotation_id": seed + 5,
        "area_px2": 12.5 if seed % 2 else None,
        "crowd": seed % 4 == 0,
        **changes,
    }
    return PoseRecord(**fields)


ARRAYS = ("box_xyxy", "keypoints_px", "visible", "keypoints_camera_m")


def assert_same(a, b):
    for name in PoseRecord.__dataclass_fields__:
        got, expected = getattr(a, name), getattr(b, name)
        if name in ARRAYS and expected is not None:
            np.testing.assert_array_equal(got, expected)
        else:
            assert got == expected, name


def test_packing_and_unpacking_returns_the_same_records():
    records = [made_up(seed) for seed in range(9)]
    table = RecordTable(records)
    assert len(table) == 9
    for got, expected in zip(table, records, strict=True):
        assert_same(got, expected)
    assert_same(table[-1], records[-1])
    assert [record.index for record in table[2:5]] == [2, 3, 4]
    with pytest.raises(IndexError):
        table[9]


def test_a_packed_table_is_small_and_can_be_sent_to_workers():
    table = RecordTable(made_up(seed) for seed in range(40))
    assert table.nbytes < 40 * 2000
    assert_same(pickle.loads(pickle.dumps(table))[7], table[7])


def test_records_that_hold_their_image_cannot_be_packed():
    record = made_up(image=np.zeros((480, 640, 3), np.uint8))
    with pytest.raises(InputError, match=r"labels.json, annotation 0 .*can be packed"):
        RecordTable([record])


def test_an_image_of_another_size_than_claimed_is_refused():
    with pytest.raises(InputError, match="640 x 480 px, but the image has 480 x 640"):
        made_up(image=np.zeros((640, 480, 3), np.uint8))


def test_a_record_tells_what_is_labelled():
    visible = np.zeros(133, np.float32)
    visible[[3, 95]] = 1
    record = made_up(visible=visible, keypoints_camera_m=None)
    assert record.labelled_parts == ("body", "left_hand")
    assert not record.has_3d
    assert made_up(1).has_3d


def test_a_sheet_draws_only_what_is_labelled():
    image = np.full((480, 640, 3), 90, np.uint8)
    nobody = made_up(image=image, visible=np.zeros(133, np.float32))
    somebody = made_up(image=image)
    sheets = [draw_records([record]) for record in (nobody, somebody)]
    assert sheets[0].shape == (CELL_PX + 12, CELL_PX + 12, 3)
    below_the_text = slice(60, None)
    assert (sheets[0][below_the_text] != sheets[1][below_the_text]).any()
    with pytest.raises(InputError, match="at least one record"):
        draw_records([])


def test_a_sheet_shows_the_keypoints_where_they_are():
    """A keypoint in the middle of the box is drawn in the middle of its cell."""
    image = np.full((480, 640, 3), 90, np.uint8)
    visible = np.zeros(133, np.float32)
    visible[0] = 1
    keypoints = np.zeros((133, 2), np.float32)
    box = np.array([100, 50, 220, 330], np.float32)
    keypoints[0] = (box[:2] + box[2:]) / 2
    record = made_up(image=image, visible=visible, keypoints_px=keypoints, box_xyxy=box)
    empty = replace(record, visible=np.zeros(133, np.float32))
    changed = (draw_records([record]) != draw_records([empty])).any(axis=2)
    changed[:60] = False  # the text
    middle = np.argwhere(changed).mean(axis=0) - 6  # the gap about the cell
    np.testing.assert_allclose(middle, CELL_PX / 2, atol=2)


def test_rendered_people_project_onto_their_keypoints(tmp_path):

    rng = np.random.default_rng(5)
    camera = Camera(fx=400, fy=410, cx=150, cy=130, width=320, height=240)
    places = rng.normal([0, 0, 4], [0.3, 0.3, 0.2], (133, 3))
    points = np.column_stack([camera.project(places[None])[0], np.full(133, 2)])
    points[5:9] = 0  # outside
    flat, start = {}, 0
    for name, count in PARTS.items():
        flat[name] = points[start : start + count].ravel().tolist()
        start += count
    person = flat | {"id": 101, "image_id": 1, "bbox": [90.5, 60.5, 120, 150], "area": 900.0}
    person |= {"iscrowd": 0, "num_keypoints": 13, "keypoints_3d": places.tolist()}
    lens = {name: getattr(camera, name) for name in ("fx", "fy", "cx", "cy")}
    image = {"id": 1, "file_name": "1.jpg", "width": 320, "height": 240, "camera": lens}
    shard = tmp_path / "shard-00000"
    shard.mkdir()
    (shard / "annotations.json").write_text(
        json.dumps({"images": [image], "annotations": [person]}), "utf-8"
    )
    (record,) = read_dataset("rendered", tmp_path, options=ReadOptions(check_images=False))
    seen = record.visible > 0
    assert seen.sum() == 129
    projected = record.camera.project(record.keypoints_camera_m[None])[0]
    np.testing.assert_allclose(projected[seen], record.keypoints_px[seen], atol=1e-3)
    np.testing.assert_allclose(record.box_xyxy, [90, 60, 210, 210])  # pixel middles
    assert record.image == shard / "1.jpg"
