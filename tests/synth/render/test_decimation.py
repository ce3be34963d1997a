"""Decimated meshes keep the surface."""

from __future__ import annotations

import numpy as np

from rtmpose3d.synth import Scene
from rtmpose3d.synth.render.decimation import CELLS_M, decimate, islands


def test_fewer_triangles_stay_near_the_surface(two_people: Scene) -> None:
    mesh = two_people.people[0].meshes[0]
    counts = []
    for cell in CELLS_M:
        kept, triangles = decimate(mesh, cell)
        counts.append(len(triangles))
        assert triangles.max() < len(kept) == len(np.unique(kept))
        nearest = np.linalg.norm(
            mesh.positions[::37, None] - mesh.positions[kept][None], axis=2
        ).min(axis=1)
        assert nearest.max() <= cell * np.sqrt(3) + 1e-6
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < counts[0] / 2


def test_islands_are_connected_components() -> None:
    triangles = np.array([[0, 1, 2], [2, 3, 4], [5, 6, 7], [9, 8, 7]])
    labels = islands(triangles, 11)
    assert len(set(labels[:5].tolist())) == 1
    assert len(set(labels[5:10].tolist())) == 1
    assert len(set(labels.tolist())) == 3
