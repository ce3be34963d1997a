"""Mesh decimation by vertex clustering, for people who are small in the image.

A dressed body has some 27,000 triangles; in a crop of 256 px most are smaller than a pixel, and
each costs a CPU renderer about as much as sixteen pixels. Vertices are clustered by cells in the
rest pose; clusters never span texture islands.
"""

from __future__ import annotations

import weakref

import numpy as np

from rtmpose3d.structures.arrays import FloatArray, IntArray
from rtmpose3d.synth.scene import Mesh

CELLS_M = (0.0, 0.003, 0.005, 0.008, 0.012, 0.018, 0.027)  # levels of detail; 0: full mesh


def level_for(pixels_per_m: float, *, cell_px: float = 1.6) -> int:
    """Index into CELLS_M of the coarsest level whose cells are at most `cell_px` pixels."""
    fitting = [i for i, cell in enumerate(CELLS_M) if cell * pixels_per_m <= cell_px]
    return fitting[-1]


def decimate(mesh: Mesh, cell_m: float) -> tuple[IntArray, IntArray]:
    """Merges the vertices of each cell into the one nearest to its centre.

    Args:
        mesh: the mesh, V vertices.
        cell_m: side of the cells; 0 merges nothing.

    Returns:
        (V',) int64 indices of the remaining vertices and (T', 3) uint32 triangles of them, both
        in a cache-friendly order; without degenerate triangles and unused vertices.
    """
    positions, triangles = mesh.positions, mesh.triangles.astype(np.int64)
    if cell_m <= 0:
        return _in_order(np.arange(len(positions)), triangles, positions)
    # one column at a time: NumPy is slow at reducing rows of three
    key, distance = np.zeros(len(positions), np.int64), np.zeros(len(positions))
    for column in positions.T:
        cells = np.floor(column / cell_m).astype(np.int64)
        distance += np.square(column - (cells + 0.5) * cell_m)  # the same on both sides of a seam
        cells -= cells.min()
        key = key * (int(cells.max()) + 1) + cells
    key = key * len(positions) + _islands(mesh)
    group, kept = _representatives(key, distance)
    joined = group[triangles]
    a, b, c = joined.T
    joined = joined[(a != b) & (b != c) & (a != c)]
    return _in_order(kept, joined, positions)


def _in_order(
    kept: IntArray, triangles: IntArray, positions: FloatArray
) -> tuple[IntArray, IntArray]:
    """Orders triangles along a space-filling curve and vertices by their first use.

    Mesa's CPU renderer caches some 200 transformed vertices; this order halves the number that it
    has to transform again.
    """
    if not len(triangles):
        return np.zeros(0, np.int64), np.zeros((0, 3), np.uint32)
    a, b, c = triangles.T
    middles = [column[a] + column[b] + column[c] for column in positions[kept].T]
    lows = [float(column.min()) for column in middles]
    span = max(
        *(float(column.max()) - low for column, low in zip(middles, lows, strict=True)), 1e-9
    )
    along = np.zeros(len(triangles), np.int64)
    for axis, (column, low) in enumerate(zip(middles, lows, strict=True)):
        along |= _spread(((column - low) * (1023 / span)).astype(np.int64)) << axis
    triangles = triangles[_stable_order(along)]
    flat = triangles.ravel()
    first = np.full(len(kept), -1)
    first[flat[::-1]] = np.arange(len(flat))[::-1]  # the last write is the first use
    opens = np.zeros(len(flat), bool)
    opens[first[first >= 0]] = True
    used = flat[opens]
    rank = np.empty(len(kept), np.uint32)
    rank[used] = np.arange(len(used))
    return kept[used], rank[triangles]


def _spread(values: IntArray) -> IntArray:
    """Inserts two zeros after each of ten bits: Morton codes are sums of three of these."""
    for shift, mask in ((16, 0x030000FF), (8, 0x0300F00F), (4, 0x030C30C3), (2, 0x09249249)):
        values = (values | (values << shift)) & mask
    return values


def _stable_order(values: IntArray) -> IntArray:
    """Stable argsort of values below 2**32, by two radix passes of 16 bits."""
    low = np.argsort((values & 0xFFFF).astype(np.uint16), kind="stable")
    return low[np.argsort((values[low] >> 16).astype(np.uint16), kind="stable")]


def islands(triangles: IntArray, vertices: int) -> IntArray:
    """(vertices,) component label of each vertex: equal if triangles connect them."""
    label = np.arange(vertices)
    flat = triangles.ravel()
    a, b, c = triangles.T
    order = np.argsort(flat, kind="stable")
    used, starts = np.unique(flat[order], return_index=True)
    while len(used):
        lowest = np.minimum(np.minimum(label[a], label[b]), label[c])
        lowest = np.repeat(lowest, 3)[order]
        smaller = label.copy()
        smaller[used] = np.minimum(label[used], np.minimum.reduceat(lowest, starts))
        for _ in range(3):
            smaller = smaller[smaller]  # follow the chains, so that few rounds are enough
        if np.array_equal(smaller, label):
            break
        label = smaller
    return label


_islands_cache: weakref.WeakKeyDictionary[Mesh, IntArray] = weakref.WeakKeyDictionary()


def _islands(mesh: Mesh) -> IntArray:
    """Cached islands of a mesh."""
    labels = _islands_cache.get(mesh)
    if labels is None:
        labels = islands(mesh.triangles.astype(np.int64), len(mesh.positions))
        _islands_cache[mesh] = labels
    return labels


def _representatives(key: IntArray, distance: FloatArray) -> tuple[IntArray, IntArray]:
    """Group of each vertex (V,), and the vertex with the minimum distance in each group (G,)."""
    order = np.lexsort((distance, key))
    in_order = key[order]
    opens = np.r_[True, in_order[1:] != in_order[:-1]]
    group = np.empty(len(key), np.int64)
    group[order] = np.cumsum(opens) - 1
    return group, order[opens]
