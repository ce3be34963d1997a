"""A person of capsules and balls around the mannequin's keypoints: tests need no assets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.synth import Material, Mesh, Person, WorldSettings
from rtmpose3d.viz import standing_person

_LIMBS = {  # bone -> keypoint at its head, keypoints that it moves, part that it moves
    1: ("left_shoulder", ["left_elbow", "left_wrist"], "left_hand"),
    2: ("right_shoulder", ["right_elbow", "right_wrist"], "right_hand"),
    3: ("left_hip", ["left_knee", "left_ankle", "left_big_toe", "left_small_toe", "left_heel"], ""),
    4: (
        "right_hip",
        ["right_knee", "right_ankle", "right_big_toe", "right_small_toe", "right_heel"],
        "",
    ),
}
_RADIUS_M = {"body": 0.055, "feet": 0.03, "face": 0.006, "left_hand": 0.009, "right_hand": 0.009}


def standin_person(
    rng: np.random.Generator,
    *,
    position: tuple[float, float, float] = (0.0, 0.0, 0.0),
    identity: int = 0,
    textured: bool = True,
) -> Person:
    """A stand-in with random limbs; its position is x and y in metres and a heading in degrees."""
    rest = standing_person()
    keypoint_bones = _keypoint_bones()
    matrices = np.zeros((5, 3, 4))
    world = _rotation_z(np.deg2rad(position[2]))
    shift = np.array([position[0], position[1], 0.0])
    matrices[0] = np.column_stack([world, shift])
    for bone, (pivot_name, _, _) in _LIMBS.items():
        pivot = rest[WHOLEBODY.index(pivot_name)]
        rotation = _rotation_x(rng.uniform(-0.9, 0.4)) @ _rotation_y(rng.uniform(-0.3, 0.3))
        matrices[bone] = np.column_stack(
            [world @ rotation, world @ (pivot - rotation @ pivot) + shift]
        )
    points = (
        np.einsum("kij,kj->ki", matrices[keypoint_bones, :, :3], rest)
        + matrices[keypoint_bones, :, 3]
    )
    radii = np.array([_RADIUS_M[part] for part in WHOLEBODY.part_of_keypoint])
    return Person(
        meshes=_meshes(rest, keypoint_bones, rng, textured),
        bone_matrices=matrices.astype(np.float32),
        keypoints_world=points,
        keypoint_radius_m=radii * 1.6,
        identity=identity,
        stature_m=1.75,
        attributes={"name": f"stand-in {identity}"},
    )


class StandIns:
    """A source of people: stand-ins that do not touch."""

    def select_block(self, block: int) -> None:
        """Does nothing: all blocks look the same."""

    def people(self, rng: np.random.Generator, count: int) -> tuple[Person, ...]:
        """Stand-ins at random positions."""
        spread = 0.5 * count
        return tuple(
            standin_person(
                rng,
                position=(
                    rng.uniform(-spread, spread),
                    rng.uniform(-spread, spread),
                    rng.uniform(-180, 180),
                ),
                identity=i,
            )
            for i in range(count)
        )

    def clip(
        self, rng: np.random.Generator, count: int, times_s: tuple[float, ...]
    ) -> Iterator[tuple[Person, ...]]:
        """Stand-ins that glide along x at 0.5 m/s."""
        people = self.people(rng, count)
        for time in times_s:
            yield tuple(_shifted(person, 0.5 * time) for person in people)


def standins(settings: WorldSettings) -> StandIns:
    """A source for `WorldSettings.make_people`; worker processes import it by name."""
    return StandIns()


def _shifted(person: Person, x_m: float) -> Person:
    matrices = person.bone_matrices.copy()
    matrices[:, 0, 3] += x_m
    points = person.keypoints_world + np.array([x_m, 0.0, 0.0])
    return replace(person, bone_matrices=matrices, keypoints_world=points)


def _keypoint_bones() -> np.ndarray:
    keypoint_bones = np.zeros(133, np.int64)
    for bone, (_, names, part) in _LIMBS.items():
        keypoint_bones[[WHOLEBODY.index(name) for name in names]] = bone
        if part:
            keypoint_bones[WHOLEBODY.parts[part]] = bone
    return keypoint_bones


def _meshes(
    rest: np.ndarray, keypoint_bones: np.ndarray, rng: np.random.Generator, textured: bool
) -> tuple[Mesh, ...]:
    pieces = {"skin": [], "cloth": []}
    for (a, b), part in zip(WHOLEBODY.bones, WHOLEBODY.bone_part, strict=True):
        if part == "body" and min(a, b) < 5:
            continue  # they would hide the face
        kind = "cloth" if part == "body" else "skin"
        bone = max(keypoint_bones[a], keypoint_bones[b])
        pieces[kind].append((_tube(rest[a], rest[b], _RADIUS_M[part]), bone))
    pieces["skin"].append((_ball(np.array([0.0, -0.005, 1.6]), (0.078, 0.075, 0.11)), 0))
    neck = rest[[5, 6]].mean(axis=0)
    pieces["skin"].append((_tube(neck, neck + np.array([0, 0.01, 0.12]), 0.045), 0))
    pieces["cloth"].append((_ball(np.array([0.0, 0.0, 1.2]), (0.17, 0.10, 0.27)), 0))
    texture = rng.integers(90, 255, (32, 32, 4)).astype(np.uint8)
    texture[..., 3] = 255
    return tuple(
        _joined(parts, Material(shading=kind, texture=texture if textured else None, tint_rgb=tint))
        for (kind, parts), tint in zip(
            pieces.items(), [(0.8, 0.55, 0.45), (0.2, 0.3, 0.7)], strict=True
        )
    )


def _joined(pieces: list, material: Material) -> Mesh:
    positions, normals, triangles, bones, count = [], [], [], [], 0
    for (p, n, t), bone in pieces:
        positions.append(p)
        normals.append(n)
        triangles.append(t + count)
        bones.append(np.full(len(p), bone))
        count += len(p)
    points = np.concatenate(positions).astype(np.float32)
    ids = np.zeros((count, 4), np.uint8)
    ids[:, 0] = np.concatenate(bones)
    weights = np.zeros((count, 4), np.float32)
    weights[:, 0] = 1
    return Mesh(
        positions=points,
        normals=np.concatenate(normals).astype(np.float32),
        uv=(points[:, [0, 2]] * 3).astype(np.float32),
        triangles=np.concatenate(triangles).astype(np.uint32),
        bone_ids=ids,
        bone_weights=weights,
        material=material,
    )


def _ball(middle: np.ndarray, radii: tuple[float, float, float]) -> tuple:
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 17), np.linspace(0, np.pi, 9))
    n = np.stack([np.cos(u) * np.sin(v), np.sin(u) * np.sin(v), np.cos(v)], axis=-1)
    return (middle + n * radii).reshape(-1, 3), n.reshape(-1, 3), _quads(9, 17)


def _tube(a: np.ndarray, b: np.ndarray, radius: float) -> tuple:
    along = b - a
    length = max(np.linalg.norm(along), 1e-6)
    along = along / length
    side = np.cross(along, [0.3, 0.9, 0.2])
    side /= np.linalg.norm(side)
    up = np.cross(along, side)
    angle = np.linspace(0, 2 * np.pi, 9)
    ring = np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * up
    rows, normals = [], []
    steps = [(-radius, 0.05), (-0.7 * radius, 0.7), (0, 1.0), (length, 1.0)]
    for shift, wide in [*steps, (length + 0.7 * radius, 0.7), (length + radius, 0.05)]:
        rows.append(a + along * shift + ring * (radius * wide))
        tip = along * (-1 if shift < 0 else 1 if shift > length else 0)
        normals.append(ring * wide + tip * (1 - wide))
    n = np.concatenate(normals)
    quads = _quads(6, 9)[:, ::-1]
    return np.concatenate(rows), n / np.linalg.norm(n, axis=1, keepdims=True), quads


def _quads(rows: int, columns: int) -> np.ndarray:
    """Triangles of a grid of points, counter-clockwise from outside for `_ball`."""
    i = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    a, b, c, d = i, i + 1, i + columns, i + columns + 1
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])


def _rotation_x(t: float) -> np.ndarray:
    c, s = np.cos(t), np.sin(t)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _rotation_y(t: float) -> np.ndarray:
    c, s = np.cos(t), np.sin(t)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _rotation_z(t: float) -> np.ndarray:
    c, s = np.cos(t), np.sin(t)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
