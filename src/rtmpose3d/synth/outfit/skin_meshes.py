"""Meshes of the skin, without the parts hidden by clothes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rtmpose3d.structures import BoolArray, FloatArray
from rtmpose3d.synth.assets import Surface, vertex_normals
from rtmpose3d.synth.body import RiggedBody
from rtmpose3d.synth.outfit.fabric import Colour
from rtmpose3d.synth.outfit.skin_regions import SkinRegions
from rtmpose3d.synth.outfit.skin_textures import head_texture
from rtmpose3d.synth.outfit.wardrobe import Wardrobe
from rtmpose3d.synth.scene import Material, Mesh


def skin_meshes(
    rng: np.random.Generator,
    body: RiggedBody,
    wardrobe: Wardrobe,
    hidden: BoolArray,
    tone: float,
    hair_rgb: Colour,
) -> list[Mesh]:
    """Builds head, body and hands.

    Args:
        rng: source of all randomness.
        body: the body.
        wardrobe: holds the shared skins.
        hidden: (BODY_VERTICES,) whether clothes hide each vertex of the skin.
        tone: tone of the skin, 0 light to 9 dark.
        hair_rgb: colour of the hair, sRGB.
    """
    tone, body_image, hands_image = wardrobe.skin(tone, rng)
    head_image = head_texture(rng, tone, body.traits, hair_rgb, wardrobe.regions)
    regions = wardrobe.regions
    material = Material(shading="skin", roughness=float(rng.uniform(0.45, 0.75)))
    normals = _skin_normals(body, regions)
    return [
        base_mesh(surface, body, replace(material, texture=image), hidden, normals)
        for surface, image in (
            (regions.head, head_image),
            (regions.body, body_image),
            (regions.hands, hands_image),
        )
    ]


def _skin_normals(body: RiggedBody, regions: SkinRegions) -> FloatArray:
    """Normals of the complete skin, so that no seam is visible between its parts."""
    triangles = np.concatenate(
        [s.vertex_triangles for s in (regions.head, regions.body, regions.hands, regions.inside)]
    )
    return vertex_normals(body.vertices, triangles)


def base_mesh(
    surface: Surface,
    body: RiggedBody,
    material: Material,
    hidden: BoolArray | None,
    normals: FloatArray | None = None,
) -> Mesh:
    """Mesh of a part of the base mesh, without triangles whose vertices are all hidden."""
    triangles = surface.triangles
    if normals is None:
        normals = vertex_normals(body.vertices, surface.vertex_triangles)
    source, uv = surface.source, surface.uv
    if hidden is not None:
        triangles = triangles[~hidden[surface.vertex_triangles].all(axis=1)]
        used = np.unique(triangles)
        row = np.zeros(len(source), np.int64)
        row[used] = np.arange(len(used))
        triangles, source, uv = row[triangles], source[used], uv[used]
    return Mesh(
        positions=body.vertices[source],
        normals=normals[source],
        uv=uv,
        triangles=triangles.astype(np.uint32),
        bone_ids=body.rig.bone_ids[source],
        bone_weights=body.rig.bone_weights[source],
        material=material,
    )
