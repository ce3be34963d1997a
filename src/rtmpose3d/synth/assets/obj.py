"""Reader of MakeHuman's Wavefront .obj files: quads and triangles with UV, in named groups.

`read_obj` returns the vertices of the file; a `Surface` is a triangle mesh for rendering with one
vertex per pair of position and UV. `Surface.source` indexes the (morphed) vertices of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjMesh:
    """Contents of an .obj file.

    Attributes:
        positions: (V, 3) float32, the file's unit (decimetres).
        uv: (T, 2) float32; empty if the file has none.
        faces: (F, 4) int32 vertex ids, 0-based; -1 in the last column of a triangle.
        face_uv: (F, 4) int32 row indices of `uv`; -1 for none.
        group_of_face: (F,) int32 indices of `groups`.
        groups: names of the groups in the order of the file.
    """

    positions: FloatArray
    uv: FloatArray
    faces: IntArray
    face_uv: IntArray
    group_of_face: IntArray
    groups: tuple[str, ...]

    def faces_in(self, *groups: str) -> BoolArray:
        """(F,) whether each face belongs to one of the groups."""
        wanted = [i for i, name in enumerate(self.groups) if name in groups]
        return np.isin(self.group_of_face, wanted)


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """Triangles for rendering, with vertices split at UV seams.

    Attributes:
        source: (R,) int32, vertex of the .obj file at each rendered vertex.
        uv: (R, 2) float32.
        triangles: (T, 3) int32 indices of `source`.
        vertex_triangles: (T, 3) int32, the same triangles with vertices of the .obj file.
    """

    source: IntArray
    uv: FloatArray
    triangles: IntArray
    vertex_triangles: IntArray


def read_obj(path: Path) -> ObjMesh:
    """Reads an .obj file.

    Raises:
        InputError: the file is missing, not readable or has no faces; the message names it.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"cannot read the mesh {path}: {error.strerror or error}") from error
    positions: list[list[str]] = []
    uv: list[list[str]] = []
    corners: list[list[str]] = []
    group_of_face: list[int] = []
    groups: dict[str, int] = {}
    group = groups.setdefault("", 0)
    for line in lines:
        keyword, _, rest = line.partition(" ")
        if keyword == "v":
            positions.append(rest.split()[:3])
        elif keyword == "vt":
            uv.append(rest.split()[:2])
        elif keyword == "f":
            corners.append(rest.split())
            group_of_face.append(group)
        elif keyword == "g":
            group = groups.setdefault(rest.strip(), len(groups))
    try:
        faces, face_uv = _faces(corners)
        mesh = ObjMesh(
            positions=np.array(positions, np.float32).reshape(-1, 3),
            uv=np.array(uv, np.float32).reshape(-1, 2),
            faces=faces,
            face_uv=face_uv,
            group_of_face=np.array(group_of_face, np.int32),
            groups=tuple(groups),
        )
    except ValueError as error:
        raise InputError(f"{path} is not a readable mesh: {error}") from error
    _check(path, mesh)
    return mesh


def _faces(corners: list[list[str]]) -> tuple[IntArray, IntArray]:
    """Vertex and UV ids, 0-based, (F, 4) each; -1 for none."""
    faces = np.full((len(corners), 4), -1, np.int32)
    face_uv = np.full((len(corners), 4), -1, np.int32)
    for row, face in enumerate(corners):
        if not 3 <= len(face) <= 4:
            raise ValueError(f"face {row} has {len(face)} corners; 3 or 4 were expected")
        for column, corner in enumerate(face):
            vertex, _, rest = corner.partition("/")
            faces[row, column] = int(vertex) - 1
            texel = rest.partition("/")[0]
            if texel:
                face_uv[row, column] = int(texel) - 1
    return faces, face_uv


def _check(path: Path, mesh: ObjMesh) -> None:
    """Checks that all ids are in range."""
    if not len(mesh.faces):
        raise InputError(f"{path} has no faces; expected a MakeHuman mesh")
    if mesh.faces.max() >= len(mesh.positions) or mesh.faces[:, :3].min() < 0:
        raise InputError(f"{path} is damaged: a face has a vertex index out of range")
    if mesh.face_uv.max() >= len(mesh.uv):
        raise InputError(f"{path} is damaged: a face has a texture vertex index out of range")


def build_surface(
    mesh: ObjMesh, keep: BoolArray | None = None, uv: FloatArray | None = None
) -> Surface:
    """Builds a surface from some faces of a mesh.

    Args:
        mesh: the mesh.
        keep: (F,) mask of the faces; None for all.
        uv: (F, 4, 2) UV of the corners instead of the file's.
    """
    rows = np.arange(len(mesh.faces)) if keep is None else np.flatnonzero(keep)
    faces = mesh.faces[rows]
    if uv is None:
        table = mesh.uv if len(mesh.uv) else np.zeros((1, 2), np.float32)
        corner_uv = table[np.maximum(mesh.face_uv[rows], 0)]
    else:
        corner_uv = uv[rows]
    split = np.concatenate([_triangles(len(faces), 3), _triangles(len(faces), 4)])
    used = faces.reshape(-1)[split].min(axis=1) >= 0
    corners = split[used].reshape(-1)
    vertex = faces.reshape(-1)[corners]
    texel = np.round(corner_uv.reshape(-1, 2)[corners] * 65536).astype(np.int64)
    key = np.stack([vertex.astype(np.int64), texel[:, 0], texel[:, 1]], axis=1)
    unique, first, inverse = np.unique(key, axis=0, return_index=True, return_inverse=True)
    del unique
    return Surface(
        source=vertex[first].astype(np.int32),
        uv=corner_uv.reshape(-1, 2)[corners][first].astype(np.float32),
        triangles=inverse.reshape(-1, 3).astype(np.int32),
        vertex_triangles=vertex.reshape(-1, 3).astype(np.int32),
    )


def _triangles(count: int, corners: int) -> IntArray:
    """Corners (4 per face, flat) of the first or of the second triangle of each face."""
    pattern = (0, 1, 2) if corners == 3 else (0, 2, 3)
    return np.arange(count)[:, None] * 4 + np.array(pattern)


def vertex_normals(positions: FloatArray, triangles: IntArray) -> FloatArray:
    """Unit normals: means over the triangles of each vertex, weighted by area.

    Args:
        positions: (V, 3).
        triangles: (T, 3) indices of `positions`, anticlockwise from outside.

    Returns:
        (V, 3) float32; (0, 1, 0) for a vertex without triangles.
    """
    a, b, c = (positions[triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    total = np.stack(
        [
            np.bincount(
                triangles.reshape(-1), np.repeat(normal[:, axis], 3), minlength=len(positions)
            )
            for axis in range(3)
        ],
        axis=1,
    )
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(length > 0, total / np.maximum(length, 1e-12), (0.0, 1.0, 0.0)).astype(
        np.float32
    )


def connected_parts(mesh: ObjMesh) -> IntArray:
    """(F,) connected component of each face; components share no vertex."""
    label = np.arange(len(mesh.positions))
    faces = np.where(mesh.faces < 0, mesh.faces[:, 2:3], mesh.faces)
    while True:
        lowest = label[faces].min(axis=1)
        new = label.copy()
        np.minimum.at(new, faces.reshape(-1), np.repeat(lowest, faces.shape[1]))
        new = new[new]
        if np.array_equal(new, label):
            break
        label = new
    return np.unique(label[faces[:, 0]], return_inverse=True)[1].astype(np.int32)
