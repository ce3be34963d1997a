"""Meshes of the head except skin: hair, brows, lashes, eyes, glasses, inside of the mouth."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from rtmpose3d.structures import FloatArray, UInt8Array
from rtmpose3d.synth.assets import Proxy
from rtmpose3d.synth.body import RiggedBody
from rtmpose3d.synth.outfit.fabric import Colour, linear_rgb, sample_colour
from rtmpose3d.synth.outfit.garments import Garment, pick_garment
from rtmpose3d.synth.outfit.held_objects import sample_glasses
from rtmpose3d.synth.outfit.skin_meshes import base_mesh
from rtmpose3d.synth.outfit.wardrobe import Wardrobe, garment_mesh
from rtmpose3d.synth.scene import Material, Mesh

_HAIR_COLOURS: tuple[tuple[Colour, float], ...] = (
    ((0.06, 0.05, 0.05), 4.0),
    ((0.16, 0.10, 0.07), 3.0),
    ((0.30, 0.19, 0.11), 2.5),
    ((0.45, 0.31, 0.18), 1.5),
    ((0.70, 0.55, 0.34), 1.2),
    ((0.48, 0.20, 0.10), 0.6),
    ((0.60, 0.60, 0.60), 0.5),
)
_GREY: Colour = (0.68, 0.68, 0.67)


def hair_colour(rng: np.random.Generator, body: RiggedBody) -> Colour:
    """A random hair colour, sRGB: grey with age, light mainly with light skin, rarely dyed."""
    weights = np.array([weight for _, weight in _HAIR_COLOURS])
    weights[3:6] *= 0.2 + 1.6 * body.traits.races[2]
    if rng.random() < 0.04:
        return sample_colour(rng)
    colour = np.array(_HAIR_COLOURS[int(rng.choice(len(weights), p=weights / weights.sum()))][0])
    grey = float(np.clip((body.traits.age_years - 42) / 30, 0, 1)) * rng.random() ** 0.7
    r, g, b = np.clip((1 - grey) * colour + grey * np.array(_GREY), 0.02, 0.95) * rng.uniform(
        0.8, 1.2
    )
    return float(r), float(g), float(b)


def head_meshes(
    rng: np.random.Generator,
    body: RiggedBody,
    wardrobe: Wardrobe,
    hair_rgb: Colour,
    wears: dict[str, str],
) -> list[Mesh]:
    """Builds hair, brows, lashes, eyes, glasses and mouth; adds hair and glasses to `wears`."""
    meshes: list[Mesh] = []
    male = body.traits.male
    bald = 0.16 * male * (1.0 + (body.traits.age_years > 50)) + 0.01
    hairs = wardrobe.garments["hair"]
    if "hat" in wears:
        hairs = tuple(hair for hair in hairs if hair.name.startswith("short")) or hairs
    if hairs and rng.random() > bald:
        hair = pick_garment(rng, hairs, male)
        wears["hair"] = hair.name
        meshes.append(_hair_mesh(hair, body, wardrobe, hair_rgb, 0.35))
    brow_rgb = tuple(0.75 * c for c in hair_rgb)
    for category, colour, cut in (
        ("eyebrows", brow_rgb, 0.22),
        ("eyelashes", (0.05, 0.04, 0.04), 0.3),
    ):
        if parts := wardrobe.parts[category]:
            part = parts[int(rng.integers(len(parts)))]
            meshes.append(_hair_mesh(part, body, wardrobe, colour, cut))
    eyes_ears = body.vertices[body.keypoint_ids[1:5]].mean(axis=1, dtype=np.float64)
    glasses = sample_glasses(rng, body, eyes_ears[:2], eyes_ears[2:])
    if glasses is not None:
        meshes.append(glasses)
        wears["glasses"] = "yes"
    eye = wardrobe.parts["eyes"][-1]  # the last by name is the low-poly one
    image = _eye_image(rng, body, wardrobe)
    meshes.append(garment_mesh(eye, body, Material(shading="eye", texture=image, roughness=0.15)))
    surface, colours = wardrobe.mouth
    material = Material(shading="teeth", texture=colours, roughness=0.4)
    mouth = base_mesh(surface, body, material, None)
    meshes.append(replace(mouth, positions=_narrow_mouth(mouth.positions, wardrobe, body)))
    return meshes


def _eye_image(rng: np.random.Generator, body: RiggedBody, wardrobe: Wardrobe) -> UInt8Array | None:
    """A random eye texture: brown for most, light mainly with light skin."""
    names = list(wardrobe.eyes)
    if not names:
        return None
    light = 0.03 + 0.9 * body.traits.races[2] ** 2
    probability = np.array([2.5 if name.startswith("brown") else light for name in names])
    return wardrobe.eyes[names[int(rng.choice(len(names), p=probability / probability.sum()))]]


def _narrow_mouth(positions: FloatArray, wardrobe: Wardrobe, body: RiggedBody) -> FloatArray:
    """Narrows the inside of the mouth so that it stays within a bent neck and chin."""
    rest = wardrobe.assets.base.positions[wardrobe.mouth[0].source]
    deep = np.clip((1.4 - rest[:, 2:]) / 0.5, 0.0, 1.0) * (rest[:, 1:2] < 7.02)
    deep[len(wardrobe.regions.inside.source) :] = 0.55  # all of teeth and tongue
    middle = body.vertices[wardrobe.assets.group_vertices("helper-tongue")].mean(axis=0)
    narrower = (positions - middle) * np.array([0.3, 0.35, 0.15], np.float32)
    return (positions - deep.astype(np.float32) * narrower).astype(np.float32)


def _hair_mesh(
    hair: Garment, body: RiggedBody, wardrobe: Wardrobe, colour: tuple[float, ...], cut: float
) -> Mesh:
    """Hair of a given colour: a grey texture, cached per hair, and a tint."""
    if hair.name not in wardrobe.greys:
        assert isinstance(hair.binding, Proxy)
        wardrobe.greys[hair.name] = _grey_texture(hair.binding.texture, hair.name)
    r, g, b = linear_rgb((colour[0] * 1.25, colour[1] * 1.25, colour[2] * 1.25))
    return garment_mesh(
        hair,
        body,
        Material(
            shading="hair",
            texture=wardrobe.greys[hair.name],
            tint_rgb=(r, g, b),
            roughness=0.55,
            alpha_cut=cut,
            two_sided=True,
        ),
    )


def _grey_texture(texture: UInt8Array | None, name: str) -> UInt8Array:
    """A hair texture in grey with a fixed mean; procedural strands if there is none."""
    if texture is None:
        rng = np.random.default_rng([ord(letter) for letter in name])
        across = rng.random((1, 256)).astype(np.float32)
        strands = 0.65 * across + 0.35 * cv2.resize(
            rng.random((12, 256)).astype(np.float32), (256, 256)
        )
        grey = np.clip(0.45 + 0.5 * strands, 0, 1)
        alpha = np.full((256, 256), 255, np.uint8)
    else:
        light = texture[..., :3].astype(np.float32).mean(axis=2)
        alpha = texture[..., 3]
        solid = alpha > 128
        mean = float(light[solid].mean()) if solid.any() else 128.0
        grey = np.clip(0.72 * light / max(mean, 1.0), 0.25, 1.0)
    return np.dstack([*[(grey * 255).astype(np.uint8)] * 3, alpha])
