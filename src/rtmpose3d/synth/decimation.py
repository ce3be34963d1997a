"""Fewer triangles for people who are small in the picture: vertices that share a cell become one.

A dressed body has some 27,000 triangles; in a crop of 256 px most are smaller than a pixel, and a
renderer on a CPU pays for each about as much as for sixteen pixels. Cells are taken in the rest
pose and never join islands of the texture.
"""

from __future__ import annotations

import weakref

import numpy as np

from rtmpose3d.structures.arrays import FloatArray, IntArray
from rtmpose3d.synth.scene import Mesh

CELLS_M = (0.0, 0.003, 0.005, 0.008, 0.012, 0.018, 0.027)  # the levels; 0 is the mesh itself


def level_for(pixels_per_m: float, *, cell_px: float = 1.6) -> int:
    """Index into CELLS_M of the coarsest level whose cells are at most `cell_px` pixels."""
    fitting = [i for i, cell in enumerate(CELLS_M) if cell * pixels_per_m <= cell_px]
    return fitting[-1]


def decimate(mesh: Mesh, cell_m: float) -> tuple[IntArray, IntArray]:
    """Join the vertices of each cell into the one nearest to its middle.

    Args:
        mesh: of V vertices.
        cell_m: side of the cells; 0 leaves everything.

    Returns:
        kept (V',) int64, the vertices that stay, and triangles (T', 3) uint32 into them, both in
        an order in which neighbours follow each other; triangles that have become lines are left
        out, and vertices that no triangle uses.
    """
    positions, triangles = mesh.positions, mesh.triangles.astype(np.int64)
    if cell_m <= 0:
        return _in_order(np.arange(len(positions)), triangles, positions)
    cells = np.floor(positions / cell_m).astype(np.int64)
    middle = (cells + 0.5) * cell_m  # the same on both sides of a seam
    columns = np.column_stack([cells - cells.min(axis=0), _islands(mesh)])
    key = np.zeros(len(cells), np.int64)
    for column, extent in zip(columns.T, columns.max(axis=0) + 1, strict=True):
        key = key * extent + column
    group, kept = _representatives(key, np.square(positions - middle).sum(axis=1))
    joined = group[triangles]
    a, b, c = joined.T
    joined = joined[(a != b) & (b != c) & (a != c)]
    return _in_order(kept, joined, positions)


def _in_order(
    kept: IntArray, triangles: IntArray, positions: FloatArray
) -> tuple[IntArray, IntArray]:
    """The same triangles along a curve that fills space, vertices as they are first used.

    Mesa's CPU renderer remembers some 200 vertices and moves the others again each time; this
    order halves what it has to move.
    """
    if not len(triangles):
        return np.zeros(0, np.int64), np.zeros((0, 3), np.uint32)
    middles = positions[kept][triangles].mean(axis=1)
    span = max(float(np.ptp(middles, axis=0).max()), 1e-9)
    steps = ((middles - middles.min(axis=0)) / span * 1023).astype(np.int64)
    along = sum(_spread(steps[:, axis]) << axis for axis in range(3))
    triangles = triangles[np.argsort(along, kind="stable")]
    used, first, inverse = np.unique(triangles, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(used), np.int64)
    rank[order] = np.arange(len(used))
    return kept[used[order]], rank[inverse].reshape(-1, 3).astype(np.uint32)


def _spread(numbers: IntArray) -> IntArray:
    """Ten bits with two zeros after each: Morton codes are sums of three of these."""
    for shift, mask in ((16, 0x030000FF), (8, 0x0300F00F), (4, 0x030C30C3), (2, 0x09249249)):
        numbers = (numbers | (numbers << shift)) & mask
    return numbers


def islands(triangles: IntArray, vertices: int) -> IntArray:
    """(vertices,) a number for each set of vertices that triangles connect."""
    label = np.arange(vertices)
    flat = triangles.ravel()
    order = np.argsort(flat, kind="stable")
    used, starts = np.unique(flat[order], return_index=True)
    while len(used):
        least = np.repeat(label[triangles].min(axis=1), 3)[order]
        smaller = label.copy()
        smaller[used] = np.minimum(label[used], np.minimum.reduceat(least, starts))
        for _ in range(3):
            smaller = smaller[smaller]  # follow the chains, so that few rounds are enough
        if np.array_equal(smaller, label):
            break
        label = smaller
    return label


_islands_of: weakref.WeakKeyDictionary[Mesh, IntArray] = weakref.WeakKeyDictionary()


def _islands(mesh: Mesh) -> IntArray:
    """The islands of a mesh, kept as long as it is."""
    found = _islands_of.get(mesh)
    if found is None:
        found = islands(mesh.triangles.astype(np.int64), len(mesh.positions))
        _islands_of[mesh] = found
    return found


def _representatives(key: IntArray, distance: FloatArray) -> tuple[IntArray, IntArray]:
    """Group number of each vertex (V,), and the vertex of the least distance in each group (G,)."""
    _, group = np.unique(key, return_inverse=True)
    order = np.lexsort((distance, group))
    first = np.r_[0, np.cumsum(np.bincount(group))[:-1]]
    return group, order[first]
