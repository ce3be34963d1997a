"""Device copies of meshes and textures, as long as the originals are referenced.

Both are looked up by identity, so a body in many poses is uploaded once. A copy is released when
its mesh or array has been garbage-collected.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtmpose3d.structures.arrays import UInt8Array
from rtmpose3d.synth.render.decimation import CELLS_M, decimate
from rtmpose3d.synth.scene import Mesh

if TYPE_CHECKING:
    import moderngl

VERTEX = np.dtype(
    [
        ("in_position", "<3f4"),
        ("in_normal", "<3f4"),
        ("in_uv", "<2f4"),
        ("in_bones", "4u1"),
        ("in_weights", "<4f4"),
    ]
)
_FORMATS = {
    "in_position": ("3f", "12x"),
    "in_normal": ("3f", "12x"),
    "in_uv": ("2f", "8x"),
    "in_bones": ("4u1", "4x"),
    "in_weights": ("4f", "16x"),
}
_MIN_MIP_PX = 4  # smaller levels of a texture with holes are meaningless


@dataclass(eq=False)
class StoredMesh:
    """Device copy of a mesh at some levels of detail."""

    buffers: dict[int, tuple[moderngl.Buffer, moderngl.Buffer]]
    arrays: dict[tuple[int, int], moderngl.VertexArray]

    def release(self) -> None:
        """Releases the device's memory."""
        for array in self.arrays.values():
            array.release()
        for buffers in self.buffers.values():
            for buffer in buffers:
                buffer.release()
        self.arrays.clear()
        self.buffers.clear()


class Store:
    """Meshes and textures on one device."""

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._meshes: dict[int, StoredMesh] = {}
        self._textures: dict[int, tuple[moderngl.Texture, int]] = {}
        self._dead: list[Callable[[], None]] = []

    def mesh(self, mesh: Mesh) -> StoredMesh:
        """Device copy of a mesh; vertices are uploaded when a level is first drawn."""
        stored = self._meshes.get(id(mesh))
        if stored is None:
            stored = StoredMesh(buffers={}, arrays={})
            self._meshes[id(mesh)] = stored
            weakref.finalize(mesh, self._forget_mesh, id(mesh)).atexit = False
        return stored

    def vertex_array(
        self, mesh: Mesh, level: int, program: moderngl.Program
    ) -> moderngl.VertexArray:
        """Vertex array of a mesh at a level of detail, for a program."""
        stored = self.mesh(mesh)
        key = level, program.glo
        if key not in stored.arrays:
            if level not in stored.buffers:
                stored.buffers[level] = self._upload_mesh(mesh, level)
            vertices, triangles = stored.buffers[level]
            names = [name for name in _FORMATS if name in program]
            layout = " ".join(use if n in program else skip for n, (use, skip) in _FORMATS.items())
            stored.arrays[key] = self._context.vertex_array(
                program, [(vertices, layout, *names)], index_buffer=triangles, index_element_size=4
            )
        return stored.arrays[key]

    def texture(self, texels: UInt8Array) -> moderngl.Texture:
        """Device copy of a (H, W, 4) uint8 texture, with mipmaps."""
        return self._texture(texels)[0]

    def has_holes(self, texels: UInt8Array | None, alpha_cut: float) -> bool:
        """Whether the alpha of any texel is below the cut."""
        return texels is not None and self._texture(texels)[1] < 255 * alpha_cut

    def release_unused(self) -> None:
        """Releases copies whose originals are gone; the context must be current."""
        while self._dead:
            self._dead.pop()()

    def release(self) -> None:
        """Releases all copies."""
        self.release_unused()
        for stored in self._meshes.values():
            stored.release()
        for texture, _ in self._textures.values():
            texture.release()
        self._meshes.clear()
        self._textures.clear()

    def _upload_mesh(self, mesh: Mesh, level: int) -> tuple[moderngl.Buffer, moderngl.Buffer]:
        kept, triangles = decimate(mesh, CELLS_M[level])
        vertices = np.empty(len(kept), VERTEX)
        vertices["in_position"] = mesh.positions[kept]
        vertices["in_normal"] = mesh.normals[kept]
        vertices["in_uv"] = mesh.uv[kept]
        vertices["in_bones"] = mesh.bone_ids[kept]
        vertices["in_weights"] = mesh.bone_weights[kept]
        if not len(triangles):  # all of it is smaller than a cell: a degenerate triangle
            triangles = np.zeros((1, 3), np.uint32)
            vertices = vertices if len(vertices) else np.zeros(1, VERTEX)
        return self._context.buffer(vertices.tobytes()), self._context.buffer(triangles.tobytes())

    def _texture(self, texels: UInt8Array) -> tuple[moderngl.Texture, int]:
        """Device copy of a texture, and its minimum alpha."""
        if id(texels) not in self._textures:
            min_alpha = int(texels[..., 3].min())
            self._textures[id(texels)] = self._upload_texture(texels, min_alpha), min_alpha
            weakref.finalize(texels, self._forget_texture, id(texels)).atexit = False
        return self._textures[id(texels)]

    def _upload_texture(self, texels: UInt8Array, min_alpha: int) -> moderngl.Texture:
        import moderngl

        levels = mip_levels(texels) if min_alpha < 255 else [np.ascontiguousarray(texels)]
        height, width = texels.shape[:2]
        texture = self._context.texture((width, height), 4, levels[0], alignment=1)
        texture.build_mipmaps(max_level=1000 if len(levels) == 1 else len(levels) - 1)
        for level, smaller in enumerate(levels[1:], 1):
            texture.write(smaller, level=level, alignment=1)
        # one level is enough with four samples per pixel, and costs a CPU half as much as two
        texture.filter = moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR
        return texture

    def _forget_mesh(self, key: int) -> None:
        stored = self._meshes.pop(key, None)
        if stored is not None:
            self._dead.append(stored.release)

    def _forget_texture(self, key: int) -> None:
        stored = self._textures.pop(key, None)
        if stored is not None:
            self._dead.append(stored[0].release)


def mip_levels(texels: UInt8Array) -> list[UInt8Array]:
    """Mipmaps of a texture with holes that preserve its coverage.

    Colours are averaged with alpha as weight, and alpha is scaled so that the fraction of texels
    above one half is constant (Castano, "Computing alpha mipmaps", 2010).

    Args:
        texels: (H, W, 4) uint8.

    Returns:
        The levels, the given texture first.
    """
    levels = [np.ascontiguousarray(texels)]
    alpha = cv2.extractChannel(levels[0], 3).astype(np.float32) * np.float32(1 / 255)
    weighted = levels[0][..., :3] * cv2.merge([alpha] * 3)
    coverage = float((alpha > 0.5).mean())
    height, width = alpha.shape
    while min(height, width) >= 2 * _MIN_MIP_PX:
        height, width = height // 2, width // 2
        alpha, weighted = (
            cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA)
            for array in (alpha, weighted)
        )
        factor = 0.5 / max(float(np.quantile(alpha, 1 - coverage)), 1e-3)
        colours = cv2.divide(weighted, cv2.merge([np.maximum(alpha, 1e-3)] * 3))
        level = cv2.merge([*cv2.split(colours), alpha * (255 * factor)])
        levels.append(np.asarray(cv2.convertScaleAbs(level), np.uint8))  # saturates at 255
    return levels
