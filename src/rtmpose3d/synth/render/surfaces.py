"""Draw calls for people, props, the floor and full-screen passes of a bound frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rtmpose3d.structures.arrays import FloatArray, Image, UInt8Array
from rtmpose3d.synth.render.atlas import Atlas
from rtmpose3d.synth.render.frames import CONTACTS, mesh_sphere
from rtmpose3d.synth.render.programs import (
    BACKDROP_UNIT,
    COLOUR_UNIT,
    DEPTH_UNIT,
    Define,
    build_program,
    surface_defines,
)
from rtmpose3d.synth.render.store import Store
from rtmpose3d.synth.scene import Material, Mesh, Person, Prop, Scene

if TYPE_CHECKING:
    import moderngl

Defines = tuple[tuple[str, Define], ...]
_MIN_CASTER_RADIUS_M = 0.085
_FINER_HAIR_LEVELS = 2  # strands are narrow
BACKDROP = 254
"""Alpha of samples whose colour is a factor on the backdrop."""
_PLAIN_FLOOR = Material(shading="prop", tint_rgb=(0.35, 0.35, 0.34), roughness=1.0)


@dataclass(frozen=True, eq=False)
class _SurfaceProgram:
    """A program and its uniforms; None for those that it lacks."""

    program: moderngl.Program
    tint_roughness: moderngl.Uniform | None
    owner: moderngl.Uniform | None
    alpha_cut: moderngl.Uniform | None
    world_rows: moderngl.Uniform | None


class Surfaces:
    """Draws meshes.

    Attributes:
        soft_shadows: whether later draws use four lookups in the shadow map instead of one.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self.store = Store(context)
        self.soft_shadows = False
        self._context = context
        self._programs: dict[Defines, _SurfaceProgram] = {}

    def upload_textures(self, materials: Iterable[Material]) -> None:
        """Uploads textures before drawing: an upload between draws would end Mesa's batch."""
        for material in materials:
            if material.texture is not None:
                self.store.texture(material.texture)

    def draw_person(self, person: Person, level: int, owner: int, *, shadow_pass: bool) -> None:
        """Draws a person, whose bones must be bound; small meshes cast no shadows."""
        for mesh in person.meshes:
            if shadow_pass and mesh_sphere(mesh).radius_m < _MIN_CASTER_RADIUS_M:
                continue
            finer = _FINER_HAIR_LEVELS if mesh.material.shading == "hair" else 0
            self._draw(mesh, max(level - finer, 0), owner, None, shadow_pass)

    def draw_prop(self, prop: Prop, level: int, owner: int, *, shadow_pass: bool) -> None:
        """Draws a prop."""
        self._draw(prop.mesh, level, owner, prop.world_from_rest, shadow_pass)

    def _draw(
        self, mesh: Mesh, level: int, owner: int, rows: FloatArray | None, shadow_pass: bool
    ) -> None:
        import moderngl

        material = mesh.material
        cut = self.store.has_holes(material.texture, material.alpha_cut)
        surface = self._surface(
            surface_defines(
                material,
                skinned=rows is None,
                cut=cut,
                shadow_pass=shadow_pass,
                soft_shadows=self.soft_shadows,
            )
        )
        if material.texture is not None and (cut or not shadow_pass):
            self.store.texture(material.texture).use(COLOUR_UNIT)
        if surface.tint_roughness is not None:
            surface.tint_roughness.value = (*material.tint_rgb, material.roughness)
        if surface.owner is not None:
            surface.owner.value = owner / 255
        if surface.alpha_cut is not None:
            surface.alpha_cut.value = material.alpha_cut
        if surface.world_rows is not None and rows is not None:
            surface.world_rows.write(np.ascontiguousarray(rows, np.float32))
        if material.two_sided:
            self._context.disable(moderngl.CULL_FACE)
        else:
            self._context.enable(moderngl.CULL_FACE)
        self.store.vertex_array(mesh, level, surface.program).render()

    def _surface(self, defines: Defines) -> _SurfaceProgram:
        if defines not in self._programs:
            in_shadow = ("SHADOW_PASS", 1) in defines
            fragment = "shadow.frag.glsl" if in_shadow else "surface.frag.glsl"
            program = build_program(self._context, "surface.vert.glsl", fragment, dict(defines))
            self._programs[defines] = _SurfaceProgram(
                program,
                tint_roughness=_uniform(program, "tint_roughness"),
                owner=_uniform(program, "owner"),
                alpha_cut=_uniform(program, "alpha_cut"),
                world_rows=_uniform(program, "world_rows"),
            )
        return self._programs[defines]


