"""Bad data is an error that names file and index, or is skipped on request and counted."""

import json

import cv2
import numpy as np
import pytest

from rtmpose3d.data import ReadOptions, load_record_image, read_dataset
from rtmpose3d.errors import InputError, UnknownNameError

NAN = float("nan")


def read(synthetic, on_bad="raise", **options):
    return read_dataset(
        synthetic.name,
        synthetic.folder,
        synthetic.split,
        on_bad=on_bad,
        options=ReadOptions(**options) if options else None,
    )


def test_good_data_gives_every_person(synthetic):
    reading = read(synthetic)
    assert [record.annotation_id for record in reading] == [100, 101, 102]
    assert reading.records == 3
    assert not reading.bad


BAD_LABELS = {
    "a labelled keypoint that is no number": (
        {"foot_kpts": [NAN, 5.0, 2] + [5.0, 5.0, 2] * 5},
        r"keypoint 17 \(left_big_toe\) is labelled, but its position is \[nan, 5.0\]",
    ),
    "a flag that is no number": ({"foot_kpts": [5.0, 5.0, NAN] * 6}, "visible must be in 0 to 1"),
    "too few keypoints": ({"face_kpts": [1.0, 2.0, 2] * 67}, r"face_kpts must be numbers of shape"),
    "keypoints that are text": ({"keypoints": ["a"] * 51}, "keypoints must be numbers"),
    "no box": ({"bbox": None}, "bbox must be numbers of shape"),
    "half a box": ({"bbox": [1, 2, 3]}, "bbox must be numbers of shape"),
    "a box that is no number": ({"bbox": [NAN, 2, 30, 30]}, "box"),
    "an unknown image": ({"image_id": 99}, "no image has its image_id 99"),
    "no image": ({"image_id": None}, "no image has its image_id None"),
}


@pytest.mark.parametrize("fault", BAD_LABELS)
def test_a_bad_label_is_named_with_file_and_index(synthetic, fault):
    fields, message = BAD_LABELS[fault]
    synthetic.change(1, **fields)
    with pytest.raises(InputError, match=message) as error:
        list(read(synthetic))
    assert f"{synthetic.file}, annotation 1" in str(error.value)


@pytest.mark.parametrize("fault", BAD_LABELS)
def test_a_bad_label_can_be_skipped_and_is_reported(synthetic, fault):
    synthetic.change(1, **BAD_LABELS[fault][0])
    reading = read(synthetic, on_bad="skip")
    assert [record.index for record in reading] == [0, 2]
    assert [(bad.file, bad.index) for bad in reading.bad] == [(synthetic.file, 1)]
    assert str(synthetic.file) in reading.bad[0].text


def test_a_missing_field_is_named(synthetic):
    del synthetic.document["annotations"][2]["lefthand_kpts"]
    synthetic.write()
    with pytest.raises(InputError, match=r"annotation 2 .*it has no 'lefthand_kpts'"):
        list(read(synthetic))


def test_a_missing_image_is_named(synthetic):
    (synthetic.images / "8.jpg").unlink()
    with pytest.raises(
        InputError, match=r"annotation 1 \(id 101\): its image .*8.jpg does not exist"
    ):
        list(read(synthetic))
    reading = read(synthetic, on_bad="skip")
    assert len(list(reading)) == 1
    assert [bad.index for bad in reading.bad] == [1, 2]
    assert len(list(read(synthetic, check_images=False))) == 3


def test_an_image_of_another_size_is_named(synthetic):
    cv2.imwrite(str(synthetic.images / "7.jpg"), np.zeros((61, 98, 3), np.uint8))
    record = next(iter(read(synthetic)))
    with pytest.raises(InputError, match="97 x 61 px, but the image has 98 x 61") as error:
        load_record_image(record)
    assert f"{synthetic.file}, annotation 0" in str(error.value)


def test_a_broken_image_is_named(synthetic):
    (synthetic.images / "7.jpg").write_bytes(b"not an image")
    with pytest.raises(InputError, match=r"annotation 0 \(id 100\): .*7.jpg"):
        load_record_image(next(iter(read(synthetic))))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"images": [', "is no valid JSON: .*line 1"),
        ("[]", "must hold `images` and `annotations`"),
        ('{"images": {}, "annotations": []}', "must hold a list `images`"),
        ('{"images": [], "annotations": []}', "is empty: `images` has no entry"),
        ('{"images": [{"id": 1}], "annotations": [{}]}', "image 0: it needs `id` and `file_name`"),
        ('{"images": [{"id": 1, "file_name": "a"}], "annotations": []}', "`annotations` has no"),
    ],
)
@pytest.mark.parametrize("on_bad", ["raise", "skip"])
def test_a_broken_annotation_file_is_never_skipped(synthetic, text, message, on_bad):
    synthetic.file.write_text(text, "utf-8")
    with pytest.raises(InputError, match=message) as error:
        list(read(synthetic, on_bad))
    assert str(synthetic.file) in str(error.value)


def test_a_missing_annotation_file_says_where_the_data_is(synthetic):
    synthetic.file.unlink()
    with pytest.raises(InputError, match=r"no annotation file .*github.com/jin-s13"):
        read(synthetic)


def test_a_dataset_without_a_usable_label_is_an_error_that_says_why(synthetic):
    for index in range(3):
        synthetic.change(index, num_keypoints=0)
    with pytest.raises(InputError, match=r"no usable annotation in .*3 x no labelled keypoint"):
        list(read(synthetic))
    synthetic.change(0, bbox=None)
    with pytest.raises(InputError, match="2 x no labelled keypoint; 1 bad, the first"):
        list(read(synthetic, on_bad="skip"))


