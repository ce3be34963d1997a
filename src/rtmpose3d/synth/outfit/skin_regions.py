"""Surfaces of the skin (head, hands, body, insides of mouth and eye sockets) and masks on them.

MakeHuman's own UV gives the face few texels, so the head is mapped to a cylinder around the neck's
axis, wide in front, and the hands get an enlarged part of MakeHuman's UV. The masks mark lips,
lids, beard, scalp and nails, and how hollow the skin is (creases are darker).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from rtmpose3d.structures import BoolArray, FloatArray, IntArray
from rtmpose3d.synth.assets import (
    KeypointAnchors,
    MakeHumanAssets,
    Surface,
    build_surface,
    connected_parts,
    vertex_normals,
)

HEAD_WH, BODY_WH, HANDS_WH = (512, 512), (512, 512), (512, 256)  # texels
_HANDS_UV = (0.355, 0.005, 0.415, 0.2)  # left, bottom, width, height of both hands in the UV
_HEAD_AXIS_Z, _HEAD_BOTTOM, _HEAD_HEIGHT = 0.3, 5.9, 2.7  # decimetres of the base mesh
_FRONT_POWER = 0.72  # below 1: the face gets more texels than the back of the head
_ISLANDS: dict[str, tuple[tuple[float, float], ...]] = {  # a point inside each, MakeHuman's UV
    "head": ((0.85, 0.5),),
    "mouth": ((0.84, 0.08),),
    "body": ((0.38, 0.6),),
    "socket": ((0.043, 0.59), (0.12, 0.59)),
    "hand": ((0.45, 0.12), (0.67, 0.12)),
    "foot": ((0.1, 0.1), (0.28, 0.1)),
}
_FACE, _LEFT_HAND = 23, 91  # first keypoints


@dataclass(frozen=True, kw_only=True, eq=False)
class SkinRegions:
    """Surfaces of the skin and masks on their textures.

    Attributes:
        head, body, hands, inside: surfaces with UV of their own; `inside` is dark (mouth, sockets).
        crease: (H, W) float32 per texture, 1 for plain skin, less in hollows.
        face: name to (H, W) float32 mask, 0 to 1, on the head's texture: lips, lids, liner,
            cheeks, nose, beard, moustache, scalp.
        nails, palms: (H, W) masks on the hands' texture.
    """

    head: Surface
    body: Surface
    hands: Surface
    inside: Surface
    crease: dict[str, FloatArray]
    face: dict[str, FloatArray]
    nails: FloatArray
    palms: FloatArray


def build_regions(assets: MakeHumanAssets, keypoints: KeypointAnchors) -> SkinRegions:
    """Divides the skin into surfaces and builds the masks."""
    base = assets.base
    island = _islands(assets)
    positions = base.positions.astype(np.float64)
    head_uv = _head_uv(positions, base.faces)
    hands_uv = base.uv[np.maximum(base.face_uv, 0)]
    hands_uv = (hands_uv - _HANDS_UV[:2]) / np.array(_HANDS_UV[2:], np.float32)
    head = build_surface(base, island["head"], head_uv)
    body = build_surface(base, island["body"] | island["foot"])
    hands = build_surface(base, island["hand"], hands_uv.astype(np.float32))
    inside = build_surface(base, island["mouth"] | island["socket"])
    normals, hollow = _hollowness(assets)
    crease = {
        name: 1.0 - 0.42 * paint_vertices(surface, hollow, size)
        for name, surface, size in (
            ("head", head, HEAD_WH),
            ("body", body, BODY_WH),
            ("hands", hands, HANDS_WH),
        )
    }
    nails, palms = _hand_masks(hands, positions, normals, keypoints)
    return SkinRegions(
        head=head,
        body=body,
        hands=hands,
        inside=replace(inside, uv=np.full_like(inside.uv, 0.5)),
        crease=crease,
        face=_face_masks(positions, keypoints),
        nails=nails,
        palms=palms,
    )


def _islands(assets: MakeHumanAssets) -> dict[str, BoolArray]:
    """Mask of the faces of each island of MakeHuman's UV."""
    base = assets.base
    rows = np.flatnonzero(base.faces_in("body"))
    flat = replace(
        base, positions=np.zeros((len(base.uv), 3), np.float32), faces=base.face_uv[rows]
    )
    label = connected_parts(flat)
    middle = base.uv[base.face_uv[rows]].mean(axis=1)
    found: dict[str, BoolArray] = {}
    for name, points in _ISLANDS.items():
        nearest = [int(np.argmin(np.hypot(*(middle - point).T))) for point in points]
        found[name] = np.zeros(len(base.faces), bool)
        found[name][rows[np.isin(label, label[nearest])]] = True
    return found


