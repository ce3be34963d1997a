"""Records in use: cropping, packing, drawing; rendered people, from their writer to records."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.data import PoseRecord, ReadOptions, RecordTable, read_dataset
from rtmpose3d.data.preview import CELL_PX, draw_records
from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.synth.output import write_shard
from rtmpose3d.training.data.mixture import MixtureSource
from rtmpose3d.training.recipes.augmentation import STAGE1
from rtmpose3d.training.recipes.mixtures import DatasetEntry
from shards import annotated_sample

IN_SAMPLES = {  # datasets whose sample has images: folder, file, range of labelled keypoints
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


def synthetic_record(seed=0, **changes):
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
        "ignored": seed % 5 == 0,
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
    records = [synthetic_record(seed) for seed in range(9)]
    table = RecordTable(records)
    assert len(table) == 9
    for got, expected in zip(table, records, strict=True):
        assert_same(got, expected)
    assert_same(table[-1], records[-1])
    assert [record.index for record in table[2:5]] == [2, 3, 4]
    with pytest.raises(IndexError):
        table[9]


def test_a_packed_table_is_small_and_can_be_sent_to_workers():
    table = RecordTable(synthetic_record(seed) for seed in range(40))
    assert table.nbytes < 40 * 2000
    assert_same(pickle.loads(pickle.dumps(table))[7], table[7])


def test_records_that_hold_their_image_cannot_be_packed():
    record = synthetic_record(image=np.zeros((480, 640, 3), np.uint8))
    with pytest.raises(InputError, match=r"labels.json, annotation 0 .*can be packed"):
        RecordTable([record])


def test_an_image_of_another_size_than_claimed_is_refused():
    with pytest.raises(InputError, match="640 x 480 px, but the image has 480 x 640"):
        synthetic_record(image=np.zeros((640, 480, 3), np.uint8))


def test_a_record_reports_what_is_labelled():
    visible = np.zeros(133, np.float32)
    visible[[3, 95]] = 1
    record = synthetic_record(visible=visible, keypoints_camera_m=None)
    assert record.labelled_parts == ("body", "left_hand")
    assert not record.has_3d
    assert synthetic_record(1).has_3d


def test_a_sheet_draws_only_what_is_labelled():
    image = np.full((480, 640, 3), 90, np.uint8)
    unlabelled = synthetic_record(image=image, visible=np.zeros(133, np.float32))
    labelled = synthetic_record(image=image)
    sheets = [draw_records([record]) for record in (unlabelled, labelled)]
    assert sheets[0].shape == (CELL_PX + 12, CELL_PX + 12, 3)
    below_text = slice(60, None)
    assert (sheets[0][below_text] != sheets[1][below_text]).any()
    with pytest.raises(InputError, match="at least one record"):
        draw_records([])


def test_a_sheet_draws_keypoints_at_their_position():
    """A keypoint in the middle of the box is drawn in the middle of its cell."""
    image = np.full((480, 640, 3), 90, np.uint8)
    visible = np.zeros(133, np.float32)
    visible[0] = 1
    keypoints = np.zeros((133, 2), np.float32)
    box = np.array([100, 50, 220, 330], np.float32)
    keypoints[0] = (box[:2] + box[2:]) / 2
    record = synthetic_record(image=image, visible=visible, keypoints_px=keypoints, box_xyxy=box)
    empty = replace(record, visible=np.zeros(133, np.float32))
    changed = (draw_records([record]) != draw_records([empty])).any(axis=2)
    changed[:60] = False  # the text
    middle = np.argwhere(changed).mean(axis=0) - 6  # the gap about the cell
    np.testing.assert_allclose(middle, CELL_PX / 2, atol=2)


CAMERA = Camera(fx=400, fy=410, cx=150, cy=130, width=320, height=240)
BOXES = np.array([[89.5, 59.5, 209.5, 209.5], [-0.5, 12.25, 44.75, 239.5]])


def written_shard(folder, boxes=BOXES, visibility=None):
    """A dataset of one image, written by the writer of `rtmpose3d synth`."""
    rng = np.random.default_rng(5)
    points = rng.normal([0, 0, 4], [0.3, 0.3, 0.2], (len(boxes), 133, 3))
    image = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    sample = annotated_sample(image, CAMERA, points, boxes, visibility=visibility)
    write_shard(folder / "shard-00000", [sample])
    return points


def read_rendered(folder, **options):
    return list(read_dataset("rendered", folder, options=ReadOptions(**options)))


def test_boxes_written_by_synth_are_read_back_exactly(tmp_path):
    """Writer and reader agree where a pixel begins; training and evaluation use the same reader."""
    written_shard(tmp_path)
    for options in ({}, {"keep_ignored": True}):
        records = read_rendered(tmp_path, **options)
        np.testing.assert_array_equal([r.box_xyxy for r in records], BOXES.astype(np.float32))


def test_boxes_have_the_same_offset_to_their_keypoints_as_in_the_scene(tmp_path):
    """A box around the keypoints' outermost pixels is so after writing and reading, too."""
    pixels = CAMERA.project(written_shard(tmp_path)[0])
    box = np.concatenate([pixels.min(axis=0) - 0.5, pixels.max(axis=0) + 0.5])
    written_shard(tmp_path / "around", box[None])
    (record,) = read_rendered(tmp_path / "around")
    margins = record.keypoints_px.min(axis=0) - record.box_xyxy[:2]
    np.testing.assert_allclose(margins, 0.5, atol=2e-3)
    margins = record.box_xyxy[2:] - record.keypoints_px.max(axis=0)
    np.testing.assert_allclose(margins, 0.5, atol=2e-3)


def test_rendered_people_project_onto_their_keypoints(tmp_path):
    points = written_shard(tmp_path)
    for record, metres in zip(read_rendered(tmp_path), points, strict=True):
        visible = record.annotated
        assert visible.sum() > 100
        projected = record.camera.project(record.keypoints_camera_m.astype(np.float64))
        np.testing.assert_allclose(projected[visible], record.keypoints_px[visible], atol=2e-3)
        np.testing.assert_allclose(record.keypoints_camera_m, metres, atol=1e-5)
        assert record.image.is_file()


def test_occluded_keypoints_of_rendered_people_are_labelled_and_known(tmp_path):
    visibility = np.full((1, 133), 2)
    visibility[0, 40:60], visibility[0, 100:] = 1, 0
    written_shard(tmp_path, BOXES[:1], visibility)
    (record,) = read_rendered(tmp_path)
    np.testing.assert_array_equal(record.annotated, visibility[0] > 0)
    np.testing.assert_array_equal(record.occluded, visibility[0] == 1)


@pytest.mark.parametrize(
    ("labelled", "occluded", "ignored"), [(8, 0, False), (7, 0, True), (8, 4, False), (8, 5, True)]
)
def test_hardly_visible_rendered_people_are_ignored_in_evaluation(
    tmp_path, labelled, occluded, ignored
):
    """Eight keypoints of body and feet must be in the image, four of them not occluded."""
    visibility = np.zeros((1, 133), int)
    visibility[0, 23:] = 2  # face and hands do not count
    visibility[0, :labelled] = 2
    visibility[0, :occluded] = 1
    written_shard(tmp_path, BOXES[:1], visibility)
    (record,) = read_rendered(tmp_path, keep_ignored=True)
    assert record.ignored == ignored
    assert not record.crowd