class Floors:
    """Draws the floor, or only the shadows on it."""

    def __init__(self, context: moderngl.Context, store: Store) -> None:
        self._context = context
        self._store = store
        self._arrays: dict[Defines, moderngl.VertexArray] = {}

    def draw(self, scene: Scene, *, soft_shadows: bool) -> None:
        """Draws the floor of a scene, if it has one; must come last."""
        import moderngl

        if not scene.floor:
            return
        material = scene.floor_material
        catcher = material is None and scene.backdrop is not None
        material = material or _PLAIN_FLOOR
        names = ["CATCHER"] if catcher else ["TEXTURED"] if material.texture is not None else []
        names += ["SOFT_SHADOWS"] if soft_shadows else []
        array = self._array(tuple((n, 1) for n in names))
        self._context.disable(moderngl.CULL_FACE)
        if catcher:
            self._context.enable(moderngl.BLEND)
            self._context.blend_func = moderngl.DST_COLOR, moderngl.ZERO
            self._context.fbo.depth_mask = False
        elif material.texture is not None:
            self._store.texture(material.texture).use(COLOUR_UNIT)
        tint = _uniform(array.program, "tint_roughness")
        if tint is not None:
            tint.value = (*material.tint_rgb, material.roughness)
        array.render(moderngl.TRIANGLE_STRIP, vertices=4)
        if catcher:
            self._context.disable(moderngl.BLEND)
            self._context.fbo.depth_mask = True

    def _array(self, defines: Defines) -> moderngl.VertexArray:
        if defines not in self._arrays:
            constants: dict[str, Define] = {"CONTACTS": CONTACTS}
            program = build_program(
                self._context, "floor.vert.glsl", "floor.frag.glsl", dict(defines) | constants
            )
            self._arrays[defines] = self._context.vertex_array(program, [])
        return self._arrays[defines]


class Screens:
    """Full-screen passes over the atlas: clear before drawing, resolve afterwards."""

    def __init__(self, context: moderngl.Context, supersample: int) -> None:
        self._context = context
        self._supersample = supersample
        defines: dict[str, Define] = {
            "SUPERSAMPLE": supersample,
            "BACKDROP_BELOW": (BACKDROP - 0.5) / 255,
            "BACKDROP_ABOVE": (BACKDROP + 0.5) / 255,
        }
        program = build_program(context, "screen.vert.glsl", "resolve.frag.glsl", defines)
        self._resolve = context.vertex_array(program, [])

    def clear(self, atlas: Atlas, canvas: Image) -> None:
        """Clears the atlas to samples that show the backdrops (H, W, 3) uint8 BGR unchanged."""
        height, width = canvas.shape[:2]
        atlas.backdrops.write(canvas, viewport=(0, 0, width, height), alignment=1)
        viewport = (0, 0, width * self._supersample, height * self._supersample)
        atlas.images.use()
        atlas.images.clear(1.0, 1.0, 1.0, BACKDROP / 255, depth=1.0, viewport=viewport)

    def resolve(self, atlas: Atlas, size_wh: tuple[int, int]) -> tuple[UInt8Array, FloatArray]:
        """Reads the atlas: (H, W, 4) uint8 BGR and owner, and (H, W) float32 depth buffer."""
        width, height = size_wh
        atlas.resolved.use()
        viewport = (0, 0, width, height)
        atlas.resolved.viewport = viewport
        atlas.colours.use(COLOUR_UNIT)
        atlas.depths.use(DEPTH_UNIT)
        atlas.backdrops.use(BACKDROP_UNIT)
        self._context.enable_only(0)
        self._resolve.render(vertices=3)
        pixels = atlas.resolved.read(viewport, components=4, alignment=1)
        depths = atlas.resolved.read(viewport, components=1, attachment=1, alignment=1, dtype="f4")
        return (
            np.frombuffer(pixels, np.uint8).reshape(height, width, 4),
            np.frombuffer(depths, np.float32).reshape(height, width),
        )


def _uniform(program: moderngl.Program, name: str) -> moderngl.Uniform | None:
    return program.get(name, None)  # pyright: ignore[reportReturnType]