def test_crowds_are_skipped_for_training_and_kept_for_evaluation(synthetic):
    synthetic.change(1, iscrowd=1)
    synthetic.change(2, num_keypoints=0)
    training = read(synthetic)
    assert [record.index for record in training] == [0]
    assert training.skipped == {"crowd region": 1, "no labelled keypoint": 1}
    kept = list(read(synthetic, keep_ignored=True))
    assert [(record.index, record.crowd) for record in kept] == [(0, False), (1, True), (2, False)]
    assert [record.area_px2 for record in kept] == [612.5] * 3


def test_a_box_outside_its_image_is_skipped_for_training_and_kept_for_evaluation(synthetic):
    synthetic.change(0, bbox=[200.0, 10, 20, 20])
    reading = read(synthetic)
    assert [record.index for record in reading] == [1, 2]
    assert reading.skipped == {"no box, or a box of less than a pixel inside the image": 1}
    kept = next(iter(read(synthetic, keep_ignored=True)))
    assert kept.box_xyxy.tolist() == [200, 10, 220, 30]


def test_a_box_beyond_the_image_is_clipped_to_the_last_pixels_as_in_the_reference(synthetic):
    synthetic.change(0, bbox=[-5.0, 10, 200, 20])
    synthetic.change(1, bbox=[4.0, -3, 10, 500])
    first, second, _ = read(synthetic)
    assert first.box_xyxy.tolist() == [0, 10, 96, 30]
    assert second.box_xyxy.tolist() == [4, 0, 14, 82]


def test_iterating_again_starts_over(synthetic):
    synthetic.change(1, bbox=None)
    reading = read(synthetic, on_bad="skip")
    assert len(list(reading)) == len(list(reading)) == reading.records == 2
    assert len(reading.bad) == 1


def test_every_other_image_can_be_taken(synthetic):
    assert [record.image_id for record in read(synthetic, every=2)] == [7]
    with pytest.raises(InputError, match="every must be 1 or more"):
        ReadOptions(every=0)


def test_unknown_names_are_refused(synthetic):
    with pytest.raises(UnknownNameError, match="coco-wholebody"):
        read_dataset("coco-wholebdy", synthetic.folder)
    with pytest.raises(UnknownNameError, match="train, val"):
        read_dataset(synthetic.name, synthetic.folder, "test")
    with pytest.raises(InputError, match="on_bad must be"):
        read_dataset(synthetic.name, synthetic.folder, synthetic.split, on_bad="ignore")
    with pytest.raises(InputError, match="is no folder"):
        read_dataset(synthetic.name, synthetic.folder / "nothing", synthetic.split)


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")


def test_mpii_files_that_are_broken_are_named(tmp_path):
    good = {
        "image": "012.jpg",
        "center": [50.0, 60.0],
        "scale": 0.5,
        "joints": [[10.0, 20.0]] * 16,
        "joints_vis": [1] * 16,
    }
    options = ReadOptions(check_images=False)
    file = "annotations/mpii_val.json"
    write(tmp_path, file, [good, good | {"joints": [[1.0, 2.0]] * 15}, 7])
    reading = read_dataset("mpii", tmp_path, "val", on_bad="skip", options=options)
    assert [record.image_id for record in reading] == [12]
    assert [bad.index for bad in reading.bad] == [1, 2]
    for content, message in (([], "is empty"), ({}, "must hold a list of people")):
        write(tmp_path, file, content)
        with pytest.raises(InputError, match=message):
            list(read_dataset("mpii", tmp_path, "val", options=options))


@pytest.mark.parametrize(
    "change",
    [
        {"image": ["a.jpg"]},
        {"image": 3},
        {"image": "../../a.jpg"},
        {"image": "\ud800.jpg"},
        {"scale": -1},
        {"scale": 1e300},
        {"scale": None},
        {"center": [1e300, 2]},
        {"joints": [[NAN, 20.0]] * 16},
    ],
)
def test_a_person_of_mpii_that_cannot_be_is_an_error_of_ours(tmp_path, change):
    good = {
        "image": "012.jpg",
        "center": [50.0, 60.0],
        "scale": 0.5,
        "joints": [[10.0, 20.0]] * 16,
        "joints_vis": [1] * 16,
    }
    write(tmp_path, "annotations/mpii_val.json", [good, good | change])
    options = ReadOptions(check_images=False)
    with pytest.raises(InputError):
        list(read_dataset("mpii", tmp_path, "val", options=options))


def test_interhand_without_its_cameras_is_named(tmp_path):
    image = {"id": 1, "file_name": "a.jpg", "width": 9, "height": 8, "capture": 0, "camera": "1"}
    image["frame_idx"] = 5
    label = {"id": 1, "image_id": 1, "bbox": [1, 1, 5, 5], "joint_valid": [1] * 42}
    stem = "annotations/all/InterHand2.6M_val"
    write(tmp_path, f"{stem}_data.json", {"images": [image], "annotations": [label]})
    options = ReadOptions(check_images=False)
    with pytest.raises(InputError, match=r"InterHand2.6M_val_camera.json does not exist"):
        list(read_dataset("interhand2.6m", tmp_path, "val", options=options))
    write(tmp_path, f"{stem}_camera.json", {})
    write(tmp_path, f"{stem}_joint_3d.json", {})
    with pytest.raises(InputError, match=r"annotation 0 .*capture 0, frame 5 has no camera"):
        list(read_dataset("interhand2.6m", tmp_path, "val", options=options))
