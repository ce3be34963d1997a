"""Shader programs, compiled once per combination of preprocessor switches."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from rtmpose3d.synth.scene import Material

if TYPE_CHECKING:
    import moderngl

Define = str | int | float
FRAME_BINDING, BONES_BINDING = 0, 1
COLOUR_UNIT, SHADOW_UNIT, BACKDROP_UNIT, DEPTH_UNIT = 0, 1, 2, 3
SAMPLERS = {
    "colour_map": COLOUR_UNIT,
    "shadow_map": SHADOW_UNIT,
    "backdrops": BACKDROP_UNIT,
    "colours": COLOUR_UNIT,
    "depths": DEPTH_UNIT,
}
_LIT = ("surface.frag.glsl", "floor.frag.glsl")
_SHADING = {"skin": "SKIN", "hair": "HAIR", "cloth": "CLOTH"}


@cache
def shader_text(name: str) -> str:
    """Source text of a file in `shaders/`."""
    return (files("rtmpose3d.synth.render") / "shaders" / name).read_text("utf-8")


def build_program(
    context: moderngl.Context, vertex: str, fragment: str, defines: Mapping[str, Define]
) -> moderngl.Program:
    """Compiles and links two shader files and binds the shared blocks and samplers.

    Args:
        context: the current context.
        vertex: file name of the vertex shader.
        fragment: file name of the fragment shader.
        defines: preprocessor macros.
    """
    head = "#version 330 core\n" + "".join(f"#define {k} {v}\n" for k, v in defines.items())
    head += shader_text("frame.glsl")
    light = shader_text("light.glsl") if fragment in _LIT else ""
    program = context.program(
        vertex_shader=head + shader_text(vertex),
        fragment_shader=head + light + shader_text(fragment),
    )
    for block, binding in (("Frame", FRAME_BINDING), ("Bones", BONES_BINDING)):
        if block in program:
            program[block].binding = binding  # pyright: ignore[reportAttributeAccessIssue]
    for sampler, unit in SAMPLERS.items():
        if sampler in program:
            program[sampler].value = unit  # pyright: ignore[reportAttributeAccessIssue]
    return program


def surface_defines(
    material: Material, *, skinned: bool, cut: bool, shadow_pass: bool, soft_shadows: bool
) -> tuple[tuple[str, Define], ...]:
    """Preprocessor macros for a surface of this material; also the key of its program."""
    defines: list[str] = []
    defines += ["SKINNED"] if skinned else []
    defines += ["ALPHA_CUT"] if cut else []
    if shadow_pass:
        return tuple((name, 1) for name in ["SHADOW_PASS", *defines])
    defines += ["TEXTURED"] if material.texture is not None else []
    defines += ["TWO_SIDED"] if material.two_sided else []
    defines += ["SOFT_SHADOWS"] if soft_shadows else []
    defines += [_SHADING[material.shading]] if material.shading in _SHADING else []
    return tuple((name, 1) for name in defines)
