"""Props: objects from files, textured primitives, walls, seats and floors.

`PropKit` caches the meshes it makes, so that the renderer uploads them once: mesh k of a type is
always the same for the same seed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from rtmpose3d.structures.arrays import FloatArray, UInt8Array
from rtmpose3d.synth.scene.backdrops import Backdrops, colour_noise, cut_texture
from rtmpose3d.synth.scene.glb import read_glb, rigid_mesh
from rtmpose3d.synth.scene.types import Material, Mesh, Prop

_TEXTURES, _SHAPES, _FLOORS = 48, 120, 24  # distinct ones of each type
Primitive = tuple[FloatArray, FloatArray, FloatArray, np.ndarray]
"""Positions (V, 3), normals (V, 3), UV (V, 2) and triangles (T, 3)."""


class PropKit:
    """Factory of props from the files of a split.

    Args:
        backdrops: photographs to cut textures from, and objects.
        seed: decides the appearance of mesh k of each type.
    """

    def __init__(self, backdrops: Backdrops, seed: int) -> None:
        self._backdrops = backdrops
        self._seed = seed
        self._texture = lru_cache(maxsize=None)(self._make_texture)
        self._shape = lru_cache(maxsize=None)(self._make_shape)
        self._floor = lru_cache(maxsize=None)(self._make_floor)
        self._object = lru_cache(maxsize=None)(self._read_object)

    def object_at(self, rng: np.random.Generator, position_xy: FloatArray) -> tuple[Prop, ...]:
        """An object from a file, standing on the ground; a primitive if there are no files."""
        if not self._backdrops.objects or rng.random() < 0.3:
            return (self.shape_at(rng, np.array([*position_xy, -1.0]), standing=True),)
        meshes = self._object(int(rng.integers(len(self._backdrops.objects))))
        matrix = _yaw_matrix(rng.uniform(0, 2 * np.pi), rng.uniform(0.85, 1.15))
        matrix[:2, 3] = position_xy
        if rng.random() < 0.08:  # fallen over
            matrix = matrix @ np.vstack([_tilt_matrix(np.pi / 2), [0, 0, 0, 1]])
            matrix[2, 3] += 0.25
        return tuple(Prop(mesh=mesh, world_from_rest=matrix[:3]) for mesh in meshes)

    def shape_at(
        self,
        rng: np.random.Generator,
        position: FloatArray,
        *,
        standing: bool = False,
        size_m: FloatArray | None = None,
    ) -> Prop:
        """A textured box, ball, cylinder or capsule.

        Args:
            rng: source of all randomness.
            position: (3,) its centre; the height is ignored if `standing`.
            standing: whether it is upright on the ground.
            size_m: (3,) its sides; None for random ones.
        """
        mesh = self._shape(int(rng.integers(_SHAPES)))
        if size_m is None:
            size_m = np.exp(rng.uniform(np.log(0.06), np.log(0.7), 3))
            if rng.random() < 0.3:  # a pole or a limb
                size_m = size_m * (0.4, 0.4, 2.2)
        matrix = _yaw_matrix(rng.uniform(0, 2 * np.pi), 1.0)
        if not standing:
            matrix = matrix @ np.vstack([_tilt_matrix(rng.uniform(-1.5, 1.5)), [0, 0, 0, 1]])
        matrix[:3, :3] = matrix[:3, :3] * size_m
        matrix[:3, 3] = position
        if standing:
            matrix[2, 3] = size_m[2] / 2
        return Prop(mesh=mesh, world_from_rest=matrix[:3])

    def wall(
        self, rng: np.random.Generator, middle_xy: FloatArray, facing_rad: float
    ) -> tuple[Prop, ...]:
        """A wall, sometimes with a framed photograph."""
        height, width = rng.uniform(2.2, 4.0), rng.uniform(4, 12)
        forward = np.array([np.cos(facing_rad), np.sin(facing_rad), 0.0])
        position = np.array([*middle_xy, height / 2])
        wall = self.box_at(rng, position, np.array([width, 0.1, height]), facing_rad)
        if rng.random() < 0.5:
            return (wall,)
        size = np.array([rng.uniform(0.4, 1.8), 0.04, rng.uniform(0.4, 1.4)])
        aside = np.array([-forward[1], forward[0], 0.0]) * rng.uniform(-1.5, 1.5)
        position[2] = rng.uniform(1.0, 1.8)
        return wall, self.box_at(rng, position + 0.08 * forward + aside, size, facing_rad)

    def seat(
        self, rng: np.random.Generator, top: FloatArray, facing_rad: float
    ) -> tuple[Prop, ...]:
        """A seat: a box or a stool, sometimes with a back.

        Args:
            rng: source of all randomness.
            top: (3,) centre of its upper side.
            facing_rad: direction in which the sitter faces, about the vertical from x.
        """
        width, depth = rng.uniform(0.34, 0.6), rng.uniform(0.34, 0.46)
        thick = float(top[2]) if rng.random() < 0.6 else rng.uniform(0.04, 0.12)
        middle = np.array([top[0], top[1], top[2] - thick / 2])
        parts = [self.box_at(rng, middle, np.array([width, depth, thick]), facing_rad)]
        forward = np.array([np.cos(facing_rad), np.sin(facing_rad), 0.0])
        aside = np.array([-forward[1], forward[0], 0.0])
        if thick < top[2]:
            for x, y in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
                foot = top + aside * (x * 0.43 * width) + forward * (y * 0.43 * depth)
                foot = np.array([foot[0], foot[1], (top[2] - thick) / 2])
                size = np.array([0.04, 0.04, top[2] - thick])
                parts.append(self.box_at(rng, foot, size, facing_rad))
        if rng.random() < 0.4:
            tall = rng.uniform(0.25, 0.6)
            back = top - forward * (depth / 2 + 0.03) + np.array([0.0, 0.0, tall / 2])
            parts.append(self.box_at(rng, back, np.array([width, 0.05, tall]), facing_rad))
        look = parts[0].mesh
        return tuple(Prop(mesh=look, world_from_rest=part.world_from_rest) for part in parts)

    def box_at(
        self, rng: np.random.Generator, middle: FloatArray, size_m: FloatArray, facing_rad: float
    ) -> Prop:
        """A box of width, depth and height in metres; the depth is along the facing direction."""
        matrix = _yaw_matrix(facing_rad - np.pi / 2, 1.0)
        matrix[:3, :3] = matrix[:3, :3] * size_m
        matrix[:3, 3] = middle
        boxes = range(0, _SHAPES, 4)
        number = boxes[int(rng.integers(len(boxes)))]
        return Prop(mesh=self._shape(number), world_from_rest=matrix[:3])

    def floor_material(self, rng: np.random.Generator) -> Material:
        """A random floor material."""
        return self._floor(int(rng.integers(_FLOORS)))

    def _rng(self, stream: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, stream, number])

    def _make_texture(self, number: int) -> UInt8Array:
        rng = self._rng(1, number)
        if rng.random() < 0.75:
            return cut_texture(self._backdrops.photo(rng), rng)
        return cut_texture(colour_noise(rng, (160, 160)), rng)

    def _make_shape(self, number: int) -> Mesh:
        rng = self._rng(2, number)
        points, normals, uv, triangles = (_box, _ball, _cylinder, _capsule)[number % 4]()
        plain = rng.random() < 0.3
        texture = None if plain else self._texture(int(rng.integers(_TEXTURES)))
        tint = rng.uniform(0.02, 0.9, 3) if plain else rng.uniform(0.4, 1.1, 3)
        if plain and rng.random() < 0.3:  # the colours of skin, on what is none
            tint = np.array([0.75, 0.45, 0.32]) * rng.uniform(0.25, 1.0)
        material = Material(
            shading="prop",
            texture=texture,
            tint_rgb=(float(tint[0]), float(tint[1]), float(tint[2])),
            roughness=float(rng.uniform(0.35, 1.0)),
            alpha_cut=0.0,
        )
        return rigid_mesh(points, normals, uv * rng.uniform(0.5, 2.5), triangles, material)

    def _make_floor(self, number: int) -> Material:
        rng = self._rng(3, number)
        texture = _tiles(rng)
        if rng.random() < 0.4:
            texture = _pale(_seamless(self._texture(number)), rng.uniform(0.15, 0.8))
        tint = rng.uniform(0.35, 0.9) * (1 + rng.normal(0, 0.06, 3))
        return Material(
            shading="prop",
            texture=texture,
            tint_rgb=(float(tint[0]), float(tint[1]), float(tint[2])),
            roughness=0.9,
            alpha_cut=0.0,
        )

    def _read_object(self, number: int) -> tuple[Mesh, ...]:
        return read_glb(self._backdrops.objects[number].path)


def _yaw_matrix(angle_rad: float, scale: float) -> FloatArray:
    """(4, 4) rotation about the vertical with a uniform scale."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    matrix = np.eye(4)
    matrix[:2, :2] = [[cos, -sin], [sin, cos]]
    matrix[:3, :3] *= scale
    return matrix


