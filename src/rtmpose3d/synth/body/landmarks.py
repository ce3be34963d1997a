"""Landmarks on the skin that hands touch: chin, hips, knees, ..., located once on the base mesh.

Each is a vertex near a point of the unmorphed mesh that faces a given direction, and so follows
every shape and pose. Names without a side are on the midline; the others exist as "knee.L" and
"knee.R".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.structures import FloatArray, IntArray
from rtmpose3d.synth.assets import BODY_VERTICES, MakeHumanAssets, vertex_normals
from rtmpose3d.synth.body.rigged_body import RiggedBody, skin_vertices

# Viewing direction (front, back, out = from the own side, top) and two coordinates on the base
# mesh (decimetres): (x, y) for front and back, (y, z) for out, (x, z) for top.
_MIDLINE: dict[str, tuple[str, float, float]] = {
    "chin": ("front", 0.0, 6.55),
    "mouth": ("front", 0.0, 6.85),
    "nose": ("front", 0.0, 7.2),
    "forehead": ("front", 0.0, 8.0),
    "throat": ("front", 0.0, 6.1),
    "breastbone": ("front", 0.0, 4.7),
    "belly": ("front", 0.0, 2.4),
    "navel": ("front", 0.0, 1.4),
    "nape": ("back", 0.0, 6.3),
    "small_of_back": ("back", 0.0, 1.9),
}
_SIDED: dict[str, tuple[str, float, float]] = {
    "jaw": ("front", 0.45, 6.75),
    "cheek": ("front", 0.5, 7.05),
    "eye": ("front", 0.33, 7.45),
    "brow": ("front", 0.45, 7.8),
    "temple": ("out", 7.6, 0.75),
    "ear": ("out", 7.25, 0.25),
    "crown": ("top", 0.3, 0.2),
    "back_of_head": ("back", 0.3, 7.5),
    "neck": ("back", 0.35, 6.2),
    "shoulder": ("top", 1.55, 0.1),
    "chest": ("front", 0.75, 4.9),
    "ribs": ("out", 3.2, 0.2),
    "waist": ("out", 2.0, 0.2),
    "hip": ("out", 1.25, 0.2),
    "pocket": ("out", 0.3, 0.35),
    "buttock": ("back", 0.75, 0.2),
    "kidney": ("back", 0.6, 1.9),
    "thigh": ("front", 1.2, -1.4),
    "knee": ("front", 1.56, -3.55),
    "shin": ("front", 1.85, -5.4),
    "calf": ("back", 1.85, -5.2),
    "ankle": ("front", 2.2, -7.3),
    "foot": ("top", 2.2, 0.7),
}
_TRUNK = ("out", "front", "back")


@dataclass(frozen=True, kw_only=True, eq=False)
class Landmarks:
    """Vertices of the base mesh, by name.

    Attributes:
        vertices: name to vertex.
        normals: name to (3,) outward normal at rest on the unmorphed mesh.
    """

    vertices: dict[str, int]
    normals: dict[str, FloatArray]

    def at(
        self, body: RiggedBody, matrices: FloatArray, name: str
    ) -> tuple[FloatArray, FloatArray]:
        """Position (3,) and outward normal (3,) of a landmark on a posed body.

        Args:
            body: the body.
            matrices: (B, 3, 4) bone matrices.
            name: name of the landmark.
        """
        vertex = self.vertices[name]
        point = skin_vertices(body, matrices, np.array([vertex]))[0]
        bone = body.rig.bone_ids[vertex, 0]
        return point, matrices[bone, :, :3] @ self.normals[name]


def find_landmarks(assets: MakeHumanAssets) -> Landmarks:
    """Locates all landmarks on the base mesh."""
    positions = assets.base.positions.astype(np.float64)[:BODY_VERTICES]
    body_faces = assets.base.faces[assets.base.faces_in("body")]
    triangles = np.concatenate([body_faces[:, [0, 1, 2]], body_faces[:, [0, 2, 3]]])
    normals = vertex_normals(positions, triangles)
    arm_bones = [
        i
        for i, name in enumerate(assets.rig.names)
        if name.startswith(("upperarm", "lowerarm", "wrist", "finger", "metacarpal"))
    ]
    weight = np.where(
        np.isin(assets.rig.bone_ids[:BODY_VERTICES], arm_bones),
        assets.rig.bone_weights[:BODY_VERTICES],
        0.0,
    ).sum(axis=1)
    trunk = np.flatnonzero(weight < 0.5)
    vertices: dict[str, int] = {}
    for name, spec in _MIDLINE.items():
        vertices[name] = _find(positions, trunk, normals, spec, 1.0)
    for name, spec in _SIDED.items():
        for side, sign in (("L", 1.0), ("R", -1.0)):
            vertices[f"{name}.{side}"] = _find(positions, trunk, normals, spec, sign)
    arm = np.flatnonzero(weight >= 0.5)
    for side, sign in (("L", 1.0), ("R", -1.0)):
        vertices[f"biceps.{side}"] = _find_near(positions, arm, (sign * 2.9, 4.1, 0.3))
        vertices[f"elbow.{side}"] = _find_near(positions, arm, (sign * 3.15, 3.4, -0.4))
        vertices[f"forearm.{side}"] = _find_near(positions, arm, (sign * 4.0, 3.1, 1.1))
    return Landmarks(
        vertices=vertices,
        normals={name: normals[vertex].astype(np.float64) for name, vertex in vertices.items()},
    )


def _find(
    positions: FloatArray,
    among: IntArray,
    normals: FloatArray,
    spec: tuple[str, float, float],
    sign: float,
) -> int:
    """The vertex nearest to the given coordinates among those facing the viewing direction."""
    view, first, second = spec
    points = positions[among] * (sign, 1.0, 1.0)
    facing = normals[among] * (sign, 1.0, 1.0)
    across, toward = {
        "front": (points[:, [0, 1]], facing[:, 2]),
        "back": (points[:, [0, 1]], -facing[:, 2]),
        "out": (points[:, [1, 2]], facing[:, 0]),
        "top": (points[:, [0, 2]], facing[:, 1]),
    }[view]
    height = points[:, 1] if view == "top" else np.zeros(len(points))
    distance = np.hypot(across[:, 0] - first, across[:, 1] - second) - 0.02 * height
    side = points[:, 0] > -1e-6 if view == "out" else np.full(len(points), True)
    allowed = (toward > 0.35) & side
    return int(among[np.argmin(np.where(allowed, distance, np.inf))])


def _find_near(positions: FloatArray, among: IntArray, point: tuple[float, float, float]) -> int:
    away = positions[among] - point
    return int(among[np.argmin(np.einsum("vi,vi->v", away, away))])
