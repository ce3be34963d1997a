"""Garments: pieces of MakeHuman's clothes, and plain ones cut from the body's own helper mesh.

A suit of MakeHuman's is taken apart into top and bottom, so that they combine. T-shirts, shorts,
leggings, skirts, ... are cut from the helper "tights" and "skirt" that lie around the body. Each
`Garment` places itself on any body and knows which skin it hides.
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
from rtmpose3d.synth.outfit.cut import CUTS, CutMesh, cut_out, skin_under

Slot = Literal["top", "bottom", "whole", "shoes", "hat", "hair"]
_WAIST = 1.0  # decimetres of the base mesh: pieces above are tops
_DM_PER_M = np.float32(10.0)
_TILES_PER_M = 2.2  # of fabric on cut garments
_BOTTOMS = ("leggings", "trousers", "capri", "shorts", "short_shorts", "briefs", "skirt_long",
            "skirt", "skirt_short")  # fmt: skip
_WHOLES = ("overall", "swimsuit")
_WOMEN_ONLY = ("bikini_top", "swimsuit", "crop_top", "skirt_long", "skirt", "skirt_short")
_RARE = ("bikini_top", "swimsuit", "briefs", "overall")
_COVER_DM = 0.6  # skin further than this from the garment is not hidden


@dataclass(frozen=True, kw_only=True, eq=False)
class Garment:
    """Something to wear.

    Attributes:
        name: for the labels.
        slot: where it is worn.
        surface: triangles and UV; `source` names vertices of the proxy or of the cut mesh.
        hangs: how it hangs on the body.
        bone_ids, bone_weights: (R, 4) of the drawn vertices.
        hidden: (BODY_VERTICES,) skin that it covers.
        woman, man: how readily women and men wear it.
    """

    name: str
    slot: Slot
    surface: Surface
    hangs: Proxy | CutMesh
    bone_ids: UInt8Array
    bone_weights: FloatArray
    hidden: BoolArray
    woman: float = 1.0
    man: float = 1.0

    def fit(self, body: RiggedBody) -> tuple[FloatArray, FloatArray]:
        """Vertices (R, 3) in metres and their normals, float32, at rest."""
        triangles, source = self.surface.vertex_triangles, self.surface.source
        if isinstance(self.hangs, Proxy):
            vertices = self.hangs.fit(body.vertices * _DM_PER_M) / _DM_PER_M
            normals = vertex_normals(vertices, triangles)
        else:
            vertices = self.hangs.mixed(body.vertices)
            normals = vertex_normals(vertices, triangles)
            vertices = vertices + self.hangs.stand_off_m[:, None] * normals
        return vertices[source], normals[source]


def garments_of(assets: MakeHumanAssets) -> list[Garment]:
    """Everything that can be worn, hair and hats included."""
    found: list[Garment] = []
    for proxy in assets.proxies("clothes"):
        if "shoe" in proxy.name:
            found.append(_worn(assets, proxy, proxy.name, "shoes", None))
        elif not len(proxy.hidden):
            found.append(_worn(assets, proxy, proxy.name, "hat", None))
        else:
            found += _taken_apart(assets, proxy)
    found += [_worn(assets, proxy, proxy.name, "hair", None) for proxy in assets.proxies("hair")]
    nearest = _nearest_helper(assets)
    found += [_cut(assets, nearest, name) for name in CUTS]
    return found


def _worn(
    assets: MakeHumanAssets, proxy: Proxy, name: str, slot: Slot, keep: BoolArray | None
) -> Garment:
    """A proxy or some of its faces."""
    surface = build_surface(proxy.mesh, keep)
    ids, weights = proxy.bone_weights(assets.rig)
    hidden = np.zeros(BODY_VERTICES, bool)
    hidden[proxy.hidden[proxy.hidden < BODY_VERTICES]] = True
    y = assets.base.positions[:BODY_VERTICES, 1]
    if slot == "top":
        hidden &= y > _WAIST
    elif slot == "bottom":
        hidden &= y <= _WAIST
    for_women, for_men = (1.0, 1.0)
    if slot in ("top", "bottom", "whole"):
        for_women, for_men = (1.0, 0.04) if proxy.name.startswith("female") else (0.45, 1.0)
    elif slot == "hair":
        short = proxy.name.startswith(("short", "afro"))
        for_women, for_men = (0.35, 1.0) if short else (1.0, 0.10)
    return Garment(
        name=name,
        slot=slot,
        surface=surface,
        hangs=proxy,
        bone_ids=ids[surface.source],
        bone_weights=weights[surface.source],
        hidden=hidden,
        woman=for_women,
        man=for_men,
    )


def _taken_apart(assets: MakeHumanAssets, proxy: Proxy) -> list[Garment]:
    """The top and the bottom of a suit, or the whole where it is of one piece."""
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
        return [_worn(assets, proxy, proxy.name, "whole", None)]
    middle = np.bincount(piece, y) / count
    upper = (middle > _WAIST)[piece]
    return [
        _worn(assets, proxy, f"{proxy.name}_top", "top", upper),
        _worn(assets, proxy, f"{proxy.name}_bottom", "bottom", ~upper),
    ]


def _nearest_helper(assets: MakeHumanAssets) -> dict[str, tuple[IntArray, FloatArray]]:
    """For each helper: the helper's vertex nearest to each vertex of the skin, and how near."""
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


def _cut(
    assets: MakeHumanAssets, nearest: dict[str, tuple[IntArray, FloatArray]], name: str
) -> Garment:
    cut = CUTS[name]
    mesh = cut_out(assets, cut)
    hidden = skin_under(assets, mesh, *nearest[cut.helper], _COVER_DM)
    if cut.helper == "helper-skirt":
        hidden[:] = False
    place = mesh.mixed(assets.base.positions) / _DM_PER_M * _TILES_PER_M
    dense = np.zeros((len(mesh.corners), len(assets.rig.names)), np.float32)
    row = np.arange(len(dense))
    for corner in range(3):
        vertex = mesh.corners[:, corner]
        for k in range(4):
            share = mesh.shares[:, corner] * assets.rig.bone_weights[vertex, k]
            np.add.at(dense, (row, assets.rig.bone_ids[vertex, k]), share)
    ids, weights = reduce_weights(dense)
    rare = 0.5 if name in _RARE else 1.0
    return Garment(
        name=name,
        slot="bottom" if name in _BOTTOMS else "whole" if name in _WHOLES else "top",
        surface=Surface(
            source=row.astype(np.int32),
            uv=np.stack([place[:, 0] + 0.6 * place[:, 2], place[:, 1]], axis=1),
            triangles=mesh.triangles,
            vertex_triangles=mesh.triangles,
        ),
        hangs=mesh,
        bone_ids=ids,
        bone_weights=weights,
        hidden=hidden,
        woman=rare,
        man=0.03 if name in _WOMEN_ONLY else 0.4 if name == "leggings" else rare,
    )


def pick(rng: np.random.Generator, garments: tuple[Garment, ...], male: float) -> Garment:
    """One of the garments, as readily as a woman (male 0) or a man (1) wears it."""
    chance = np.array([male * g.man + (1.0 - male) * g.woman for g in garments])
    return garments[int(rng.choice(len(garments), p=chance / chance.sum()))]
