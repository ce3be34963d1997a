"""Dressed and posed people, groups and clips as the renderer and the labels need them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from makehuman_data import ACTORS, assets_at, make_person

from rtmpose3d.errors import InputError
from rtmpose3d.synth.people.cast import Cast, sample_positions
from rtmpose3d.synth.people.groups import Member, group_people, pair_overlap_m
from rtmpose3d.synth.pose.posing import world_from_person
from rtmpose3d.synth.scene.types import Person


def skinned(person: Person, mesh_number: int) -> np.ndarray:
    """Linear blend skinning as in the vertex shader."""
    mesh = person.meshes[mesh_number]
    mixed = np.einsum("vk,vkij->vij", mesh.bone_weights, person.bone_matrices[mesh.bone_ids])
    return np.einsum("vij,vj->vi", mixed[:, :, :3], mesh.positions) + mixed[:, :, 3]


def test_meshes_are_what_the_renderer_expects(cast: Cast) -> None:
    for number in range(ACTORS):
        for mesh in cast.actor(number).meshes:
            v = len(mesh.positions)
            assert mesh.positions.shape == mesh.normals.shape == (v, 3)
            assert mesh.positions.dtype == mesh.normals.dtype == mesh.uv.dtype == np.float32
            assert mesh.uv.shape == (v, 2)
            assert mesh.bone_ids.shape == mesh.bone_weights.shape == (v, 4)
            assert mesh.bone_ids.dtype == np.uint8
            assert mesh.triangles.dtype == np.uint32
            assert mesh.triangles.max() < v
            assert np.isfinite(mesh.positions).all()
            np.testing.assert_allclose(mesh.bone_weights.sum(axis=1), 1.0, rtol=1e-4)
            np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, rtol=1e-3)
            texture = mesh.material.texture
            if texture is not None:
                assert texture.dtype == np.uint8
                assert texture.shape[2] == 4
                assert max(texture.shape[:2]) <= 512


def test_the_keypoints_move_with_the_skin_that_the_renderer_draws(cast: Cast) -> None:
    person = make_person(np.random.default_rng(3), cast)
    skins = [i for i, mesh in enumerate(person.meshes) if mesh.material.shading == "skin"]
    drawn = np.concatenate([skinned(person, i) for i in skins])
    face = person.keypoints_world[23:91]
    nearest = np.linalg.norm(face[:, None] - drawn[None], axis=2).min(axis=1)
    assert nearest.max() < 1e-4


def test_arrays_of_people_have_the_documented_shapes(cast: Cast) -> None:
    person = make_person(np.random.default_rng(8), cast, identity=4)
    assert person.bone_matrices.shape == (len(cast.assets.rig.names), 3, 4)
    assert person.bone_matrices.dtype == np.float32
    assert len(person.bone_matrices) <= 256
    assert person.keypoints_world.shape == (133, 3)
    assert person.keypoint_radius_m.shape == (133,)
    assert (person.keypoint_radius_m > 0.004).all()
    assert (person.keypoint_radius_m < 0.2).all()
    assert person.identity == 4
    assert person.attributes["sex"] in ("male", "female")
    low = min(skinned(person, i)[:, 2].min() for i in range(len(person.meshes)))
    assert low > -0.12  # soles of shoes and hanging accessories are a little below the skin


@pytest.mark.slow
def test_one_seed_gives_the_same_people(shared: Path) -> None:
    people = []
    for _ in range(2):
        cast = Cast(assets_at(shared), seed=5, size=3)
        cast.select_block(2)
        people.append(make_person(np.random.default_rng(21), cast))
    one, other = people
    np.testing.assert_array_equal(one.keypoints_world, other.keypoints_world)
    assert one.attributes == other.attributes
    for mesh, same in zip(one.meshes, other.meshes, strict=True):
        np.testing.assert_array_equal(mesh.positions, same.positions)
        if mesh.material.texture is not None:
            np.testing.assert_array_equal(mesh.material.texture, same.material.texture)


@pytest.mark.slow
def test_splits_and_blocks_have_other_people(shared: Path) -> None:
    assets = assets_at(shared)
    train, val = (Cast(assets, seed=5, size=2, split=split) for split in ("train", "val"))
    first = train.actor(0)
    assert first is train.actor(0)
    assert not np.array_equal(first.body.vertices, val.actor(0).body.vertices)
    train.select_block(1)
    assert not np.array_equal(first.body.vertices, train.actor(0).body.vertices)
    train.select_block(0)
    np.testing.assert_array_equal(first.body.vertices, train.actor(0).body.vertices)


def test_people_of_a_group_hardly_intersect(cast: Cast) -> None:
    rng = np.random.default_rng(0)
    deep = []
    for _ in range(6):
        numbers = rng.choice(cast.size, 4, replace=False)
        members = [Member(body=cast.actor(n).body, volume=cast.actor(n).volume) for n in numbers]
        placed = group_people(rng, members, cast.posing)
        assert len(placed) == 4
        deep += [
            pair_overlap_m(members[i], placed[i], members[j], placed[j])
            for i in range(4)
            for j in range(i)
        ]
    assert np.mean(np.array(deep) > 0.08) < 0.15


def test_people_of_a_group_have_their_ids_and_positions(cast: Cast) -> None:
    people = cast.people(np.random.default_rng(2), 3)
    assert [person.identity for person in people] == [0, 1, 2]
    middles = np.array([person.keypoints_world[[11, 12]].mean(axis=0)[:2] for person in people])
    assert np.linalg.norm(middles.mean(axis=0)) < 0.7
    gaps = np.linalg.norm(middles[:, None] - middles, axis=2)[np.triu_indices(3, 1)]
    assert gaps.min() > 0.12
    assert gaps.max() < 6.0


def test_a_clip_keeps_people_and_moves_them(cast: Cast) -> None:
    times = (0.0, 0.1, 0.2, 0.9)
    frames = list(cast.clip(np.random.default_rng(6), 2, times))
    assert len(frames) == 4
    for i in range(2):
        assert {frame[i].identity for frame in frames} == {i}
        assert all(frame[i].meshes == frames[0][i].meshes for frame in frames)
        near = np.linalg.norm(frames[1][i].keypoints_world - frames[0][i].keypoints_world, axis=1)
        assert near.max() < 0.9


def test_sampled_positions_keep_their_minimum_distance() -> None:
    positions = sample_positions(np.random.default_rng(0), 6, min_distance_m=1.2)
    points = np.array([position[:2, 3] for position in positions])
    gaps = np.linalg.norm(points[:, None] - points, axis=2)[np.triu_indices(6, 1)]
    assert gaps.min() >= 1.2


def test_a_named_pose_at_a_given_position(cast: Cast) -> None:
    person = make_person(
        np.random.default_rng(1), cast, legs="sit", position=world_from_person(5.0, -2.0, 0.0)
    )
    assert person.attributes["legs"] == "sit"
    middle = person.keypoints_world[[11, 12]].mean(axis=0)
    assert np.linalg.norm(middle[:2] - (5.0, -2.0)) < 0.25


def test_wrong_numbers_say_what_is_allowed(cast: Cast, shared: Path) -> None:
    with pytest.raises(InputError, match="actors 0 to 5, got 6"):
        cast.actor(6)
    with pytest.raises(InputError, match="size above 0"):
        Cast(assets_at(shared), size=0)
    with pytest.raises(InputError, match="block must be 0 or more, got -1"):
        cast.select_block(-1)