def _head_point(positions: FloatArray, behind: FloatArray | None = None) -> FloatArray:
    """Maps points (..., 3) of the unmorphed mesh to UV (..., 2) of the head's texture."""
    x, y, z = positions[..., 0], positions[..., 1], positions[..., 2] - _HEAD_AXIS_Z
    angle = np.arctan2(x, z)
    if behind is not None:  # the seam: keep the corners of a face on one side
        angle = np.where((np.abs(angle) > 2.6) & (angle * behind < 0), -angle, angle)
    u = 0.5 + 0.5 * np.sign(angle) * np.abs(angle / np.pi) ** _FRONT_POWER
    return np.stack([np.clip(u, 0, 1), (y - _HEAD_BOTTOM) / _HEAD_HEIGHT], axis=-1)


def _head_uv(positions: FloatArray, faces: IntArray) -> FloatArray:
    corners = positions[np.maximum(faces, 0)]
    middle = np.where(corners[..., 0].mean(axis=1) >= 0, 1.0, -1.0)
    return _head_point(corners, middle[:, None]).astype(np.float32)


def _hollowness(assets: MakeHumanAssets) -> tuple[FloatArray, FloatArray]:
    """Normals of all vertices, and hollowness from 0 (flat, convex) to 1 (a deep crease)."""
    positions = assets.base.positions.astype(np.float64)
    faces = assets.base.faces[assets.base.faces_in("body")]
    triangles = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
    normals = vertex_normals(positions, triangles).astype(np.float64)
    edges = np.concatenate([faces[:, [i, (i + 1) % 4]] for i in range(4)])
    edges = np.concatenate([edges, edges[:, ::-1]])
    step = positions[edges[:, 1]] - positions[edges[:, 0]]
    length = np.linalg.norm(step, axis=1)
    rise = np.einsum("ei,ei->e", step, normals[edges[:, 0]]) / np.maximum(length, 1e-9)
    count = np.maximum(np.bincount(edges[:, 0], minlength=len(positions)), 1)
    bend = np.bincount(edges[:, 0], rise, minlength=len(positions)) / count
    wide = bend
    for _ in range(4):
        wide = np.bincount(edges[:, 0], wide[edges[:, 1]], minlength=len(positions)) / count
    return normals, np.clip(2.2 * bend + 3.5 * wide, 0.0, 1.0)


def paint_vertices(surface: Surface, values: FloatArray, size_wh: tuple[int, int]) -> FloatArray:
    """Interpolates values of vertices over a texture.

    Args:
        surface: surface with UV.
        values: (V,) values of the base mesh's vertices.
        size_wh: width and height of the texture.

    Returns:
        (H, W) float32; texels not covered by a triangle take the mean of their neighbours.
    """
    w, h = size_wh
    steps = np.array([(i, j) for i in range(13) for j in range(13 - i)], np.float64) / 12.0
    shares = np.column_stack([steps, 1.0 - steps.sum(axis=1)]).astype(np.float32)
    uv = np.einsum("sc,tcx->tsx", shares, surface.uv[surface.triangles])
    own = np.einsum("sc,tc->ts", shares, values[surface.vertex_triangles].astype(np.float32))
    column = np.clip((uv[..., 0] * w).astype(np.int64), 0, w - 1)
    row = np.clip(((1.0 - uv[..., 1]) * h).astype(np.int64), 0, h - 1)
    flat = (row * w + column).reshape(-1)
    count = np.bincount(flat, minlength=w * h).reshape(h, w)
    total = np.bincount(flat, own.reshape(-1), minlength=w * h).reshape(h, w)
    return fill_holes(total, count)


def fill_holes(total: FloatArray | IntArray, count: IntArray) -> FloatArray:
    """Total / count where there is a count, elsewhere means over growing neighbourhoods."""
    image = np.where(count > 0, total / np.maximum(count, 1), 0.0).astype(np.float32)
    known = (count > 0).astype(np.float32)
    for radius in (3, 9, 31, 101):
        weight = cv2.blur(known, (radius, radius))
        mean = cv2.blur(image * known, (radius, radius)) / np.maximum(weight, 1e-6)
        missing = (known == 0) & (weight > 1e-6)
        image[missing] = mean[missing]
        known[missing] = 1.0
    return image


