"""Decides what is drawn where: who is seen in each image, how finely, and whose shadows.

Pure arithmetic on scenes; nothing here touches OpenGL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rtmpose3d.structures.arrays import FloatArray
from rtmpose3d.synth.render.atlas import SHADOW_MAP_PX, grid
from rtmpose3d.synth.render.decimation import level_for
from rtmpose3d.synth.render.frames import (
    RenderJob,
    Sphere,
    ball_of_mesh,
    frame_block,
    is_seen,
    pixels_per_m,
    shadow_matrix,
    sphere_around,
    sphere_of,
)
from rtmpose3d.synth.scene import Material, Person, Prop, Scene

_SHADOW_SIZES_PX = ((320, 256), (800, 512), (1 << 30, 1024))  # image's longer side, map's side
_LARGEST_LIT_M = 6.0  # a map for a larger ball would be too coarse: the nearest people have it
_SHADOW_CELL_PX = 2.5
_BORDER_PX = 1.5  # of a shadow tile, which filtering must not cross


@dataclass(frozen=True, kw_only=True, eq=False)
class PlannedPerson:
    """A person to draw: `index` in the scene, `bones_index` in the batch, level of detail."""

    person: Person
    index: int
    bones_index: int
    level: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PlannedProp:
    """A prop to draw, with its level of detail."""

    prop: Prop
    level: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Image:
    """One tile of the atlas; `frame` is its uniform block."""

    scene: Scene
    size_wh: tuple[int, int]
    people: tuple[PlannedPerson, ...]
    props: tuple[PlannedProp, ...]
    frame: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Shadow:
    """One tile (x, y, w, h) of the map of shadows, drawn with the frame of that image."""

    frame_index: int
    tile: tuple[int, int, int, int]
    people: tuple[PlannedPerson, ...]
    props: tuple[PlannedProp, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """All of a batch: images, shadows, and the bones (each (B, 3, 4)) of everybody in them."""

    images: tuple[Image, ...]
    shadows: tuple[Shadow, ...]
    bones: tuple[FloatArray, ...]

    @property
    def materials(self) -> Iterator[Material]:
        """Of all that is drawn."""
        floors = (image.scene.floor_material for image in self.images)
        yield from (material for material in floors if material is not None)
        for drawn in (*self.images, *self.shadows):
            for planned in drawn.people:
                yield from (mesh.material for mesh in planned.person.meshes)
            yield from (planned.prop.mesh.material for planned in drawn.props)


def plan_images(jobs: Sequence[RenderJob]) -> Plan:
    """Plan a batch of images."""
    sizes = [shadow_size_px(job) for job in jobs]
    layout = grid([(size, size) for size in sizes])
    bones: dict[int, tuple[int, FloatArray]] = {}
    images: list[Image] = []
    shadows: list[Shadow] = []
    for index, (job, size, place) in enumerate(zip(jobs, sizes, layout.places, strict=True)):
        seen = _people_seen(job, bones)
        props = _props_seen(job)
        lit = _lit_sphere(job, seen)
        matrix: tuple[FloatArray, FloatArray, float] | None = None
        if lit is not None and job.scene.light.shadows:
            matrix = _shadow_tile(job.scene, lit, size, place)
            shadows.append(_shadow(job.scene, index, lit, (*place, size, size), matrix[2], bones))
        image = Image(
            scene=job.scene,
            size_wh=job.size_wh,
            people=tuple(seen),
            props=tuple(props),
            frame=frame_block(job, job.tile_view, [p.person for p in seen], matrix),
        )
        images.append(image)
    return Plan(
        images=tuple(images),
        shadows=tuple(shadows),
        bones=tuple(matrices for _, matrices in bones.values()),
    )


def sphere_of_prop(prop: Prop) -> Sphere:
    """A ball around a prop, in the world."""
    ball, turn = ball_of_mesh(prop.mesh), prop.world_from_rest[:, :3]
    return Sphere(
        middle=turn @ ball.middle + prop.world_from_rest[:, 3],
        radius_m=ball.radius_m * float(np.sqrt(np.square(turn).sum(axis=0).max())),
    )


def shadow_size_px(job: RenderJob) -> int:
    """Side of an image's tile in the map of shadows."""
    longer = max(job.size_wh)
    return next(size for most, size in _SHADOW_SIZES_PX if longer <= most)


