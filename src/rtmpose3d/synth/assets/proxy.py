"""Reader of MakeHuman's proxies (clothes, hair, eyes): .mhclo binding, .obj mesh, .mhmat material.

Each vertex of a proxy is a weighted mean of three body vertices plus an offset, which is scaled
with the body; so clothes and hair follow every body shape (`Proxy.fit`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures import FloatArray, IntArray, UInt8Array
from rtmpose3d.synth.assets.obj import ObjMesh, read_obj
from rtmpose3d.synth.assets.rig import Rig, reduce_weights

TEXTURE_SIZE_PX = 512  # larger textures are downscaled to keep uploads cheap


@dataclass(frozen=True, kw_only=True, eq=False)
class Proxy:
    """A mesh (garment, hair, eyes, ...) that follows the body.

    Attributes:
        name: stem of its file.
        mesh: its faces and UV; the positions are those on the reference body.
        vertices: (P, 3) int32 body vertices of each proxy vertex.
        weights: (P, 3) float32 weights of the body vertices.
        offsets: (P, 3) float32, decimetres.
        scale_refs: per axis x, y, z two body vertices and their distance (decimetres) at which
            offsets have a scale of 1; None for no scaling.
        hidden: (H,) int32 body vertices hidden under it.
        texture_file, shade_file: images of its colour and of its ambient occlusion, if any.
        tags: the author's tags, in lower case.
    """

    name: str
    mesh: ObjMesh
    vertices: IntArray
    weights: FloatArray
    offsets: FloatArray
    scale_refs: tuple[tuple[int, int, float] | None, ...]
    hidden: IntArray
    texture_file: Path | None
    shade_file: Path | None
    tags: tuple[str, ...]

    def fit(self, body: FloatArray) -> FloatArray:
        """Moves the vertices onto a body.

        Args:
            body: (V, 3) all vertices of the body, including helpers, decimetres.

        Returns:
            (P, 3) float32, decimetres.
        """
        scale = np.ones(3, np.float32)
        for axis, reference in enumerate(self.scale_refs):
            if reference is not None:
                first, second, distance = reference
                scale[axis] = abs(float(body[first, axis] - body[second, axis])) / distance
        corners = body[self.vertices]
        placed = np.einsum("pkx,pk->px", corners, self.weights)
        return (placed + self.offsets * scale).astype(np.float32)

    def bone_weights(self, rig: Rig) -> tuple[UInt8Array, FloatArray]:
        """Four bones per vertex, blended from its body vertices: (P, 4) ids and weights."""
        dense = np.zeros((len(self.vertices), len(rig.names)), np.float32)
        row = np.arange(len(self.vertices))
        for corner in range(3):
            body_vertex = self.vertices[:, corner]
            weight = np.maximum(self.weights[:, corner], 0.0)
            for k in range(4):
                bone = rig.bone_ids[body_vertex, k]
                np.add.at(dense, (row, bone), weight * rig.bone_weights[body_vertex, k])
        return reduce_weights(dense)

    @cached_property
    def texture(self) -> UInt8Array | None:
        """(H, W, 4) uint8 RGBA, or None."""
        return read_texture(self.texture_file) if self.texture_file else None

    @cached_property
    def shade(self) -> FloatArray | None:
        """(H, W) float32 ambient occlusion, 0 to 1, or None."""
        if self.shade_file is None:
            return None
        return (read_texture(self.shade_file)[:, :, 0] / 255.0).astype(np.float32)


def read_texture(file: Path) -> UInt8Array:
    """Reads an image as (H, W, 4) uint8 RGBA, at most 512 pixels wide and high.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        content = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError as error:
        raise InputError(f"cannot read the texture {file}: {error.strerror or error}") from error
    image = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if len(content) else None
    if image is None:
        raise InputError(f"the texture {file} is damaged; get it again")
    if image.dtype != np.uint8:
        image = (image / 257.0).astype(np.uint8)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    code = cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGBA
    image = cv2.cvtColor(image, code)
    longer = max(image.shape[:2])
    if longer > TEXTURE_SIZE_PX:
        ratio = TEXTURE_SIZE_PX / longer
        image = cv2.resize(image, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image, np.uint8)


