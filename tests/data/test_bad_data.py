"""Bad data is an error that names file and index, or is skipped on request and counted."""

import json

import cv2
import numpy as np
import pytest

from rtmpose3d.data import ReadOptions, load_record_image, read_dataset
from rtmpose3d.errors import InputError, UnknownNameError

NAN = float("nan")


def read(made_up, on_bad="raise", **options):
    return read_dataset(
        made_up.name,
        made_up.folder,
        made_up.split,
        on_bad=on_bad,
        options=ReadOptions(**options) if options else None,
    )


def test_good_data_gives_every_person(made_up):
    reading = read(made_up)
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
def test_a_bad_label_is_named_with_file_and_index(made_up, fault):
    fields, message = BAD_LABELS[fault]
    made_up.change(1, **fields)
    with pytest.raises(InputError, match=message) as error:
        list(read(made_up))
    assert f"{made_up.file}, annotation 1" in str(error.value)


@pytest.mark.parametrize("fault", BAD_LABELS)
def test_a_bad_label_can_be_skipped_and_is_reported(made_up, fault):
    made_up.change(1, **BAD_LABELS[fault][0])
    reading = read(made_up, on_bad="skip")
    assert [record.index for record in reading] == [0, 2]
    assert [(bad.file, bad.index) for bad in reading.bad] == [(made_up.file, 1)]
    assert str(made_up.file) in reading.bad[0].text


def test_a_missing_field_is_named(made_up):
    del made_up.document["annotations"][2]["lefthand_kpts"]
    made_up.write()
    with pytest.raises(InputError, match=r"annotation 2 .*it has no 'lefthand_kpts'"):
        list(read(made_up))


def test_a_missing_image_is_named(made_up):
    (made_up.images / "8.jpg").unlink()
    with pytest.raises(
        InputError, match=r"annotation 1 \(id 101\): its image .*8.jpg does not exist"
    ):
        list(read(made_up))
    reading = read(made_up, on_bad="skip")
    assert len(list(reading)) == 1
    assert [bad.index for bad in reading.bad] == [1, 2]
    assert len(list(read(made_up, check_images=False))) == 3


def test_an_image_of_another_size_is_named(made_up):
    cv2.imwrite(str(made_up.images / "7.jpg"), np.zeros((61, 98, 3), np.uint8))
    record = next(iter(read(made_up)))
    with pytest.raises(InputError, match="97 x 61 px, but the image has 98 x 61") as error:
        load_record_image(record)
    assert f"{made_up.file}, annotation 0" in str(error.value)


def test_a_broken_image_is_named(made_up):
    (made_up.images / "7.jpg").write_bytes(b"not an image")
    with pytest.raises(InputError, match=r"annotation 0 \(id 100\): .*7.jpg"):
        load_record_image(next(iter(read(made_up))))


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
def test_a_broken_annotation_file_is_never_skipped(made_up, text, message, on_bad):
    made_up.file.write_text(text, "utf-8")
    with pytest.raises(InputError, match=message) as error:
        list(read(made_up, on_bad))
    assert str(made_up.file) in str(error.value)


def test_a_missing_annotation_file_says_where_the_data_is(made_up):
    made_up.file.unlink()
    with pytest.raises(InputError, match=r"no annotation file .*github.com/jin-s13"):
        read(made_up)


def test_a_dataset_without_a_usable_label_is_an_error_that_says_why(made_up):
    for index in range(3):
        made_up.change(index, num_keypoints=0)
    with pytest.raises(InputError, match=r"no usable annotation in .*3 x no labelled keypoint"):
        list(read(made_up))
    made_up.change(0, bbox=None)
    with pytest.raises(InputError, match="2 x no labelled keypoint; 1 bad, the first"):
        list(read(made_up, on_bad="skip"))


def test_crowds_are_skipped_for_training_and_kept_for_evaluation(made_up):
    made_up.change(1, iscrowd=1)
    made_up.change(2, num_keypoints=0)
    training = read(made_up)
    assert [record.index for record in training] == [0]
    assert training.skipped == {"crowd region": 1, "no labelled keypoint": 1}
    kept = list(read(made_up, keep_ignored=True))
    assert [(record.index, record.crowd) for record in kept] == [(0, False), (1, True), (2, False)]
    assert [record.area_px2 for record in kept] == [612.5] * 3


def test_a_box_outside_its_image_is_skipped_for_training_and_kept_for_evaluation(made_up):
    made_up.change(0, bbox=[200.0, 10, 20, 20])
    reading = read(made_up)
    assert [record.index for record in reading] == [1, 2]
    assert reading.skipped == {"no box, or a box without area inside the image": 1}
    kept = next(iter(read(made_up, keep_ignored=True)))
    assert kept.box_xyxy.tolist() == [200, 10, 220, 30]


def test_iterating_again_starts_over(made_up):
    made_up.change(1, bbox=None)
    reading = read(made_up, on_bad="skip")
    assert len(list(reading)) == len(list(reading)) == reading.records == 2
    assert len(reading.bad) == 1


def test_every_other_image_can_be_taken(made_up):
    assert [record.image_id for record in read(made_up, every=2)] == [7]
    with pytest.raises(InputError, match="every must be 1 or more"):
        ReadOptions(every=0)


def test_unknown_names_are_refused(made_up):
    with pytest.raises(UnknownNameError, match="coco-wholebody"):
        read_dataset("coco-wholebdy", made_up.folder)
    with pytest.raises(UnknownNameError, match="train, val"):
        read_dataset(made_up.name, made_up.folder, "test")
    with pytest.raises(InputError, match="on_bad must be"):
        read_dataset(made_up.name, made_up.folder, made_up.split, on_bad="ignore")
    with pytest.raises(InputError, match="is no folder"):
        read_dataset(made_up.name, made_up.folder / "nothing", made_up.split)


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
