"""Plain garments cut from the helper meshes around MakeHuman's body.

A garment is the part of a helper where some functions of the position on the unmorphed body are
positive: above the hem, below the neckline, within the sleeve. Triangles on the border are
clipped, so that hems are straight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.structures import BoolArray, FloatArray, IntArray
from rtmpose3d.synth.assets import MakeHumanAssets


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Borders of a garment, decimetres of the base mesh.

    Attributes:
        helper: group of the base mesh.
        hem: minimum y.
        neck: maximum y at the back of the neck, and its decrease per decimetre to the front.
        sleeve: length from the shoulder joint along the arm; below 0 the shoulder is bare.
        flare: additional distance from the helper at the hem, metres (skirts, wide shirts).
        offset_m: distance from the helper.
    """

    helper: str
    hem: float
    neck: tuple[float, float] = (9.0, 0.0)
    sleeve: float = 9.0
    flare: float = 0.0
    offset_m: float = 0.006


_CREW, _WIDE, _DEEP = (5.95, 0.35), (5.75, 0.45), (5.85, 0.8)
_SHIRT = "helper-tights"
CUTS: dict[str, Cut] = {
    "tee": Cut(helper=_SHIRT, hem=0.4, neck=_CREW, sleeve=1.0, offset_m=0.011),
    "tee_deep": Cut(helper=_SHIRT, hem=0.2, neck=_DEEP, sleeve=0.85, offset_m=0.010),
    "tee_long": Cut(helper=_SHIRT, hem=-0.5, neck=_CREW, sleeve=1.35, offset_m=0.014, flare=0.015),
    "shirt": Cut(helper=_SHIRT, hem=0.1, neck=_CREW, sleeve=4.35, offset_m=0.010),
    "turtleneck": Cut(helper=_SHIRT, hem=0.3, sleeve=4.35, offset_m=0.008),
    "sleeves_half": Cut(helper=_SHIRT, hem=0.4, neck=_WIDE, sleeve=2.0, offset_m=0.010),
    "tank": Cut(helper=_SHIRT, hem=0.5, neck=(5.75, 0.5), sleeve=-0.05, offset_m=0.008),
    "crop_top": Cut(helper=_SHIRT, hem=2.6, neck=(5.6, 0.55), sleeve=-0.1, offset_m=0.007),
    "bikini_top": Cut(helper=_SHIRT, hem=3.6, neck=(4.75, 0.0), sleeve=-0.2),
    "leggings": Cut(helper=_SHIRT, hem=-7.35, neck=(1.3, 0.0)),
    "trousers": Cut(helper=_SHIRT, hem=-7.6, neck=(1.3, 0.0), offset_m=0.013, flare=0.02),
    "capri": Cut(helper=_SHIRT, hem=-5.0, neck=(1.3, 0.0), offset_m=0.009),
    "shorts": Cut(helper=_SHIRT, hem=-2.6, neck=(1.3, 0.0), offset_m=0.013, flare=0.02),
    "short_shorts": Cut(helper=_SHIRT, hem=-0.9, neck=(1.1, 0.0), offset_m=0.009, flare=0.01),
    "briefs": Cut(helper=_SHIRT, hem=-0.3, neck=(0.9, 0.0)),
    "skirt_long": Cut(helper="helper-skirt", hem=-6.6, offset_m=0.003),
    "skirt": Cut(helper="helper-skirt", hem=-3.4, offset_m=0.003),
    "skirt_short": Cut(helper="helper-skirt", hem=-1.4, offset_m=0.003),
    "overall": Cut(helper=_SHIRT, hem=-7.35, neck=_CREW, sleeve=4.35, offset_m=0.010),
    "swimsuit": Cut(helper=_SHIRT, hem=-0.25, neck=(5.5, 0.5), sleeve=-0.1),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class CutMesh:
    """Mesh of a cut garment; each vertex is inside one triangle of the base mesh.

    Attributes:
        corners: (R, 3) int32 vertices of the base mesh.
        shares: (R, 3) float32 barycentric weights of the corners, sum 1.
        stand_off_m: (R,) float32 distance along the normal.
        triangles: (T, 3) int32.
        inner: (K,) int32 vertices of the base mesh inside the borders.
    """

    corners: IntArray
    shares: FloatArray
    stand_off_m: FloatArray
    triangles: IntArray
    inner: IntArray

    def interpolate(self, values: FloatArray) -> FloatArray:
        """Interpolates values (V, X) of the base mesh's vertices to (R, X)."""
        return np.einsum("rk,rkx->rx", self.shares, values[self.corners])


class _Clipper:
    """Clips triangles by one bound after the other; new vertices interpolate the base mesh's."""

    def __init__(self, bounds: FloatArray, triangles: IntArray) -> None:
        self.values = [bound.tolist() for bound in bounds]
        self.mixes: list[dict[int, float]] = [{v: 1.0} for v in range(bounds.shape[1])]
        self.triangles: list[list[int]] = triangles.tolist()
        for bound in range(len(bounds)):
            self._clip(bound)

    def _clip(self, bound: int) -> None:
        """Keeps the part where the value of the bound is positive."""
        made: dict[tuple[int, int], int] = {}
        value = self.values[bound]
        kept: list[list[int]] = []
        for triangle in self.triangles:
            inside = [value[v] > 0.0 for v in triangle]
            if all(inside):
                kept.append(triangle)
            elif any(inside):
                corners: list[int] = []
                for i in range(3):
                    a, b = triangle[i], triangle[(i + 1) % 3]
                    if inside[i]:
                        corners.append(a)
                    if inside[i] != inside[(i + 1) % 3]:
                        edge = (min(a, b), max(a, b))
                        if edge not in made:
                            made[edge] = self._between(*edge, bound)
                        corners.append(made[edge])
                kept += [[corners[0], *corners[i : i + 2]] for i in range(1, len(corners) - 1)]
        self.triangles = kept

    def _between(self, first: int, second: int, bound: int) -> int:
        """Adds a vertex where an edge crosses the bound."""
        start, end = self.values[bound][first], self.values[bound][second]
        t = start / (start - end)
        for value in self.values:
            value.append(value[first] + t * (value[second] - value[first]))
        mix = {v: (1.0 - t) * fraction for v, fraction in self.mixes[first].items()}
        for v, fraction in self.mixes[second].items():
            mix[v] = mix.get(v, 0.0) + t * fraction
        self.mixes.append(mix)
        return len(self.mixes) - 1


def cut_garment(assets: MakeHumanAssets, cut: Cut) -> CutMesh:
    """Cuts a garment out of its helper."""
    base = assets.base
    faces = base.faces[base.faces_in(cut.helper)]
    triangles = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
    points = base.positions.astype(np.float64)
    heads, _ = assets.rig.ends(points)
    joints = [heads[assets.rig.index[f"{b}.L"]] for b in ("upperarm01", "lowerarm01", "wrist")]
    bounds = _bounds(points, cut, *joints)
    clipper = _Clipper(bounds, triangles)
    used, inverse = np.unique(np.array(clipper.triangles), return_inverse=True)
    corners = np.zeros((len(used), 3), np.int32)
    shares = np.zeros((len(used), 3), np.float32)
    for row, vertex in enumerate(used.tolist()):
        mix = clipper.mixes[vertex]
        corners[row, : len(mix)] = list(mix)
        shares[row, : len(mix)] = list(mix.values())
    y = np.einsum("rk,rk->r", shares, points[corners, 1])
    lower = np.clip(1.0 - (y - cut.hem) / 2.5, 0.0, 1.0)
    inside = np.all(bounds > 0.0, axis=0) & np.isin(np.arange(len(points)), triangles)
    return CutMesh(
        corners=corners,
        shares=shares,
        stand_off_m=(cut.offset_m + cut.flare * lower).astype(np.float32),
        triangles=inverse.reshape(-1, 3).astype(np.int32),
        inner=np.flatnonzero(inside).astype(np.int32),
    )


def _bounds(points: FloatArray, cut: Cut, shoulder: FloatArray, elbow: FloatArray,
            wrist: FloatArray) -> FloatArray:  # fmt: skip
    """(3, V) values that are positive above the hem, below the neckline, within the sleeve.

    Args:
        points: (V, 3) vertices of the base mesh.
        cut: borders of the garment.
        shoulder: (3,) joint of the left arm.
        elbow: (3,) joint of the left arm.
        wrist: (3,) joint of the left arm.
    """
    x, y, z = points.T
    neck, slope = cut.neck
    left = points * np.where(x < 0, -1.0, 1.0)[:, None] ** np.array([1, 0, 0])
    upper, lower = elbow - shoulder, wrist - elbow
    length = float(np.linalg.norm(upper))
    along, away = _along(left, shoulder, upper)
    along_lower, away_lower = _along(left, elbow, lower)
    on_lower = away_lower < away
    along = np.where(on_lower & (along_lower > 0), length + along_lower, along)
    away = np.minimum(away, away_lower)
    if cut.sleeve < 0:  # straps: cut straight down next to the shoulder
        flank = np.minimum(5.0 * np.maximum(3.7 - y, 0.0), 4.0 * (away - 0.75))
        sleeve = 1.66 + cut.sleeve - np.abs(x) + np.maximum(flank, 0.0)
    else:
        sleeve = cut.sleeve - along + 5.0 * np.maximum(away - 0.95, 0.0)
    if cut.neck[0] < 2.0:  # trousers: hands hang next to the hips
        sleeve = np.ones_like(x)
    return np.stack([y - cut.hem, neck - slope * np.maximum(z, 0.0) - y, sleeve])


def _along(
    points: FloatArray, start: FloatArray, line: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Coordinate of points along a line, and their distance from the segment."""
    length = float(np.linalg.norm(line))
    rel = points - start
    along = rel @ (line / length)
    held = np.clip(along, 0.0, length)
    away = np.linalg.norm(rel - held[:, None] * (line / length), axis=1)
    return along, away


def hidden_skin(
    assets: MakeHumanAssets, mesh: CutMesh, nearest: IntArray, away: FloatArray, reach: float
) -> BoolArray:
    """(BODY_VERTICES,) whether each vertex of the skin is hidden by a cut garment.

    Args:
        assets: MakeHuman's data.
        mesh: the garment.
        nearest: nearest helper vertex of each skin vertex.
        away: distance to that vertex, decimetres.
        reach: maximum distance of hidden skin, decimetres.
    """
    within = np.zeros(len(assets.base.positions), bool)
    within[mesh.inner] = True
    return within[nearest] & (away < reach)