def read_proxy(file: Path) -> Proxy:
    """Reads a .mhclo file with its mesh and material.

    A missing material or texture is no error: such proxies get random colours.

    Raises:
        InputError: the file or its mesh is missing or damaged; the message names it.
    """
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}") from error
    words: dict[str, list[str]] = {}
    tags: list[str] = []
    bindings: list[list[float]] = []
    hidden: list[int] = []
    section = ""
    try:
        for line in lines:
            parts = line.split()
            if not parts or parts[0].startswith("#"):
                continue
            if parts[0] in ("verts", "delete_verts", "weights"):
                section = parts[0]
            elif not parts[0].lstrip("-").replace(".", "").isdigit():
                words[parts[0]] = parts[1:]  # may follow "verts"
                if parts[0] == "tag":
                    tags.append(" ".join(parts[1:]).lower())
            elif section == "verts":
                bindings.append([float(value) for value in parts])
            elif section == "delete_verts":
                hidden += _ranges(parts)
        mesh = read_obj(file.parent / words["obj_file"][0])
        vertices, weights, offsets = _bindings(bindings)
        scale_refs = tuple(_scale(words.get(f"{axis}_scale")) for axis in "xyz")
    except (KeyError, ValueError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file} is not a MakeHuman clothes file: {error!r}") from error
    if len(vertices) != len(mesh.positions):
        raise InputError(f"{file} has {len(vertices)} vertices; its mesh has {len(mesh.positions)}")
    textures = _read_material(file.parent / words["material"][0]) if "material" in words else {}
    return Proxy(
        name=file.stem,
        mesh=mesh,
        vertices=vertices,
        weights=weights,
        offsets=offsets,
        scale_refs=scale_refs,
        hidden=np.array(sorted(set(hidden)), np.int32),
        texture_file=textures.get("diffuseTexture"),
        shade_file=textures.get("aomapTexture"),
        tags=tuple(tags),
    )


def _ranges(parts: list[str]) -> list[int]:
    """Ids of a line: "3 - 6 9" stands for 3, 4, 5, 6, 9."""
    ids: list[int] = []
    through = False
    for part in parts:
        if part == "-":
            through = True
            continue
        value = int(part)
        ids += range(ids[-1] + 1, value + 1) if through else [value]
        through = False
    return ids


def _bindings(rows: list[list[float]]) -> tuple[IntArray, FloatArray, FloatArray]:
    """Parses rows of one body vertex, or of three with weights and optionally an offset."""
    vertices = np.zeros((len(rows), 3), np.int32)
    weights = np.zeros((len(rows), 3), np.float32)
    offsets = np.zeros((len(rows), 3), np.float32)
    for i, row in enumerate(rows):
        if len(row) == 1:
            vertices[i] = int(row[0])
            weights[i, 0] = 1.0
        elif len(row) >= 6:
            vertices[i] = [int(value) for value in row[:3]]
            weights[i] = row[3:6]
            offsets[i] = row[6:9] if len(row) >= 9 else 0.0
        else:
            raise ValueError(f"vertex {i} has {len(row)} values; 1, 6 or 9 were expected")
    return vertices, weights, offsets


def _scale(parts: list[str] | None) -> tuple[int, int, float] | None:
    if parts is None:
        return None
    return int(parts[0]), int(parts[1]), float(parts[2])


def _read_material(file: Path) -> dict[str, Path]:
    """Existing texture files of a .mhmat file, by keyword."""
    if not file.is_file():
        return {}
    textures: dict[str, Path] = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        parts = line.split()
        if len(parts) == 2 and parts[0] in ("diffuseTexture", "aomapTexture"):
            image = file.parent / parts[1]
            if image.is_file():
                textures[parts[0]] = image
    return textures