def _tilt_matrix(angle_rad: float) -> FloatArray:
    """(3, 4) rotation about x."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[1.0, 0, 0, 0], [0, cos, -sin, 0], [0, sin, cos, 0]])


def _box() -> Primitive:
    """A box with sides of 1, centred at the origin; every face shows the full texture."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    points, normals, uv, triangles = [], [], [], []
    for axis in range(3):
        for sign in (-1, 1):
            face = np.full((4, 3), sign / 2)
            face[:, [(axis + 1) % 3, (axis + 2) % 3]] = corners[:: 1 if sign > 0 else -1]
            normal = np.zeros((4, 3))
            normal[:, axis] = sign
            triangles.append(np.array([[0, 1, 2], [0, 2, 3]]) + 4 * len(points))
            points.append(face)
            normals.append(normal)
            upright = face[:, [1, 2]] if axis == 0 else face[:, [0, 2]] if axis == 1 else corners
            uv.append(upright + 0.5)
    return (
        np.concatenate(points),
        np.concatenate(normals),
        np.concatenate(uv),
        np.concatenate(triangles),
    )


def _ball() -> Primitive:
    """A ball of diameter 1."""
    angle = np.linspace(0, np.pi, 11)
    return _revolve(np.sin(angle) / 2, -np.cos(angle) / 2)


