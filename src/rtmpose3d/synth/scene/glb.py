"""Reader of small textured objects in binary glTF 2.0 (.glb).

Supports triangles with positions and UV, base colours and textures, and node transforms; no
skins, morphs, animations, sparse accessors or compression. Out: meshes in this package's frame
(z up; glTF is y up), one per material.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures.arrays import FloatArray, IntArray, UInt8Array
from rtmpose3d.synth.scene.types import Material, Mesh

_MAGIC, _JSON, _BIN = 0x46546C67, 0x4E4F534A, 0x004E4942
_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_TRIANGLES = 4
_Z_UP_FROM_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True, eq=False)
class _Piece:
    positions: FloatArray
    normals: FloatArray
    uv: FloatArray
    triangles: IntArray


class _Document:
    """A parsed .glb file."""

    def __init__(self, data: bytes) -> None:
        chunks = _chunks(data)
        self.tree: dict = json.loads(chunks[_JSON])
        self.binary = chunks.get(_BIN, b"")

    def rows(self, name: str) -> list[dict]:
        return self.tree.get(name, [])

    def view(self, index: int) -> bytes:
        view = self.rows("bufferViews")[index]
        start = view.get("byteOffset", 0)
        return self.binary[start : start + view["byteLength"]]

    def accessor(self, index: int) -> np.ndarray:
        """(N, width) values in the file's type; normalised integers become fractions."""
        accessor = self.rows("accessors")[index]
        view = self.rows("bufferViews")[accessor["bufferView"]]
        dtype, width = np.dtype(_DTYPES[accessor["componentType"]]), _WIDTHS[accessor["type"]]
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        stride = view.get("byteStride", dtype.itemsize * width)
        values = np.ndarray(
            (accessor["count"], width), dtype, self.binary, start, (stride, dtype.itemsize)
        )
        if accessor.get("normalized"):
            return values / np.float32(np.iinfo(dtype).max)
        return values.copy()


def read_glb(path: Path | str) -> tuple[Mesh, ...]:
    """Reads the meshes of an object.

    Args:
        path: a .glb file.

    Raises:
        InputError: the file cannot be read, is not binary glTF or uses unsupported features.
    """
    path = Path(path)
    try:
        document = _Document(path.read_bytes())
        pieces: dict[int, list[_Piece]] = {}
        scenes = document.rows("scenes")
        nodes = document.rows("nodes")
        roots = scenes[document.tree.get("scene", 0)]["nodes"] if scenes else range(len(nodes))
        for root in roots:
            _collect(document, root, np.eye(4), pieces)
        return tuple(
            _mesh(_merge(parts), _material(document, index)) for index, parts in pieces.items()
        )
    except (OSError, ValueError, KeyError, IndexError, TypeError, struct.error) as error:
        raise InputError(f"{path} cannot be used as a binary glTF object: {error!r}") from error


def _chunks(data: bytes) -> dict[int, bytes]:
    magic, version, _ = struct.unpack_from("<III", data)
    if magic != _MAGIC or version != 2:
        raise ValueError("it has no binary glTF 2 header")
    chunks: dict[int, bytes] = {}
    start = 12
    while start + 8 <= len(data):
        length, chunk_type = struct.unpack_from("<II", data, start)
        chunks[chunk_type] = data[start + 8 : start + 8 + length]
        start += 8 + length
    return chunks


def _collect(
    document: _Document, node_index: int, parent: FloatArray, pieces: dict[int, list[_Piece]]
) -> None:
    """Adds the pieces of a node and its children, grouped by material."""
    node = document.rows("nodes")[node_index]
    world = parent @ _node_matrix(node)
    if "mesh" in node:
        for primitive in document.rows("meshes")[node["mesh"]]["primitives"]:
            if primitive.get("mode", _TRIANGLES) == _TRIANGLES:
                group = pieces.setdefault(primitive.get("material", -1), [])
                group.append(_piece(document, primitive, world))
    for child in node.get("children", []):
        _collect(document, child, world, pieces)


def _node_matrix(node: dict) -> FloatArray:
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    matrix = np.eye(4)
    x, y, z, w = node.get("rotation", (0.0, 0.0, 0.0, 1.0))
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, :3] *= np.asarray(node.get("scale", (1.0, 1.0, 1.0)))
    matrix[:3, 3] = node.get("translation", (0.0, 0.0, 0.0))
    return matrix


