"""Annotation samples of public datasets: counts, positions known by looking at the images, 3D."""

import pickle
import shutil

import numpy as np
import pytest

from rtmpose3d.data import ReadOptions, group_by_image, read_dataset
from rtmpose3d.errors import InputError
from rtmpose3d.skeletons import WHOLEBODY

SAMPLES = {  # dataset -> folder of the sample, split, annotation file, people whose image exists
    "coco-wholebody": ("coco", "val", "test_coco_wholebody.json", 4),
    "aic": ("aic", "val", "test_aic.json", 6),
    "crowdpose": ("crowdpose", "val", "test_crowdpose.json", 2),
    "sub-jhmdb": ("jhmdb", "train1", "test_jhmdb_sub1.json", 3),
    "posetrack18": ("posetrack18", "val", "annotations/test_posetrack18_val.json", 3),
    "human-art": ("humanart", "val", "test_humanart.json", 2),
    "ochuman": ("ochuman", "val", "test_ochuman.json", 3),
    "mpii": ("mpii", "val", "test_mpii.json", 3),
    "300w": ("300w", "val", "test_300w.json", 2),
    "wflw": ("wflw", "val", "test_wflw.json", 4),
    "lapa": ("lapa", "val", "test_lapa.json", 2),
    "cofw": ("cofw", "val", "test_cofw.json", 2),
    "interhand2.6m": ("interhand2.6m", "val", "test_interhand2.6m_data.json", 4),
    "h36m": ("h36m", "test", "test_h36m_body3d.npz", 2),
}
MPI_INF_3DHP = {"train": 1, "test": 1}  # split -> people whose image exists


def read(folder, name, split, annotations, on_bad="skip"):
    options = ReadOptions(keep_ignored=True)
    return read_dataset(
        name, folder, split, annotations=annotations, images=".", options=options, on_bad=on_bad
    )


@pytest.fixture(scope="module")
def records(shared):
    """All records of all samples whose image exists, by dataset."""
    samples = shared / "samples"
    found = {
        name: list(read(samples / folder, name, split, file))
        for name, (folder, split, file, _) in SAMPLES.items()
    }
    found["mpi-inf-3dhp"] = [
        record
        for split in MPI_INF_3DHP
        for record in read(
            samples / "mpi_inf_3dhp", "mpi-inf-3dhp", split, f"test_3dhp_{split}.npz"
        )
    ]
    return found


def test_every_person_whose_image_exists_is_read(records):
    counts = {name: row[-1] for name, row in SAMPLES.items()}
    counts["mpi-inf-3dhp"] = sum(MPI_INF_3DHP.values())
    assert {name: len(people) for name, people in records.items()} == counts


def test_keypoints_are_in_or_near_their_boxes(records):
    for name, people in records.items():
        for record in people:
            assert record.annotated.any() or name == "coco-wholebody"
            points = record.keypoints_px[record.annotated]
            size = record.box_xyxy[2:] - record.box_xyxy[:2]
            margin = size * (0.5 if name == "aic" else 0.25)  # AIC guesses hidden legs
            assert (points >= record.box_xyxy[:2] - margin).all(), record.source
            assert (points <= record.box_xyxy[2:] + margin).all(), record.source


def test_the_skier_has_all_keypoints_but_the_left_hand(records):
    skier = next(r for r in records["coco-wholebody"] if r.image.name == "000000000785.jpg")
    labelled = {part: int(skier.annotated[s].sum()) for part, s in WHOLEBODY.parts.items()}
    assert labelled == {"body": 17, "feet": 6, "face": 68, "left_hand": 0, "right_hand": 21}
    assert skier.keypoints_px[0].tolist() == [367, 81]  # the nose
    assert skier.oks_area_px2 == pytest.approx(27789.11, abs=0.01)


def test_faces_are_complete_and_upright(records):
    chin, left_eye, right_eye, nose = 31, 68, 59, 53
    for name in ("300w", "wflw", "lapa", "cofw"):
        for record in records[name]:
            assert record.box_kind == "face"
            x, y = record.keypoints_px.T
            assert y[chin] > y[nose] > min(y[left_eye], y[right_eye])
            assert x[left_eye] > x[right_eye]  # they look at us
            assert record.annotated[23:91].sum() == (21 if name == "cofw" else 68)


def test_hands_run_from_the_wrist_to_the_tips(records):
    for record in records["interhand2.6m"]:
        assert record.box_kind == "hands"
        for root in (91, 112):
            if not record.annotated[root : root + 21].all():
                continue
            metres = record.keypoints_camera_m[root : root + 21]
            for finger in range(1, 21, 4):
                bones = np.diff(metres[finger : finger + 4], axis=0)
                assert (np.linalg.norm(bones, axis=1) < 0.06).all()
            assert 0.05 < np.linalg.norm(metres[9] - metres[0]) < 0.13  # the palm


@pytest.mark.parametrize(
    ("name", "tolerance_px"), [("interhand2.6m", 2), ("h36m", 12), ("mpi-inf-3dhp", 2)]
)
def test_metres_project_onto_the_annotated_pixels(records, name, tolerance_px):
    """Human3.6M's lenses distort by up to 12 px."""
    for record in records[name]:
        known = record.annotated
        pixels = record.camera.project(record.keypoints_camera_m[known].astype(np.float64))
        assert np.abs(pixels - record.keypoints_px[known]).max() < tolerance_px


@pytest.mark.parametrize("name", ["h36m", "mpi-inf-3dhp"])
def test_joints_of_motion_capture_make_limbs_of_human_length(records, name):
    for record in records[name]:
        metres = record.keypoints_camera_m
        assert (metres[5] - metres[6]) @ (metres[11] - metres[12]) > 0  # shoulders like hips
        for chain, low, high in (
            ((5, 7, 9), 0.18, 0.4),
            ((6, 8, 10), 0.18, 0.4),
            ((11, 13, 15), 0.33, 0.55),
            ((12, 14, 16), 0.33, 0.55),
        ):
            bones = np.linalg.norm(np.diff(metres[list(chain)], axis=0), axis=1)
            assert ((low < bones) & (bones < high)).all(), (record.source, chain, bones)


def test_people_of_one_image_form_a_group(records):
    images = group_by_image(records["aic"])
    assert sum(len(image.people) for image in images) == 6
    assert len(images) == len({record.image for record in records["aic"]}) == 2
    assert all(record.image == image.path for image in images for record in image.people)


def test_camera_files_that_are_no_arrays_are_errors(shared, tmp_path):
    shutil.copy(shared / "samples" / "h36m" / "test_h36m_body3d.npz", tmp_path / "a.npz")
    with pytest.raises(InputError, match=r"cameras\.pkl does not exist"):
        list(read(tmp_path, "h36m", "test", "a.npz"))
    (tmp_path / "cameras.pkl").write_bytes(pickle.dumps([1]))
    with pytest.raises(InputError, match="must hold a dictionary, got a list"):
        list(read(tmp_path, "h36m", "test", "a.npz"))
    (tmp_path / "cameras.pkl").write_bytes(pickle.dumps({}))
    with pytest.raises(InputError, match=r"a\.npz, annotation 0 .*it has no"):
        list(read(tmp_path, "h36m", "test", "a.npz", on_bad="raise"))
    (tmp_path / "b.npz").write_bytes(b"no archive")
    (tmp_path / "cameras.pkl").write_bytes(pickle.dumps({}))
    with pytest.raises(InputError, match=r"annotation file .* cannot be read"):
        list(read(tmp_path, "h36m", "test", "b.npz"))
