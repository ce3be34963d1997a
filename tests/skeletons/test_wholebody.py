"""The table of keypoints against the reference's (`golden/datasets/metainfo.json`)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.errors import UnknownNameError
from rtmpose3d.skeletons import PARTS, WHOLEBODY


@pytest.fixture(scope="module")
def reference(golden: Path) -> dict:
    text = (golden / "datasets" / "metainfo.json").read_text(encoding="utf-8")
    return json.loads(text)["coco_wholebody"]


def test_names_are_the_reference_s_in_its_order(reference):
    names = [reference["keypoint_id2name"][str(i)] for i in range(133)]
    assert list(WHOLEBODY.keypoint_names) == names


def test_flip_index_is_the_reference_s(reference):
    assert WHOLEBODY.flip_index.tolist() == reference["flip_indices"]


def test_sigmas_are_the_reference_s_to_their_three_decimals(reference):
    np.testing.assert_allclose(WHOLEBODY.sigmas, reference["sigmas"], rtol=0, atol=1e-8)


def test_every_link_of_the_reference_is_a_bone_and_only_the_face_adds_some(reference):
    links = {frozenset(link) for link in reference["skeleton_links"]}
    bones = {
        frozenset(bone): part
        for bone, part in zip(WHOLEBODY.bones.tolist(), WHOLEBODY.bone_part, strict=True)
    }
    assert links <= bones.keys()
    assert {bones[b] for b in bones.keys() - links} == {"face"}


def test_the_parts_cover_all_keypoints_in_order():
    assert tuple(WHOLEBODY.parts) == PARTS
    ranges = [range(133)[s] for s in WHOLEBODY.parts.values()]
    assert [i for r in ranges for i in r] == list(range(133)) == list(range(len(WHOLEBODY)))
    for part, r in zip(PARTS, ranges, strict=True):
        assert {WHOLEBODY.part_of_keypoint[i] for i in r} == {part}


def test_flipping_twice_changes_nothing_and_exchanges_the_sides():
    flip = WHOLEBODY.flip_index
    np.testing.assert_array_equal(flip[flip], np.arange(133))
    other = {"left": "right", "right": "left", "middle": "middle"}
    sides = WHOLEBODY.side_of_keypoint
    assert [sides[i] for i in flip] == [other[side] for side in sides]


def test_middle_keypoints_are_those_without_a_partner():
    middle = [i for i, side in enumerate(WHOLEBODY.side_of_keypoint) if side == "middle"]
    assert middle == np.flatnonzero(WHOLEBODY.flip_index == np.arange(133)).tolist()


def test_the_face_starts_on_the_person_s_right():
    # 300-W's order starts at the image's left, which is the right of a person facing us.
    assert WHOLEBODY.side_of_keypoint[WHOLEBODY.index("face-0")] == "right"
    assert WHOLEBODY.side_of_keypoint[WHOLEBODY.index("face-45")] == "left"


def test_left_and_right_of_the_body_have_the_same_tolerance():
    body = WHOLEBODY.parts["body"]
    np.testing.assert_array_equal(
        WHOLEBODY.sigmas[WHOLEBODY.flip_index][body], WHOLEBODY.sigmas[body]
    )


def test_bones_mirror_onto_bones():
    bones = {frozenset(bone) for bone in WHOLEBODY.bones.tolist()}
    assert {frozenset(bone) for bone in WHOLEBODY.flip_index[WHOLEBODY.bones].tolist()} == bones
    assert len(bones) == len(WHOLEBODY.bones)


def test_both_ends_of_a_bone_outside_the_feet_lie_in_its_part():
    for (a, b), part in zip(WHOLEBODY.bones.tolist(), WHOLEBODY.bone_part, strict=True):
        first = "body" if part == "feet" else part  # a foot's bones start at the ankle
        assert (WHOLEBODY.part_of_keypoint[a], WHOLEBODY.part_of_keypoint[b]) == (first, part)


def test_eyes_and_lips_are_closed_and_the_jaw_is_open():
    degree = np.bincount(WHOLEBODY.part_bones("face").ravel(), minlength=133)
    assert set(degree[23 + 36 : 91]) == {2}
    assert degree[23] == degree[23 + 16] == 1


def test_index_finds_each_name_and_explains_a_wrong_one():
    assert [WHOLEBODY.index(name) for name in WHOLEBODY.keypoint_names] == list(range(133))
    with pytest.raises(UnknownNameError, match=r"unknown keypoint 'left_wirst'.*'left_wrist'"):
        WHOLEBODY.index("left_wirst")
    with pytest.raises(UnknownNameError, match="unknown part 'foot'"):
        WHOLEBODY.part_bones("foot")  # type: ignore[arg-type]


def test_the_table_cannot_be_written_to():
    for array in (WHOLEBODY.flip_index, WHOLEBODY.bones, WHOLEBODY.sigmas):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_its_text_is_one_line_and_an_unknown_keypoint_is_answered_with_similar_names():
    assert repr(WHOLEBODY).startswith("Skeleton(133 keypoints: body 0-16, feet 17-22")
    assert len(repr(WHOLEBODY)) < 120
    with pytest.raises(UnknownNameError) as error:
        WHOLEBODY.index("left_wirst")
    assert "did you mean 'left_wrist'? Known, of 133, among others" in str(error.value)
    assert len(str(error.value)) < 400
