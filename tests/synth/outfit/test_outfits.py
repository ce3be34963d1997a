"""Clothes, fabrics and held objects."""

from __future__ import annotations

import numpy as np
import pytest
from makehuman_data import ACTORS

from rtmpose3d.synth.outfit.fabric import TILE_PX, linear_rgb, sample_colour, sample_tile
from rtmpose3d.synth.outfit.garments import load_garments
from rtmpose3d.synth.outfit.held_objects import _OBJECTS
from rtmpose3d.synth.people.cast import Cast


@pytest.mark.slow
def test_garments_lie_outside_of_the_skin(cast: Cast) -> None:
    body = cast.actor(0).body
    for garment in load_garments(cast.assets):
        positions, normals = garment.fit(body)
        assert np.isfinite(positions).all(), garment.name
        assert len(garment.surface.triangles) > 100, garment.name
        assert positions[:, 1].max() < body.stature_m + 0.2
        assert positions[:, 1].min() > -0.06, garment.name
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, rtol=1e-3)
    names = [garment.name for garment in load_garments(cast.assets)]
    assert len(names) == len(set(names)) > 40


def test_hidden_skin_is_removed(cast: Cast) -> None:
    counts = []
    for number in range(ACTORS):
        actor = cast.actor(number)
        counts.append(sum(len(m.triangles) for m in actor.meshes if m.material.shading == "skin"))
    naked = 24784  # triangles of head, hands and the rest of the body
    assert max(counts) < naked
    assert min(counts) > 5000  # head and hands stay


@pytest.mark.parametrize("number", range(12))
def test_fabrics_are_opaque_and_repeat(number: int) -> None:
    tile = sample_tile(np.random.default_rng(number))
    assert tile.shape == (TILE_PX, TILE_PX, 4)
    assert (tile[..., 3] == 255).all()
    np.testing.assert_array_equal(tile, sample_tile(np.random.default_rng(number)))


def test_colours_are_linear_light() -> None:
    assert linear_rgb((0.0, 1.0, 0.5)) == pytest.approx((0.0, 1.0, 0.2140), abs=1e-3)
    colour = sample_colour(np.random.default_rng(0))
    assert all(0.0 <= c <= 1.0 for c in colour)


@pytest.mark.parametrize("kind", sorted(_OBJECTS))
def test_held_objects_face_outwards(kind: str) -> None:
    positions, normals, triangles = _OBJECTS[kind][0](np.random.default_rng(1))
    corners = positions[triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(faces, axis=1)
    agree = np.einsum("ti,ti->t", faces, normals[triangles].mean(axis=1))
    assert (agree[area > 1e-9] > -1e-9).mean() > 0.75
    middle = positions.mean(axis=0)
    outward = np.einsum("ti,ti->t", faces, corners.mean(axis=1) - middle)
    assert outward.sum() > 0