def _bones_index(person: Person, bones: dict[int, tuple[int, FloatArray]]) -> int:
    return bones.setdefault(id(person.bone_matrices), (len(bones), person.bone_matrices))[0]


def _people_seen(job: RenderJob, bones: dict[int, tuple[int, FloatArray]]) -> list[PlannedPerson]:
    """Nearest first, so that what they hide is not shaded."""
    view = job.tile_view
    seen: list[tuple[float, PlannedPerson]] = []
    for index, person in enumerate(job.scene.people):
        sphere = sphere_of(person)
        if is_seen(view, sphere):
            planned = PlannedPerson(
                person=person,
                index=index,
                bones_index=_bones_index(person, bones),
                level=level_for(pixels_per_m(view.camera, view, sphere)),
            )
            seen.append((float(view.camera_from_world[2] @ [*sphere.middle, 1.0]), planned))
    return [planned for _, planned in sorted(seen, key=lambda item: item[0])]


def _props_seen(job: RenderJob) -> list[PlannedProp]:
    view = job.tile_view
    seen: list[tuple[float, PlannedProp]] = []
    for prop in job.scene.props:
        sphere = sphere_of_prop(prop)
        if is_seen(view, sphere):
            stretch = sphere.radius_m / max(ball_of_mesh(prop.mesh).radius_m, 1e-9)
            level = level_for(pixels_per_m(view.camera, view, sphere) * stretch)
            depth = float(view.camera_from_world[2] @ [*sphere.middle, 1.0])
            seen.append((depth, PlannedProp(prop=prop, level=level)))
    return [planned for _, planned in sorted(seen, key=lambda item: item[0])]


def _lit_sphere(job: RenderJob, seen: Sequence[PlannedPerson]) -> Sphere | None:
    """What the shadow map covers: the people who are seen, the nearest if they stand far apart."""
    if not seen:
        return None
    balls = [sphere_of(planned.person) for planned in seen]
    count = len(balls)
    while count > 1 and sphere_around(balls[:count]).radius_m > _LARGEST_LIT_M:
        count -= 1
    return sphere_around(balls[:count]) if count > 1 else balls[0]


def _shadow_tile(
    scene: Scene, lit: Sphere, size: int, place: tuple[int, int]
) -> tuple[FloatArray, FloatArray, float]:
    """Map from world (4, 4), the tile's corners (4,) in the map, the size of a texel in m."""
    part = size / SHADOW_MAP_PX
    low = np.array(place) / SHADOW_MAP_PX
    matrix = np.diag([part, part, 1.0, 1.0]) @ shadow_matrix(scene, lit)
    matrix[:2, 3] += low
    border = _BORDER_PX / SHADOW_MAP_PX
    tile = np.concatenate([low + border, low + part - border])
    return matrix, tile, 2 * lit.radius_m / size


def _shadow(
    scene: Scene,
    index: int,
    lit: Sphere,
    tile: tuple[int, int, int, int],
    texel_m: float,
    bones: dict[int, tuple[int, FloatArray]],
) -> Shadow:
    """Everybody and everything that may throw a shadow into the ball."""
    towards = np.asarray(scene.light.direction_world)
    level = level_for(1 / texel_m, cell_px=_SHADOW_CELL_PX)
    people = tuple(
        PlannedPerson(person=p, index=i, bones_index=_bones_index(p, bones), level=level)
        for i, p in enumerate(scene.people)
        if _throws(sphere_of(p), lit, towards)
    )
    props = tuple(
        PlannedProp(prop=prop, level=level)
        for prop in scene.props
        if _throws(sphere_of_prop(prop), lit, towards)
    )
    return Shadow(frame_index=index, tile=tile, people=people, props=props)


def _throws(caster: Sphere, lit: Sphere, towards: FloatArray) -> bool:
    away = caster.middle - lit.middle
    along = float(away @ towards)
    aside = float(np.linalg.norm(away - along * towards))
    reach = caster.radius_m + lit.radius_m
    return aside < reach and along > -reach
