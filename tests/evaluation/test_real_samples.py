"""Readers of real annotation samples: counts, places known by looking at the images, refusals."""

from __future__ import annotations

import pickle
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.array_pickle import read_pickled_arrays
from rtmpose3d.evaluation.real_people import RealPerson
from rtmpose3d.evaluation.real_samples import READERS, read_real_people
from rtmpose3d.skeletons import WHOLEBODY


@pytest.fixture(scope="module")
def people(shared: Path) -> list[RealPerson]:
    return read_real_people(shared / "samples")


def test_every_dataset_with_images_is_read(people: list[RealPerson]) -> None:
    assert Counter(person.dataset for person in people) == {
        "coco": 4,
        "aic": 6,
        "crowdpose": 2,
        "jhmdb": 3,
        "posetrack18": 3,
        "humanart": 2,
        "ochuman": 3,
        "mpii": 3,
        "300w": 2,
        "wflw": 4,
        "lapa": 2,
        "cofw": 2,
        "interhand2.6m": 4,
        "h36m": 2,
        "mpi_inf_3dhp": 2,
    }
    assert set(READERS) == {person.dataset for person in people}


def test_keypoints_lie_in_or_near_their_boxes(people: list[RealPerson]) -> None:
    for person in people:
        assert person.annotated.any() or person.dataset == "coco"
        points = person.keypoints[person.annotated]
        size = person.box_xyxy[2:] - person.box_xyxy[:2]
        margin = size * (0.5 if person.dataset == "aic" else 0.25)  # AIC guesses hidden legs
        assert (points >= person.box_xyxy[:2] - margin).all(), person.image_path
        assert (points <= person.box_xyxy[2:] + margin).all(), person.image_path
        assert not person.keypoints[~person.annotated].any()


def test_the_skier_has_all_of_her_points_but_the_left_hand(people: list[RealPerson]) -> None:
    skier = next(p for p in people if p.image_path.name == "000000000785.jpg")
    known = {part: int(skier.annotated[s].sum()) for part, s in WHOLEBODY.parts.items()}
    assert known == {"body": 17, "feet": 6, "face": 68, "left_hand": 0, "right_hand": 21}
    assert skier.keypoints[0].tolist() == [367, 81]  # the nose
    assert skier.area_px2 == pytest.approx(27789.11, abs=0.01)


def test_faces_are_whole_and_the_right_way_up(people: list[RealPerson]) -> None:
    chin, left_eye, right_eye, nose = 31, 68, 59, 53
    for person in people:
        if person.shown != "face":
            continue
        x, y = person.keypoints.T
        assert y[chin] > y[nose] > min(y[left_eye], y[right_eye])
        assert x[left_eye] > x[right_eye]  # they look at us
        count = int(person.annotated[23:91].sum())
        assert count == {"cofw": 21}.get(person.dataset, 68)


def test_hands_run_from_the_wrist_to_the_tips(people: list[RealPerson]) -> None:
    for person in people:
        if person.shown != "hand":
            continue
        assert person.keypoints_camera is not None
        for root in (91, 112):
            if not person.annotated[root : root + 21].all():
                continue
            metres = person.keypoints_camera[root : root + 21]
            for finger in range(1, 21, 4):
                bones = np.diff(metres[finger : finger + 4], axis=0)
                assert (np.linalg.norm(bones, axis=1) < 0.06).all()
            assert 0.05 < np.linalg.norm(metres[9] - metres[0]) < 0.13  # the palm


def test_points_in_space_project_to_the_annotated_pixels(people: list[RealPerson]) -> None:
    counted = 0
    for person in people:
        if person.keypoints_camera is None:
            continue
        assert person.camera is not None
        known = person.annotated
        pixels = person.camera.project(person.keypoints_camera[known])
        tolerance = 12 if person.dataset == "h36m" else 2  # its lenses distort
        assert np.abs(pixels - person.keypoints[known]).max() < tolerance
        counted += 1
    assert counted == 8


def test_pickled_code_is_refused(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self):
            return (print, ("run!",))

    path = tmp_path / "cameras.pkl"
    path.write_bytes(pickle.dumps({"camera": Harmful()}))
    with pytest.raises(InputError, match=r"asks for builtins\.print, which is no array"):
        read_pickled_arrays(path)
    path.write_bytes(b"no pickle")
    with pytest.raises(InputError, match="is no pickle of arrays"):
        read_pickled_arrays(path)


def test_pickled_arrays_are_read(tmp_path: Path) -> None:
    path = tmp_path / "cameras.pkl"
    path.write_bytes(pickle.dumps({("S1", "54"): {"f": np.array([[3.5], [4.5]])}}))
    assert read_pickled_arrays(path)["S1", "54"]["f"].ravel().tolist() == [3.5, 4.5]


def test_missing_and_broken_folders_are_errors(tmp_path: Path, shared: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        read_real_people(tmp_path / "absent")
    with pytest.raises(InputError, match="holds no annotated image"):
        read_real_people(tmp_path)
    shutil.copytree(shared / "samples" / "aic", tmp_path / "aic")
    (tmp_path / "aic" / "test_aic.json").chmod(0o644)
    (tmp_path / "aic" / "test_aic.json").write_text('{"images": []}')
    with pytest.raises(InputError, match=r"test_aic\.json is empty"):
        read_real_people(tmp_path)