def _cylinder() -> Primitive:
    """A closed cylinder of diameter and height 1."""
    return _revolve(
        np.array([0, 0.499, 0.5, 0.5, 0.499, 0]), np.array([-0.5, -0.5, -0.499, 0.499, 0.5, 0.5])
    )


def _capsule() -> Primitive:
    """A capsule of diameter and height 1; its ends are round when stretched along z."""
    angle = np.linspace(0, np.pi, 9)
    return _revolve(np.sqrt(np.sin(angle)) / 2, -np.cos(angle) / 2)


def _revolve(radius: FloatArray, height: FloatArray, sides: int = 16) -> Primitive:
    """A surface of revolution about z."""
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    rows = len(radius)
    points = np.stack(
        [
            radius[:, None] * np.cos(angle),
            radius[:, None] * np.sin(angle),
            np.broadcast_to(height[:, None], (rows, sides + 1)),
        ],
        axis=-1,
    )
    slope = np.stack([np.gradient(height), -np.gradient(radius)], axis=1)
    slope /= np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-9)
    normals = np.stack(
        [
            slope[:, :1] * np.cos(angle),
            slope[:, :1] * np.sin(angle),
            np.broadcast_to(slope[:, 1:], (rows, sides + 1)),
        ],
        axis=-1,
    )
    uv = np.stack(
        np.broadcast_arrays(angle / (2 * np.pi) * 2, np.linspace(0, 1, rows)[:, None]), axis=-1
    )
    i = (np.arange(rows - 1)[:, None] * (sides + 1) + np.arange(sides)).ravel()
    a, b, c, d = i, i + 1, i + sides + 1, i + sides + 2
    triangles = np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)])
    return points.reshape(-1, 3), normals.reshape(-1, 3), uv.reshape(-1, 2), triangles


def _tiles(rng: np.random.Generator) -> UInt8Array:
    """Texture of boards, tiles or a chequered floor, with grain; covers one metre."""
    side = 128
    columns, rows = (int(n) for n in 2 ** rng.integers(0, 4, 2))
    base = rng.uniform(60, 235) * np.ones(3)
    if rng.random() < 0.45:  # wood, brick, sand
        base = base * np.array([1.0, rng.uniform(0.7, 0.95), rng.uniform(0.4, 0.85)])
    elif rng.random() < 0.25:  # carpet, gymnasium, lawn
        base = rng.uniform(30, 220, 3)
    spread = rng.uniform(2, 22)
    cells = base + rng.normal(0, spread, (rows, columns, 1)) + rng.normal(0, 3, (rows, columns, 3))
    image = np.repeat(np.repeat(cells, side // rows, axis=0), side // columns, axis=1)
    grain = colour_noise(rng, (side, side)).astype(np.float64).mean(axis=2, keepdims=True)
    image = image + (grain - grain.mean()) * rng.uniform(0, 0.5)
    if rng.random() < 0.7:
        joint = rng.uniform(0.4, 0.9)
        image[:: side // rows] *= joint
        image[:, :: side // columns] *= joint
    texels = np.full((side, side, 4), 255, np.uint8)
    texels[..., :3] = np.clip(image, 0, 255)
    return texels


def _pale(texels: UInt8Array, contrast: float) -> UInt8Array:
    """The texture with reduced contrast: few floors have that of a photograph."""
    colours = texels[..., :3].astype(np.float64)
    mean = colours.mean(axis=(0, 1))
    paled = texels.copy()
    paled[..., :3] = np.clip(mean + (colours - mean) * contrast, 0, 255)
    return paled


def _seamless(texels: UInt8Array) -> UInt8Array:
    """The texture and its reflections in both directions, which repeat without a seam."""
    wide = np.concatenate([texels, texels[:, ::-1]], axis=1)
    return np.ascontiguousarray(np.concatenate([wide, wide[::-1]], axis=0))
