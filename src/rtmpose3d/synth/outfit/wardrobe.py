"""Wardrobe: all garments, read once, and textures shared by people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures import FloatArray, UInt8Array
from rtmpose3d.synth.assets import (
    BODY_VERTICES,
    KeypointAnchors,
    MakeHumanAssets,
    Surface,
    build_surface,
    read_texture,
)
from rtmpose3d.synth.body import RiggedBody
from rtmpose3d.synth.outfit.garments import Garment, Slot, load_garments
from rtmpose3d.synth.outfit.skin_regions import SkinRegions, build_regions
from rtmpose3d.synth.outfit.skin_textures import body_textures
from rtmpose3d.synth.scene import Material, Mesh

TONES, SKINS_PER_TONE = 12, 3  # shared body textures
_DARK_INSIDE, _TEETH, _TONGUE = (0.22, 0.07, 0.06), (0.88, 0.85, 0.78), (0.62, 0.28, 0.27)


@dataclass(frozen=True, kw_only=True, eq=False)
class Wardrobe:
    """All garments, and textures shared by people.

    Attributes:
        assets: MakeHuman's data.
        regions: surfaces of the skin.
        garments: garments by slot.
        parts: "eyebrows", "eyelashes" and "eyes".
        skins: cache of textures of body and hands by number.
        seed: seed of the shared textures.
        eyes: textures of eyes by colour.
        mouth: surface of mouth, sockets, teeth and tongue, and its texture.
        greys: cache of grey hair textures by name.
    """

    assets: MakeHumanAssets
    regions: SkinRegions
    garments: dict[Slot, tuple[Garment, ...]]
    parts: dict[str, tuple[Garment, ...]]
    skins: dict[int, tuple[UInt8Array, UInt8Array]]
    eyes: dict[str, UInt8Array]
    mouth: tuple[Surface, UInt8Array]
    greys: dict[str, UInt8Array]
    seed: tuple[int, ...]

    @staticmethod
    def open(
        assets: MakeHumanAssets, keypoints: KeypointAnchors, seed: tuple[int, ...]
    ) -> Wardrobe:
        """Reads all garments.

        Args:
            assets: MakeHuman's data.
            keypoints: anchors of the keypoints on the base mesh.
            seed: seed of the shared textures.

        Raises:
            InputError: there are no eyes, or a file is damaged.
        """
        regions = build_regions(assets, keypoints)
        garments = load_garments(assets)
        slots: tuple[Slot, ...] = ("top", "bottom", "whole", "shoes", "hat", "hair")
        categories = ("eyebrows", "eyelashes", "eyes")
        parts = {category: tuple(_load_parts(assets, category)) for category in categories}
        if not parts["eyes"]:
            raise InputError(f"no eyes in {assets.folder}: expected eyes/*/*.mhclo")
        eyes = {file.stem: read_texture(file) for file in assets.textures("eyes")}
        return Wardrobe(
            assets=assets,
            regions=regions,
            garments={
                slot: tuple(garment for garment in garments if garment.slot == slot)
                for slot in slots
            },
            parts=parts,
            skins={},
            eyes=eyes,
            mouth=_build_mouth(assets, regions),
            greys={},
            seed=seed,
        )

    def skin(self, tone: float, rng: np.random.Generator) -> tuple[float, UInt8Array, UInt8Array]:
        """One of the shared skins near a tone: its tone, and textures of body and hands."""
        nearest = int(np.clip(round((tone - 0.2) / 8.6 * (TONES - 1)), 0, TONES - 1))
        number = nearest * SKINS_PER_TONE + int(rng.integers(SKINS_PER_TONE))
        tone = 0.2 + 8.6 * nearest / (TONES - 1)
        if number not in self.skins:
            painter = np.random.default_rng([*self.seed, number])
            self.skins[number] = body_textures(painter, tone, self.regions)
        return tone, *self.skins[number]


def garment_mesh(
    garment: Garment, body: RiggedBody, material: Material, uv: FloatArray | None = None
) -> Mesh:
    """Mesh of a garment on a body at rest; `uv` replaces the garment's own."""
    positions, normals = garment.fit(body)
    return Mesh(
        positions=positions.astype(np.float32),
        normals=normals,
        uv=garment.surface.uv if uv is None else uv,
        triangles=garment.surface.triangles.astype(np.uint32),
        bone_ids=garment.bone_ids,
        bone_weights=garment.bone_weights,
        material=material,
    )


def _load_parts(assets: MakeHumanAssets, category: str) -> list[Garment]:
    parts: list[Garment] = []
    for proxy in assets.proxies(category):
        surface = build_surface(proxy.mesh)
        ids, weights = proxy.bone_weights(assets.rig)
        parts.append(
            Garment(
                name=proxy.name,
                slot="hair",
                surface=surface,
                binding=proxy,
                bone_ids=ids[surface.source],
                bone_weights=weights[surface.source],
                hidden=np.zeros(BODY_VERTICES, bool),
            )
        )
    return parts


def _build_mouth(assets: MakeHumanAssets, regions: SkinRegions) -> tuple[Surface, UInt8Array]:
    """One surface for everything visible through lips and lids, and a texture of three blocks."""
    base = assets.base
    teeth = build_surface(base, base.faces_in("helper-upper-teeth", "helper-lower-teeth"))
    tongue = build_surface(base, base.faces_in("helper-tongue"))
    source, uv, triangles, vertex_triangles, shift = [], [], [], [], 0
    for block, surface in enumerate((regions.inside, teeth, tongue)):
        source.append(surface.source)
        uv.append(np.tile(np.array([(block + 0.5) / 4.0, 0.5], np.float32), (len(surface.uv), 1)))
        triangles.append(surface.triangles + shift)
        vertex_triangles.append(surface.vertex_triangles)
        shift += len(surface.source)
    image = np.full((16, 64, 4), 255, np.uint8)
    for block, colour in enumerate((_DARK_INSIDE, _TEETH, _TONGUE)):
        image[:, block * 16 : block * 16 + 16, :3] = np.array(colour) * 255
    mouth = Surface(
        source=np.concatenate(source),
        uv=np.concatenate(uv),
        triangles=np.concatenate(triangles),
        vertex_triangles=np.concatenate(vertex_triangles),
    )
    return mouth, image