def _piece(document: _Document, primitive: dict, world: FloatArray) -> _Piece:
    attributes = primitive["attributes"]
    positions = document.accessor(attributes["POSITION"]).astype(np.float64)
    positions = (positions @ world[:3, :3].T + world[:3, 3]) @ _Z_UP_FROM_Y_UP.T
    if "indices" in primitive:
        triangles = document.accessor(primitive["indices"]).reshape(-1, 3).astype(np.int64)
    else:
        triangles = np.arange(len(positions)).reshape(-1, 3)
    if np.linalg.det(world[:3, :3]) < 0:
        triangles = triangles[:, ::-1]
    if triangles.size and triangles.max() >= len(positions):
        raise ValueError("a triangle has a vertex index out of range")
    uv = np.zeros((len(positions), 2))
    if "TEXCOORD_0" in attributes:
        uv = document.accessor(attributes["TEXCOORD_0"]).astype(np.float64)
        uv = np.column_stack([uv[:, 0], 1 - uv[:, 1]])
    return _Piece(positions, area_weighted_normals(positions, triangles), uv, triangles)


def area_weighted_normals(positions: FloatArray, triangles: IntArray) -> FloatArray:
    """(V, 3) unit normals: means over the triangles of each vertex, weighted by area."""
    a, b, c = (positions[triangles[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    normals = np.stack(
        [
            np.bincount(triangles.ravel(), np.repeat(across[:, i], 3), len(positions))
            for i in range(3)
        ],
        axis=1,
    )
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _merge(pieces: list[_Piece]) -> _Piece:
    starts = np.cumsum([0, *(len(piece.positions) for piece in pieces)])
    return _Piece(
        np.concatenate([piece.positions for piece in pieces]),
        np.concatenate([piece.normals for piece in pieces]),
        np.concatenate([piece.uv for piece in pieces]),
        np.concatenate([p.triangles + s for p, s in zip(pieces, starts, strict=False)]),
    )


def _mesh(piece: _Piece, material: Material) -> Mesh:
    return rigid_mesh(piece.positions, piece.normals, piece.uv, piece.triangles, material)


def rigid_mesh(
    positions: FloatArray,
    normals: FloatArray,
    uv: FloatArray,
    triangles: IntArray,
    material: Material,
) -> Mesh:
    """Builds a mesh without bones."""
    weights = np.zeros((len(positions), 4), np.float32)
    weights[:, 0] = 1
    return Mesh(
        positions=np.ascontiguousarray(positions, np.float32),
        normals=np.ascontiguousarray(normals, np.float32),
        uv=np.ascontiguousarray(uv, np.float32),
        triangles=np.ascontiguousarray(triangles, np.uint32),
        bone_ids=np.zeros((len(positions), 4), np.uint8),
        bone_weights=weights,
        material=material,
    )


def _material(document: _Document, index: int) -> Material:
    if index < 0:
        return Material(shading="prop", two_sided=True)
    row = document.rows("materials")[index]
    surface = row.get("pbrMetallicRoughness", {})
    red, green, blue, _ = surface.get("baseColorFactor", (1.0, 1.0, 1.0, 1.0))
    texture = surface.get("baseColorTexture")
    return Material(
        shading="prop",
        texture=None if texture is None else _texture(document, texture["index"]),
        tint_rgb=(red, green, blue),
        roughness=max(float(surface.get("roughnessFactor", 1.0)), 0.25),
        alpha_cut=float(row.get("alphaCutoff", 0.5)) if row.get("alphaMode") == "MASK" else 0.0,
        two_sided=True,
    )


def _texture(document: _Document, index: int) -> UInt8Array:
    image = document.rows("images")[document.rows("textures")[index]["source"]]
    data = np.frombuffer(document.view(image["bufferView"]), np.uint8)
    texels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if texels is None:
        raise ValueError(f"texture {index} cannot be decoded")
    code = {2: cv2.COLOR_GRAY2RGBA, 4: cv2.COLOR_BGRA2RGBA}.get(
        texels.shape[2] if texels.ndim == 3 else 2, cv2.COLOR_BGR2RGBA
    )
    return np.asarray(cv2.cvtColor(texels, code), np.uint8)
