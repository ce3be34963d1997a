"""LSP Extended and faces in `labels.npz`: hand labels, pseudo-labels, boxes, broken files."""

import numpy as np
import pytest

from rtmpose3d.data import RecordTable, read_dataset
from rtmpose3d.data.readers.label_arrays import PSEUDO_LABEL_WEIGHT
from rtmpose3d.errors import InputError
from rtmpose3d.skeletons import WHOLEBODY

OUR = {name: i for i, name in enumerate(WHOLEBODY.keypoint_names)}


def write(folder, **arrays):
    folder = folder / "train"
    folder.mkdir(parents=True, exist_ok=True)
    count = len(next(iter(arrays.values())))
    names = np.array([f"im{i}.jpg" for i in range(count)])
    for name in names:
        (folder / str(name)).write_bytes(b"")
    np.savez(folder / "labels.npz", names=names, **arrays)
    return folder.parent


def lsp(rng):
    joints = np.ones((3, 14, 3), np.float32)
    joints[..., :2] = rng.uniform(50, 150, (3, 14, 2))
    teacher = np.full((3, 133, 3), np.nan, np.float32)
    teacher[:2, :, :2] = rng.uniform(50, 150, (2, 133, 2))
    teacher[:2, :, 2] = 0.8
    return joints, teacher


def test_hand_labels_have_the_full_weight_and_a_teacher_s_less(tmp_path):
    joints, teacher = lsp(np.random.default_rng(0))
    joints[0, 5, 2] = 0  # the left ankle is the teacher's
    folder = write(tmp_path, joints=joints, teacher=teacher)
    first, second, third = RecordTable(read_dataset("lspet", folder))
    ankle, nose, knee = OUR["left_ankle"], OUR["nose"], OUR["left_knee"]
    assert first.label_weight[[ankle, nose]] == pytest.approx(PSEUDO_LABEL_WEIGHT * 0.8)
    assert first.label_weight[knee] == 1
    assert second.label_weight[ankle] == 1
    np.testing.assert_array_equal(first.keypoints_px[ankle], teacher[0, ankle, :2])
    np.testing.assert_array_equal(first.keypoints_px[knee], joints[0, 4, :2])
    assert first.label_weight[OUR["left_hand_root"]] == pytest.approx(PSEUDO_LABEL_WEIGHT)
    assert third.label_weight is None
    assert third.visible.sum() == 12
    assert first.keypoints_camera_m is None


def test_the_box_encloses_neck_and_head_top_too(tmp_path):
    joints, teacher = lsp(np.random.default_rng(1))
    joints[2, 13, :2] = 90, 5
    record = RecordTable(read_dataset("lspet", write(tmp_path, joints=joints, teacher=teacher)))[2]
    assert record.box_xyxy[1] < 5
    assert (record.box_xyxy[:2] < joints[2, :, :2].min(axis=0)).all()


def test_faces_are_labelled_on_the_face_only(tmp_path):
    landmarks = np.random.default_rng(2).uniform(20, 90, (2, 68, 2)).astype(np.float32)
    records = list(read_dataset("faces68", write(tmp_path, landmarks=landmarks)))
    assert [record.box_kind for record in records] == ["face", "face"]
    np.testing.assert_array_equal(np.flatnonzero(records[1].visible), np.arange(23, 91))
    np.testing.assert_allclose(records[1].box_xyxy[:2], landmarks[1].min(axis=0))


def test_a_teacher_s_keypoints_label_the_body_of_faces_with_less_weight(tmp_path):
    rng = np.random.default_rng(4)
    landmarks = rng.uniform(20, 90, (1, 68, 2)).astype(np.float32)
    teacher = np.full((1, 133, 3), np.nan, np.float32)
    teacher[0, [5, 30, 95]] = [[10, 90, 0.6], [1, 1, 1], [40, 80, 1]]
    folder = write(tmp_path, landmarks=landmarks, teacher=teacher)
    (record,) = read_dataset("faces68", folder)
    np.testing.assert_array_equal(np.flatnonzero(record.visible), [5, *range(23, 91), 95])
    np.testing.assert_allclose(record.keypoints_px[23:91], landmarks[0])  # by hand, not keypoint 30
    weights = [0.6 * PSEUDO_LABEL_WEIGHT, 1, PSEUDO_LABEL_WEIGHT]
    np.testing.assert_allclose(record.label_weight[[5, 30, 95]], weights, rtol=1e-6)
    np.testing.assert_allclose(record.box_xyxy[:2], landmarks[0].min(axis=0))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"joints": np.zeros((2, 13, 3), np.float32)}, "joints must be"),
        ({"joints": np.zeros((2, 14, 3), int)}, "joints must be"),
        ({"points": np.zeros((2, 14, 3), np.float32)}, "no array"),
    ],
)
def test_arrays_of_another_kind_are_an_error(tmp_path, arrays, message):
    teacher = np.full((2, 133, 3), np.nan, np.float32)
    folder = write(tmp_path, **arrays, teacher=teacher)
    with pytest.raises(InputError, match=message):
        list(read_dataset("lspet", folder))


def test_a_file_that_is_no_npz_is_an_error(tmp_path):
    folder = write(tmp_path, landmarks=np.zeros((1, 68, 2), np.float32))
    (folder / "train" / "labels.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(InputError, match="npz"):
        list(read_dataset("faces68", folder))
