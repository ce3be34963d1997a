"""Objects in hands (telephones, cups, balls, sticks, ...) and glasses.

Simple solids in the person's rest pose whose only bone is that of the hand or head.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rtmpose3d.structures import FloatArray, IntArray
from rtmpose3d.synth.body import SIDES, RiggedBody
from rtmpose3d.synth.outfit.fabric import linear_rgb, sample_colour
from rtmpose3d.synth.pose import hand_offset
from rtmpose3d.synth.scene import Material, Mesh

Solid = tuple[FloatArray, FloatArray, IntArray]
"""Positions, normals (V, 3) and triangles (T, 3)."""

# Objects by hand pose (`pose.hands.HANDS`), and the probability that the hand holds one.
_HELD: dict[str, tuple[tuple[str, ...], float]] = {
    "phone": (("phone",), 0.9),
    "cup": (("cup", "bottle", "bowl"), 0.8),
    "pen": (("pen",), 0.8),
    "hook": (("bag", "case"), 0.8),
    "grip": (("bottle", "stick", "cup", "handle"), 0.6),
    "wide_grip": (("ball", "book", "camera"), 0.6),
    "pinch": (("pen", "card"), 0.35),
    "half_fist": (("stick", "handle"), 0.08),
    "fist": (("stick", "long_stick"), 0.12),
}
_GLASSES_PROBABILITY = 0.17


def box(size: tuple[float, float, float]) -> Solid:
    """A box around the origin."""
    half = np.array(size) / 2.0
    positions, normals, triangles = [], [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            u, v = (axis + 1) % 3, (axis + 2) % 3
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                corner, normal = np.zeros(3), np.zeros(3)
                corner[axis], corner[u], corner[v] = sign * half[axis], a * half[u], b * half[v]
                normal[axis] = sign
                positions.append(corner)
                normals.append(normal)
            first = len(positions) - 4
            order = (0, 1, 2, 0, 2, 3) if sign > 0 else (0, 2, 1, 0, 3, 2)
            triangles += [[first + i for i in order[:3]], [first + i for i in order[3:]]]
    return np.array(positions), np.array(normals), np.array(triangles)


def revolve(profile: list[tuple[float, float]], axis: int, corners: int = 12) -> Solid:
    """A solid of revolution from (radius, height) points, bottom to top, about a main axis."""
    angle = np.linspace(0.0, 2 * np.pi, corners, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(corners)], axis=1)
    rows = np.array(profile)
    positions = rows[:, None, :1] * ring + rows[:, None, 1:] * np.array([0.0, 0.0, 1.0])
    slope = np.gradient(rows, axis=0)
    out = slope[:, None, 1:] * ring - slope[:, None, :1] * np.array([0.0, 0.0, 1.0])
    normals = out / np.maximum(np.linalg.norm(out, axis=2, keepdims=True), 1e-9)
    triangles = []
    for k in range(len(rows) - 1):
        for i in range(corners):
            a, b = k * corners + i, k * corners + (i + 1) % corners
            triangles += [[a, b, b + corners], [a, b + corners, a + corners]]
    shift = [(2 - axis + i) % 3 for i in range(3)]  # cyclic, so that the orientation is kept
    return positions.reshape(-1, 3)[:, shift], normals.reshape(-1, 3)[:, shift], np.array(triangles)


def _stick(radius: float, length: float, axis: int = 2) -> Solid:
    half = length / 2
    return revolve([(0.0, -half), (radius, -half), (radius, half), (0.0, half)], axis, 8)


def _translate(shape: Solid, shift: tuple[float, float, float]) -> Solid:
    return shape[0] + np.array(shift), shape[1], shape[2]


def _ball(radius: float) -> Solid:
    bow = np.linspace(-np.pi / 2, np.pi / 2, 9)
    return revolve([(radius * np.cos(b), radius * np.sin(b)) for b in bow], 1, 14)


def _cup(rng: np.random.Generator) -> Solid:
    r, h = rng.uniform(0.03, 0.042), rng.uniform(0.08, 0.14)
    wall = [(0.0, -h / 2), (r * 0.8, -h / 2), (r, h / 2), (r * 0.9, h / 2), (r * 0.7, -h / 2.2)]
    return revolve(wall, 2)


def _bottle(rng: np.random.Generator) -> Solid:
    r, h = rng.uniform(0.028, 0.04), rng.uniform(0.18, 0.28)
    wall = [
        (0.0, -h / 2),
        (r, -h / 2),
        (r, h * 0.15),
        (r * 0.35, h * 0.32),
        (r * 0.35, h / 2),
        (0, h / 2),
    ]
    return revolve(wall, 2)


# Solids in the hand's axes of the zero pose (x out of the back of the left hand, fingers to -y,
# thumb to z; origin in the palm), and the distance of their centre from the palm.
_OBJECTS: dict[str, tuple[Callable[[np.random.Generator], Solid], float]] = {
    "phone": (lambda rng: box((0.009, rng.uniform(0.13, 0.165), rng.uniform(0.065, 0.08))), 0.02),
    "cup": (_cup, 0.042),
    "bottle": (_bottle, 0.036),
    "bowl": (
        lambda rng: revolve([(0.0, -0.03), (0.04, -0.03), (0.075, 0.03), (0.06, 0.02)], 0),
        0.05,
    ),
    "pen": (lambda rng: _translate(_stick(0.0045, 0.14), (0.0, -0.045, 0.03)), 0.022),
    "bag": (
        lambda rng: _translate(box((0.10, rng.uniform(0.3, 0.45), 0.34)), (0.0, -0.33, 0.0)),
        0.03,
    ),
    "case": (lambda rng: _translate(box((0.10, 0.3, 0.42)), (0.0, -0.24, 0.0)), 0.03),
    "stick": (lambda rng: _translate(_stick(rng.uniform(0.01, 0.018), 0.6), (0, 0, 0.2)), 0.03),
    "long_stick": (lambda rng: _translate(_stick(0.014, 1.2), (0, 0, 0.3)), 0.03),
    "handle": (lambda rng: _stick(0.016, rng.uniform(0.12, 0.2)), 0.03),
    "ball": (lambda rng: _ball(rng.uniform(0.035, 0.12)), 0.0),
    "book": (lambda rng: box((0.025, 0.22, 0.16)), 0.03),
    "camera": (lambda rng: box((0.05, 0.08, 0.12)), 0.04),
    "card": (lambda rng: _translate(box((0.002, 0.09, 0.055)), (0, -0.06, 0.01)), 0.02),
}


def sample_held_object(
    rng: np.random.Generator, body: RiggedBody, side: str, hand: str, hangs: bool
) -> tuple[str, Mesh] | None:
    """Samples an object for a hand.

    Args:
        rng: source of all randomness.
        body: the body.
        side: "L" or "R".
        hand: hand pose, a name in `pose.hands.HANDS`.
        hangs: whether the fingers point down, so that bags can hang from them.

    Returns:
        Name and mesh of the object, or None.
    """
    names, probability = _HELD.get(hand, ((), 0.0))
    if not names or rng.random() > probability:
        return None
    name = str(rng.choice(names))
    if name in ("bag", "case") and not hangs:
        return None
    make, away = _OBJECTS[name]
    positions, normals, triangles = make(rng)
    if name == "ball":
        away = 0.01 + float(np.abs(positions).max())
    sign = SIDES[side]
    if sign < 0:  # the right hand mirrors the left one
        positions, normals = positions * (-1, 1, 1), normals * (-1, 1, 1)
        triangles = triangles[:, ::-1]
    palm = hand_offset(body, side, "palm")
    palm[0] = -sign * away
    bone = body.bone(f"wrist.{side}")
    rest_from_zero = body.zero[bone].T
    positions = body.heads[bone] + (positions + palm) @ rest_from_zero.T
    material = Material(
        shading="prop",
        tint_rgb=linear_rgb(sample_colour(rng)),
        roughness=float(rng.uniform(0.15, 0.9)),
        two_sided=name in ("cup", "bowl"),
    )
    return name, _rigid_mesh(positions, normals @ rest_from_zero.T, triangles, bone, material)


def sample_glasses(
    rng: np.random.Generator, body: RiggedBody, eyes: FloatArray, ears: FloatArray
) -> Mesh | None:
    """Samples glasses or sunglasses; None for most people.

    Args:
        rng: source of all randomness.
        body: the body.
        eyes: (2, 3) left and right eye at rest, metres.
        ears: (2, 3) left and right ear at rest, metres.
    """
    if rng.random() > _GLASSES_PROBABILITY:
        return None
    dark = rng.random() < 0.35
    width, height = rng.uniform(0.021, 0.029), rng.uniform(0.016, 0.026)
    thick = float(rng.uniform(0.0012, 0.003))
    power = float(rng.uniform(0.35, 1.0))  # 1 is round, less is more rectangular
    parts: list[Solid] = []
    front = eyes[:, 2].max() + 0.012
    for eye, ear, sign in zip(eyes, ears, (1.0, -1.0), strict=True):
        middle = np.array([eye[0] * 1.02, eye[1] - 0.002, front])
        angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        c, s = np.cos(angle), np.sin(angle)
        x, y = np.sign(c) * np.abs(c) ** power * width, np.sign(s) * np.abs(s) ** power * height
        rim = middle + np.stack([x, y, -0.15 * np.maximum(sign * x, 0.0)], axis=1)
        parts += [_bar(rim[i], rim[(i + 1) % 20], thick) for i in range(20)]
        corner = middle + np.array([sign * width, height * 0.4, -0.15 * width])
        hook = np.array([ear[0] + sign * 0.002, ear[1] + 0.02, ear[2] + 0.0])
        parts.append(_bar(corner, hook, thick))
        if dark:
            fan = np.stack([np.zeros(20, int), np.arange(1, 21), np.arange(1, 21) % 20 + 1], axis=1)
            glass = np.vstack([middle, rim])
            parts.append((glass, np.tile([0.0, 0.0, 1.0], (21, 1)), fan))
    inner = [
        np.array([eyes[i, 0] - s * width, eyes[i, 1], front]) for i, s in ((0, 1.0), (1, -1.0))
    ]
    parts.append(_bar(inner[0], inner[1], thick))
    positions, normals, triangles = _merge(parts)
    tint = (0.02, 0.02, 0.025) if dark or rng.random() < 0.5 else linear_rgb(sample_colour(rng))
    material = Material(shading="prop", tint_rgb=tint, roughness=0.2, two_sided=True)
    return _rigid_mesh(positions, normals, triangles, body.bone("head"), material)


def _bar(start: FloatArray, end: FloatArray, thick: float) -> Solid:
    """A thin square bar between two points."""
    line = end - start
    length = float(np.linalg.norm(line))
    along = line / max(length, 1e-9)
    up = np.array([0.0, 1.0, 0.0]) if abs(along[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    across = np.cross(along, up)
    across /= np.linalg.norm(across)
    frame = np.stack([along, across, np.cross(along, across)])
    positions, normals, triangles = box((length + thick, thick, thick))
    return positions @ frame + (start + end) / 2, normals @ frame, triangles


def _merge(parts: list[Solid]) -> Solid:
    shifts = np.cumsum([0] + [len(part[0]) for part in parts[:-1]])
    return (
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([part[2] + shift for part, shift in zip(parts, shifts, strict=True)]),
    )


def _rigid_mesh(
    positions: FloatArray, normals: FloatArray, triangles: IntArray, bone: int, material: Material
) -> Mesh:
    ids = np.zeros((len(positions), 4), np.uint8)
    ids[:, 0] = bone
    weights = np.zeros((len(positions), 4), np.float32)
    weights[:, 0] = 1.0
    return Mesh(
        positions=positions.astype(np.float32),
        normals=normals.astype(np.float32),
        uv=np.zeros((len(positions), 2), np.float32),
        triangles=triangles.astype(np.uint32),
        bone_ids=ids,
        bone_weights=weights,
        material=material,
    )