def _face_masks(positions: FloatArray, keypoints: KeypointAnchors) -> dict[str, FloatArray]:
    """Masks on the head's texture, drawn from the keypoints of the face."""
    w, h = HEAD_WH
    at = np.array([positions[list(ids)].mean(axis=0) for ids in keypoints.vertices[:91]])
    uv = _head_point(at)
    texel = np.stack([uv[:, 0] * w, (1.0 - uv[:, 1]) * h], axis=1)
    face = texel[_FACE:]

    def filled(points: FloatArray, blur: float) -> FloatArray:
        mask = np.zeros((h, w), np.float32)
        cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1.0, cv2.LINE_8, 4)
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), blur), np.float32)

    def spot(point: FloatArray, radius: tuple[float, float]) -> FloatArray:
        yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
        away = ((xx - point[0]) / radius[0]) ** 2 + ((yy - point[1]) / radius[1]) ** 2
        return np.exp(-away).astype(np.float32)

    def lids(first: int, scale: float) -> FloatArray:
        eye = face[first : first + 6]
        return filled(eye.mean(axis=0) + scale * (eye - eye.mean(axis=0)), 2.0)

    jaw = face[0:17]
    mouth = face[48:60]
    middle = mouth.mean(axis=0)
    nose_base = face[33]
    beard = filled(np.concatenate([jaw, [face[16] * 0.35 + nose_base * 0.65, nose_base,
                                         face[0] * 0.35 + nose_base * 0.65]]), 7.0)  # fmt: skip
    below_jaw = filled(np.concatenate([jaw, jaw[::-1] + np.array([0, 45])]), 9.0)
    moustache = spot(0.5 * (nose_base + face[51]) + (0, 2), (26.0, 7.0))
    cheeks = sum(spot(0.55 * face[i] + 0.45 * middle + (0, -22), (24.0, 20.0)) for i in (3, 13))
    rows = np.linspace(1.0, 0.0, h, dtype=np.float32)[:, None]
    columns = np.linspace(0.0, 1.0, w, dtype=np.float32)[None, :]
    front = np.clip(1.0 - np.abs(columns - 0.5) / 0.3, 0.0, 1.0)
    hairline = 0.83 - 0.40 * (1.0 - front) ** 2.6
    return {
        "lips": filled(middle + 1.04 * (mouth - middle), 1.3),
        "lids": np.maximum(lids(36, 1.9), lids(42, 1.9)),
        "liner": np.clip(np.maximum(lids(36, 1.25), lids(42, 1.25)), 0, 1),
        "cheeks": np.clip(cheeks, 0.0, 1.0),
        "nose": spot(face[30] + (0, 4), (16.0, 15.0)),
        "beard": np.clip(np.maximum(beard * 0.95, below_jaw * 0.7), 0, 1),
        "moustache": np.clip(moustache * 1.2, 0.0, 1.0),
        "scalp": np.clip((rows - hairline) / 0.06, 0.0, 1.0) * np.ones((h, w), np.float32),
    }


def _hand_masks(
    hands: Surface, positions: FloatArray, normals: FloatArray, keypoints: KeypointAnchors
) -> tuple[FloatArray, FloatArray]:
    """Masks of nails (back of the fingertips) and palms."""
    nail = np.zeros(len(positions))
    palm = np.zeros(len(positions))
    ids = np.unique(hands.source)
    for first in (_LEFT_HAND, _LEFT_HAND + 21):
        at = np.array([positions[list(k)].mean(axis=0) for k in keypoints.vertices[first:][:21]])
        back = np.cross(at[5] - at[0], at[17] - at[0])
        back /= np.linalg.norm(back)
        bulge = at[6] + at[10] + at[14] - 0.5 * (at[5] + at[8] + at[9] + at[12] + at[13] + at[16])
        back *= np.sign(back @ bulge)  # the middle joints of resting fingers stand out backwards
        own = ids[np.sign(positions[ids, 0]) == np.sign(at[0, 0])]
        palm[own] = np.clip(0.5 - 0.8 * normals[own] @ back, 0.0, 1.0)
        for tip in (4, 8, 12, 16, 20):
            bone = at[tip] - at[tip - 1]
            length = np.linalg.norm(bone)
            up = at[tip - 1] - 0.5 * (at[tip - 2] + at[tip]) if tip > 4 else back - bone / length
            up = up - bone * (up @ bone) / length**2
            up /= np.linalg.norm(up)
            centre = at[tip] - 0.2 * bone + 0.25 * length * up
            away = np.linalg.norm(positions[own] - centre, axis=1) / length
            spot = np.clip(2.4 - 6.0 * away, 0, 1) * (normals[own] @ up > 0.3)
            nail[own] = np.maximum(nail[own], spot)
    return paint_vertices(hands, nail, HANDS_WH), paint_vertices(hands, palm, HANDS_WH)
