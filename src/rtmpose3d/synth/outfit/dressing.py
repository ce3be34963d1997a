"""Dressing of bodies: choice of garments, their colours and fabrics.

`dress` returns the meshes of a body with clothes, hair and face in the rest pose, and the names of
what it wears.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rtmpose3d.structures import FloatArray, UInt8Array
from rtmpose3d.synth.assets import BODY_VERTICES, Proxy
from rtmpose3d.synth.body import RiggedBody
from rtmpose3d.synth.outfit.fabric import finish, sample_colour, sample_tile
from rtmpose3d.synth.outfit.garments import Garment, pick_garment
from rtmpose3d.synth.outfit.head import hair_colour, head_meshes
from rtmpose3d.synth.outfit.skin_meshes import skin_meshes
from rtmpose3d.synth.outfit.skin_textures import sample_tone
from rtmpose3d.synth.outfit.wardrobe import Wardrobe, garment_mesh
from rtmpose3d.synth.scene import Material, Mesh


@dataclass(frozen=True, kw_only=True, eq=False)
class DressedBody:
    """Meshes of a dressed body in the rest pose, and names of its garments by slot."""

    meshes: tuple[Mesh, ...]
    wears: dict[str, str]


def dress(rng: np.random.Generator, body: RiggedBody, wardrobe: Wardrobe) -> DressedBody:
    """Dresses a body and gives it skin, hair and a face.

    Args:
        rng: source of all randomness.
        body: the naked body.
        wardrobe: available garments and skins.
    """
    wears: dict[str, str] = {}
    outfit = _choose_outfit(rng, body, wardrobe)
    meshes: list[Mesh] = []
    hidden = np.zeros(BODY_VERTICES, bool)
    for garment in outfit:
        hidden |= garment.hidden
        meshes.append(_cloth_mesh(rng, garment, body))
        wears[garment.slot] = garment.name
    hair_rgb = hair_colour(rng, body)
    meshes += head_meshes(rng, body, wardrobe, hair_rgb, wears)
    tone = sample_tone(rng, body.traits)
    wears["skin_tone"] = f"{tone:.1f}"
    meshes += skin_meshes(rng, body, wardrobe, hidden, tone, hair_rgb)
    return DressedBody(meshes=tuple(meshes), wears=wears)


def _choose_outfit(rng: np.random.Generator, body: RiggedBody, wardrobe: Wardrobe) -> list[Garment]:
    male = body.traits.male
    have = wardrobe.garments
    outfit: list[Garment] = []
    if have["whole"] and rng.random() < 0.12:
        outfit.append(pick_garment(rng, have["whole"], male))
    else:
        if have["bottom"]:
            outfit.append(pick_garment(rng, have["bottom"], male))
        if have["top"] and not (male > 0.5 and rng.random() < 0.03):
            outfit.append(pick_garment(rng, have["top"], male))
    if have["shoes"] and rng.random() < 0.85:
        outfit.append(pick_garment(rng, have["shoes"], male))
    if have["hat"] and rng.random() < 0.07:
        outfit.append(pick_garment(rng, have["hat"], male))
    return outfit


def _cloth_mesh(rng: np.random.Generator, garment: Garment, body: RiggedBody) -> Mesh:
    """Mesh of a garment with its own texture, recoloured, or in a random fabric."""
    roughness = float(rng.uniform(0.6, 1.0))
    if garment.slot == "shoes":
        roughness = float(rng.uniform(0.25, 0.8))
    if not isinstance(garment.binding, Proxy):
        tile = sample_tile(rng)
        scale = np.float32(rng.uniform(0.7, 2.2))
        return garment_mesh(
            garment,
            body,
            Material(shading="cloth", texture=tile, roughness=roughness, two_sided=True),
            garment.surface.uv * scale,
        )
    own, shade = garment.binding.texture, garment.binding.shade
    if own is not None and rng.random() < (0.45 if garment.slot != "shoes" else 0.6):
        tint = np.array((1.0, 1.0, 1.0)) * rng.uniform(0.55, 1.15)
        if rng.random() < 0.3:
            tint = tint * rng.uniform(0.6, 1.2, 3)
        r, g, b = np.clip(tint, 0, 1.2)
        material = Material(
            shading="cloth",
            texture=own,
            tint_rgb=(float(r), float(g), float(b)),
            roughness=roughness,
            two_sided=True,
        )
        return garment_mesh(garment, body, material)
    image = _recolour(rng, own, shade)
    return garment_mesh(
        garment, body, Material(shading="cloth", texture=image, roughness=roughness, two_sided=True)
    )


def _recolour(
    rng: np.random.Generator, own: UInt8Array | None, shade: FloatArray | None
) -> UInt8Array:
    """A random fabric shaded like the garment's own texture (folds, seams), 512 x 512."""
    size = 512
    if rng.random() < 0.45:
        plain = np.tile(np.array(sample_colour(rng), np.float32), (256, 256, 1))
        tile = finish(rng, plain)
    else:
        tile = sample_tile(rng)
    repeat = int(rng.integers(2, 5))
    small = cv2.resize(tile, (size // repeat, size // repeat), interpolation=cv2.INTER_AREA)
    cloth = np.tile(small, (repeat + 1, repeat + 1, 1))[:size, :size].astype(np.float32)
    if own is not None:
        light = cv2.resize(own, (size, size))[..., :3].astype(np.float32).mean(axis=2) / 255.0
        smooth = cv2.GaussianBlur(light, (0, 0), 24.0)
        cloth[..., :3] *= np.clip(light / np.maximum(smooth, 0.05), 0.45, 1.5)[..., None]
    if shade is not None:
        cloth[..., :3] *= cv2.resize(shade, (size, size))[..., None] ** 0.7
    return np.clip(cloth, 0, 255).astype(np.uint8)
