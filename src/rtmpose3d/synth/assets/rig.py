"""Reader of MakeHuman's default rig: bones whose ends are means of vertices, and vertex weights.

In: `rigs/default.mhskel` and `rigs/default_weights.mhw`. Out: `Rig`, parents before children,
four bones per vertex. Bone ends are defined by mesh vertices, so they follow the body shape.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures import FloatArray, IntArray, UInt8Array

MAX_BONES = 256  # bone ids are stored in a byte
WEIGHTS_PER_VERTEX = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Rig:
    """Bones of a mesh.

    Attributes:
        names: names of the B bones; parents come before their children.
        parents: (B,) int32, -1 for the root.
        head_vertices, tail_vertices: per bone, the vertices whose means are its ends.
        bone_ids: (V, 4) uint8.
        bone_weights: (V, 4) float32, sum 1.
    """

    names: tuple[str, ...]
    parents: IntArray
    head_vertices: tuple[tuple[int, ...], ...]
    tail_vertices: tuple[tuple[int, ...], ...]
    bone_ids: UInt8Array
    bone_weights: FloatArray

    @cached_property
    def index(self) -> dict[str, int]:
        """Index of each bone by name."""
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def levels(self) -> tuple[IntArray, ...]:
        """Bones grouped by depth in the hierarchy, without the root."""
        depth = np.zeros(len(self.names), np.int32)
        for i, parent in enumerate(self.parents):
            if parent >= 0:
                depth[i] = depth[parent] + 1
        return tuple(np.flatnonzero(depth == d) for d in range(1, int(depth.max()) + 1))

    @cached_property
    def _ends(self) -> tuple[IntArray, IntArray, IntArray]:
        both = self.head_vertices + self.tail_vertices
        counts = np.array([len(ids) for ids in both])
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        return np.concatenate([np.array(ids) for ids in both]), starts, counts

    def ends(self, positions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Heads and tails of the bones on a mesh.

        Args:
            positions: (V, 3) vertices.

        Returns:
            Two (B, 3) float64 arrays, in the unit of `positions`.
        """
        ids, starts, counts = self._ends
        means = np.add.reduceat(positions[ids].astype(np.float64), starts, axis=0)
        means /= counts[:, None]
        return means[: len(self.names)], means[len(self.names) :]


def read_rig(skeleton: Path, weights: Path, vertices: int) -> Rig:
    """Reads bones and weights.

    Args:
        skeleton: a .mhskel file.
        weights: a .mhw file.
        vertices: number of vertices of the mesh.

    Raises:
        InputError: a file is missing or damaged, or does not match the mesh.
    """
    rig = read_json_object(skeleton)
    try:
        bones: dict[str, dict[str, str]] = rig["bones"]
        joints: dict[str, list[int]] = rig["joints"]
        names = _parents_first({name: bone["parent"] for name, bone in bones.items()})
        index = {name: i for i, name in enumerate(names)}
        heads = tuple(tuple(joints[bones[name]["head"]]) for name in names)
        tails = tuple(tuple(joints[bones[name]["tail"]]) for name in names)
        parents = np.array([index.get(bones[name]["parent"], -1) for name in names], np.int32)
    except (KeyError, TypeError) as error:
        raise InputError(f"{skeleton} is not a MakeHuman rig: {error!r} is missing") from error
    if len(names) > MAX_BONES:
        raise InputError(f"{skeleton} has {len(names)} bones; at most {MAX_BONES} can be used")
    if max(max(ids) for ids in heads + tails) >= vertices:
        raise InputError(f"{skeleton} has vertex indices out of range; the mesh has {vertices}")
    ids, values = _four_weights(weights, index, vertices)
    return Rig(
        names=names,
        parents=parents,
        head_vertices=heads,
        tail_vertices=tails,
        bone_ids=ids,
        bone_weights=values,
    )


def read_json_object(path: Path) -> dict:
    """Reads a JSON file whose top level is an object.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged: expected an object at the top level")
    return content


def _parents_first(parent_of: dict[str, str | None]) -> tuple[str, ...]:
    ordered: list[str] = []
    placed: set[str | None] = {None, ""}
    waiting = sorted(parent_of)
    while waiting:
        ready = [name for name in waiting if parent_of[name] in placed]
        if not ready:
            raise KeyError(f"parent {parent_of[waiting[0]]}")
        ordered += ready
        placed.update(ready)
        waiting = [name for name in waiting if name not in placed]
    return tuple(ordered)


def _four_weights(
    path: Path, index: dict[str, int], vertices: int
) -> tuple[UInt8Array, FloatArray]:
    """Bones and weights (V, 4) of each vertex, the four largest; bone 0 for a vertex without."""
    table = read_json_object(path).get("weights")
    if not isinstance(table, dict):
        raise InputError(f"{path} is not a MakeHuman weights file: it has no 'weights'")
    dense = np.zeros((vertices, len(index)), np.float32)
    for bone, pairs in table.items():
        if bone not in index:
            raise InputError(f"{path} names the bone {bone!r}, which the rig does not have")
        rows = np.array(pairs, np.float64).reshape(-1, 2)
        ids = rows[:, 0].astype(np.int64)
        if len(ids) and ids.max() >= vertices:
            raise InputError(f"{path} names vertex {ids.max()}; the mesh has {vertices}")
        dense[ids, index[bone]] = rows[:, 1]
    return reduce_weights(dense)


def reduce_weights(dense: FloatArray) -> tuple[UInt8Array, FloatArray]:
    """Keeps the four largest weights of each row, scaled to sum 1.

    Args:
        dense: (V, B) weights, not negative.

    Returns:
        (V, 4) uint8 bones and (V, 4) float32 weights. A row of zeros belongs to bone 0.
    """
    ids = np.argsort(-dense, axis=1, kind="stable")[:, :WEIGHTS_PER_VERTEX]
    values = np.take_along_axis(dense, ids, axis=1)
    total = values.sum(axis=1, keepdims=True)
    values = np.where(total > 0, values / np.maximum(total, 1e-12), (1.0, 0.0, 0.0, 0.0))
    ids = np.where(total > 0, ids, 0)
    return ids.astype(np.uint8), values.astype(np.float32)
