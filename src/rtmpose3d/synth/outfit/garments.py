"""Garments: parts of MakeHuman's clothes, and plain garments cut from its helper meshes.

MakeHuman's suits are split into top and bottom, so that these can be combined. T-shirts, shorts,
leggings, skirts, ... are cut from the helpers "tights" and "skirt" around the body. A `Garment`
fits any body and knows which skin it hides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from rtmpose3d.structures import BoolArray, FloatArray, IntArray, UInt8Array
from rtmpose3d.synth.assets import (
    BODY_VERTICES,
    MakeHumanAssets,
    Proxy,
    Surface,
    build_surface,
    connected_parts,
    reduce_weights,
    vertex_normals,
)
from rtmpose3d.synth.body import RiggedBody
from rtmpose3d.synth.outfit.cut import CUTS, CutMesh, cut_garment, hidden_skin

Slot = Literal["top", "bottom", "whole", "shoes", "hat", "hair"]
_WAIST = 1.0  # y in decimetres of the base mesh that separates tops from bottoms
_DM_PER_M = np.float32(10.0)
_TILES_PER_M = 2.2  # repetitions of the fabric on cut garments
_BOTTOMS = ("leggings", "trousers", "capri", "shorts", "short_shorts", "briefs", "skirt_long",
            "skirt", "skirt_short")  # fmt: skip
_FULL = ("overall", "swimsuit")
_WOMEN_ONLY = ("bikini_top", "swimsuit", "crop_top", "skirt_long", "skirt", "skirt_short")
_RARE = ("bikini_top", "swimsuit", "briefs", "overall")
_COVER_DM = 0.6  # maximum distance of hidden skin from the garment


@dataclass(frozen=True, kw_only=True, eq=False)
class Garment:
    """A garment, or hair, that fits any body.

    Attributes:
        name: name in the metadata of the labels.
        slot: part of the outfit.
        surface: triangles and UV; `source` indexes vertices of the proxy or of the cut mesh.
        binding: attachment to the body.
        bone_ids, bone_weights: (R, 4) bones of the rendered vertices.
        hidden: (BODY_VERTICES,) whether it hides each vertex of the skin.
        weight_female, weight_male: relative frequency among women and men.
    """

    name: str
    slot: Slot
    surface: Surface
    binding: Proxy | CutMesh
    bone_ids: UInt8Array
    bone_weights: FloatArray
    hidden: BoolArray
    weight_female: float = 1.0
    weight_male: float = 1.0

    def fit(self, body: RiggedBody) -> tuple[FloatArray, FloatArray]:
        """Vertices (R, 3) in metres and normals (R, 3) on a body at rest, float32."""
        triangles, source = self.surface.vertex_triangles, self.surface.source
        if isinstance(self.binding, Proxy):
            vertices = self.binding.fit(body.vertices * _DM_PER_M) / _DM_PER_M
            normals = vertex_normals(vertices, triangles)
        else:
            vertices = self.binding.interpolate(body.vertices)
            normals = vertex_normals(vertices, triangles)
            vertices = vertices + self.binding.stand_off_m[:, None] * normals
        return vertices[source], normals[source]


def load_garments(assets: MakeHumanAssets) -> list[Garment]:
    """Loads all garments, including hair and hats."""
    garments: list[Garment] = []
    for proxy in assets.proxies("clothes"):
        if "shoe" in proxy.name:
            garments.append(_from_proxy(assets, proxy, proxy.name, "shoes", None))
        elif not len(proxy.hidden):
            garments.append(_from_proxy(assets, proxy, proxy.name, "hat", None))
        else:
            garments += _split_suit(assets, proxy)
    garments += [
        _from_proxy(assets, proxy, proxy.name, "hair", None) for proxy in assets.proxies("hair")
    ]
    nearest = _nearest_helper(assets)
    garments += [_from_cut(assets, nearest, name) for name in CUTS]
    return garments


def _from_proxy(
    assets: MakeHumanAssets, proxy: Proxy, name: str, slot: Slot, keep: BoolArray | None
) -> Garment:
    """A garment from a proxy or some of its faces."""
    surface = build_surface(proxy.mesh, keep)
    ids, weights = proxy.bone_weights(assets.rig)
    hidden = np.zeros(BODY_VERTICES, bool)
    hidden[proxy.hidden[proxy.hidden < BODY_VERTICES]] = True
    y = assets.base.positions[:BODY_VERTICES, 1]
    if slot == "top":
        hidden &= y > _WAIST
    elif slot == "bottom":
        hidden &= y <= _WAIST
    female, male = (1.0, 1.0)
    if slot in ("top", "bottom", "whole"):
        female, male = (1.0, 0.04) if proxy.name.startswith("female") else (0.45, 1.0)
    elif slot == "hair":
        short = proxy.name.startswith(("short", "afro"))
        female, male = (0.35, 1.0) if short else (1.0, 0.10)
    return Garment(
        name=name,
        slot=slot,
        surface=surface,
        binding=proxy,
        bone_ids=ids[surface.source],
        bone_weights=weights[surface.source],
        hidden=hidden,
        weight_female=female,
        weight_male=male,
    )


def _split_suit(assets: MakeHumanAssets, proxy: Proxy) -> list[Garment]:
    """Top and bottom of a suit, or the full suit if it is of one piece."""
    piece = connected_parts(proxy.mesh)
    rest = proxy.fit(assets.base.positions)
    y = rest[proxy.mesh.faces[:, :3], 1].mean(axis=1)
    count = np.bincount(piece)
    lowest = np.full(len(count), np.inf)
    highest = np.full(len(count), -np.inf)
    np.minimum.at(lowest, piece, y)
    np.maximum.at(highest, piece, y)
    large = (count > 0.15 * len(piece)) & (highest - lowest > 4.5) & (lowest < -3) & (highest > 4)
    if large.any():
        return [_from_proxy(assets, proxy, proxy.name, "whole", None)]
    middle = np.bincount(piece, y) / count
    upper = (middle > _WAIST)[piece]
    return [
        _from_proxy(assets, proxy, f"{proxy.name}_top", "top", upper),
        _from_proxy(assets, proxy, f"{proxy.name}_bottom", "bottom", ~upper),
    ]


def _nearest_helper(assets: MakeHumanAssets) -> dict[str, tuple[IntArray, FloatArray]]:
    """For each helper: its nearest vertex to each skin vertex, and the distance."""
    skin = assets.base.positions[:BODY_VERTICES]
    nearest: dict[str, tuple[IntArray, FloatArray]] = {}
    for helper in ("helper-tights", "helper-skirt"):
        ids = assets.group_vertices(helper)
        points = assets.base.positions[ids]
        best = np.empty(len(skin), np.int32)
        away = np.empty(len(skin), np.float32)
        norms = np.einsum("hi,hi->h", points, points)
        for start in range(0, len(skin), 1024):
            part = skin[start : start + 1024]
            square = norms - 2.0 * part @ points.T
            best[start : start + 1024] = ids[square.argmin(axis=1)]
            own = square.min(axis=1) + np.einsum("vi,vi->v", part, part)
            away[start : start + 1024] = np.sqrt(np.maximum(own, 0.0))
        nearest[helper] = best, away
    return nearest


def _from_cut(
    assets: MakeHumanAssets, nearest: dict[str, tuple[IntArray, FloatArray]], name: str
) -> Garment:
    cut = CUTS[name]
    mesh = cut_garment(assets, cut)
    hidden = hidden_skin(assets, mesh, *nearest[cut.helper], _COVER_DM)
    if cut.helper == "helper-skirt":
        hidden[:] = False
    tiles = mesh.interpolate(assets.base.positions) / _DM_PER_M * _TILES_PER_M
    dense = np.zeros((len(mesh.corners), len(assets.rig.names)), np.float32)
    row = np.arange(len(dense))
    for corner in range(3):
        vertex = mesh.corners[:, corner]
        for k in range(4):
            weight = mesh.shares[:, corner] * assets.rig.bone_weights[vertex, k]
            np.add.at(dense, (row, assets.rig.bone_ids[vertex, k]), weight)
    ids, weights = reduce_weights(dense)
    rare = 0.5 if name in _RARE else 1.0
    return Garment(
        name=name,
        slot="bottom" if name in _BOTTOMS else "whole" if name in _FULL else "top",
        surface=Surface(
            source=row.astype(np.int32),
            uv=np.stack([tiles[:, 0] + 0.6 * tiles[:, 2], tiles[:, 1]], axis=1),
            triangles=mesh.triangles,
            vertex_triangles=mesh.triangles,
        ),
        binding=mesh,
        bone_ids=ids,
        bone_weights=weights,
        hidden=hidden,
        weight_female=rare,
        weight_male=0.03 if name in _WOMEN_ONLY else 0.4 if name == "leggings" else rare,
    )


def pick_garment(rng: np.random.Generator, garments: tuple[Garment, ...], male: float) -> Garment:
    """Picks a garment by its frequency among women (male 0) or men (male 1)."""
    probability = np.array(
        [male * g.weight_male + (1.0 - male) * g.weight_female for g in garments]
    )
    return garments[int(rng.choice(len(garments), p=probability / probability.sum()))]
