"""Keypoint maps: equal to the reference, and symmetric."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.data import DATASETS
from rtmpose3d.data.maps.body_maps import UBODY3D, UBODY3D_LAST_133
from rtmpose3d.data.maps.keypoint_map import KeypointMap
from rtmpose3d.data.maps.part_maps import DNA_RENDERING
from rtmpose3d.errors import InputError
from rtmpose3d.skeletons import WHOLEBODY

# The reference's tables (mmpose 759b39c1, rtmw3d-l_8xb64_cocktail14-384x288.py).
REFERENCE = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "data" / "mappings.json").read_text("utf-8")
)["mappings"]
SAME_AS = {
    "aic_coco133": "aic",
    "crowdpose_coco133": "crowdpose",
    "mpii_coco133": "mpii",
    "jhmdb_coco133": "sub-jhmdb",
    "halpe_coco133": "halpe",
    "posetrack_coco133": "posetrack18",
    "humanart_coco133": "human-art",
    "wflw_coco133": "wflw",
    "mapping_300w_coco133": "300w",
    "cofw_coco133": "cofw",
    "lapa_coco133": "lapa",
    "interhand_coco133": "interhand2.6m",
}


def test_every_table_of_the_reference_is_compared():
    assert set(SAME_AS) == set(REFERENCE)


@pytest.mark.parametrize("table", REFERENCE)
def test_a_map_equals_the_reference(table):
    ours = DATASETS[SAME_AS[table]].keypoint_map
    assert sorted(ours.pairs) == sorted(map(tuple, REFERENCE[table]))


@pytest.mark.parametrize("name", ["coco-wholebody", "ubody", "h3wb", "rendered"])
def test_sets_in_our_order_are_mapped_to_themselves(name):
    assert DATASETS[name].keypoint_map.pairs == tuple((i, i) for i in range(133))


@pytest.mark.parametrize("spec", DATASETS.values(), ids=lambda spec: spec.name)
def test_maps_are_symmetric(spec):
    """If a set has a keypoint of the left, it has that of the right, too."""
    ours = {b for _, b in spec.keypoint_map.pairs}
    flipped = {int(WHOLEBODY.flip_index[b]) for b in ours}
    assert flipped == ours


@pytest.mark.parametrize("keypoint_map", [UBODY3D, UBODY3D_LAST_133, DNA_RENDERING])
def test_names_of_a_side_go_to_that_side(keypoint_map):
    for theirs, ours in keypoint_map.pairs:
        name = keypoint_map.names[theirs]
        for side in ("left", "right"):
            if name.startswith(side):
                assert WHOLEBODY.side_of_keypoint[ours] == side, name


def test_the_maps_of_fits_have_all_that_they_can():
    everything = set(range(133))
    assert {b for _, b in UBODY3D.pairs} == everything
    missing = {
        WHOLEBODY.keypoint_names[i] for i in everything - {b for _, b in DNA_RENDERING.pairs}
    }
    assert missing == {"left_hand_root", "right_hand_root"}
    cut_off = everything - {b for _, b in UBODY3D_LAST_133.pairs}
    assert {WHOLEBODY.keypoint_names[i] for i in cut_off} == {"left_hip", "right_hip", "left_knee"}


def test_ubody3d_in_numbers():
    """Against mmpose's configs/_base_/datasets/ubody3d.py; SMPL-X's landmarks are 300-W's."""
    pairs = dict(UBODY3D.pairs[:-2])  # without the wrists' second use
    expected = {1: 11, 2: 12, 8: 5, 13: 10, 14: 17, 17: 20, 20: 3, 22: 1, 24: 0}
    expected |= {25: 92, 28: 95, 44: 111, 45: 113, 64: 132, 69: 40, 119: 90, 120: 23, 136: 39}
    assert {theirs: pairs[theirs] for theirs in expected} == expected


def test_dna_rendering_in_numbers():
    """Against mmhuman3d's HUMAN_DATA."""
    pairs = dict(DNA_RENDERING.pairs)
    expected = {1: 11, 20: 9, 25: 96, 31: 108, 34: 104, 37: 92, 40: 117, 55: 0, 56: 2, 57: 1}
    expected |= {60: 17, 65: 22, 66: 95, 67: 99, 75: 132, 76: 40, 95: 59, 126: 90, 127: 23, 143: 39}
    assert {theirs: pairs[theirs] for theirs in expected} == expected


@given(st.sampled_from(sorted(DATASETS)), st.integers(0, 2**32 - 1))
def test_placing_moves_values_and_invents_none(name, seed):
    keypoint_map = DATASETS[name].keypoint_map
    values = np.random.default_rng(seed).uniform(1, 2, (len(keypoint_map), 2)).astype(np.float32)
    placed = keypoint_map.to_wholebody(values, fill=-5)
    ours = [b for _, b in keypoint_map.pairs]
    np.testing.assert_array_equal(placed[ours], values[[a for a, _ in keypoint_map.pairs]])
    assert (np.delete(placed, ours, axis=0) == -5).all()


def test_another_number_of_keypoints_is_refused():
    with pytest.raises(InputError, match=r"expected 14 keypoints \(CrowdPose\), got 17"):
        DATASETS["crowdpose"].keypoint_map.to_wholebody(np.zeros((17, 2)))


@pytest.mark.parametrize("pairs", [((0, 133),), ((2, 0),), ((0, 5), (1, 5))])
def test_a_map_that_cannot_be_is_refused(pairs):
    with pytest.raises(InputError, match="map wrong"):
        KeypointMap(name="wrong", source="nowhere", names=("a", "b"), pairs=pairs)
