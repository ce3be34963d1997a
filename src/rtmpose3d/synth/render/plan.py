"""Plans a batch: visible people and props of each image, levels of detail, shadow casters.

Pure arithmetic on scenes; nothing here touches OpenGL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rtmpose3d.structures.arrays import FloatArray
from rtmpose3d.synth.render.atlas import SHADOW_MAP_PX, arrange_tiles
from rtmpose3d.synth.render.decimation import level_for
from rtmpose3d.synth.render.frames import (
    RenderJob,
    Sphere,
    frame_block,
    may_be_visible,
    mesh_sphere,
    person_sphere,
    pixels_per_m,
    shadow_matrix,
    sphere_around,
)
from rtmpose3d.synth.scene import Material, Person, Prop, Scene

_SHADOW_SIZES_PX = ((320, 256), (800, 512), (1 << 30, 1024))  # image's longer side, map's side
_MAX_LIT_RADIUS_M = 6.0  # a map of a larger sphere is too coarse: it covers the nearest people
_SHADOW_CELL_PX = 2.5
_BORDER_PX = 1.5  # around a shadow tile, so that filtering does not read its neighbours


@dataclass(frozen=True, kw_only=True, eq=False)
class PlannedPerson:
    """A person to draw: index in the scene, index of the bones in the batch, level of detail."""

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
class PlannedImage:
    """One tile of the atlas; `frame` is its uniform block."""

    scene: Scene
    size_wh: tuple[int, int]
    people: tuple[PlannedPerson, ...]
    props: tuple[PlannedProp, ...]
    frame: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class PlannedShadow:
    """One tile (x, y, w, h) of the shadow map, drawn with the frame of its image."""

    frame_index: int
    tile: tuple[int, int, int, int]
    people: tuple[PlannedPerson, ...]
    props: tuple[PlannedProp, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class RenderPlan:
    """A batch: images, shadows, and the bones (B, 3, 4) of every person in them."""

    images: tuple[PlannedImage, ...]
    shadows: tuple[PlannedShadow, ...]
    bones: tuple[FloatArray, ...]

    @property
    def materials(self) -> Iterator[Material]:
        """Materials of everything in the batch."""
        floors = (image.scene.floor_material for image in self.images)
        yield from (material for material in floors if material is not None)
        for drawn in (*self.images, *self.shadows):
            for planned in drawn.people:
                yield from (mesh.material for mesh in planned.person.meshes)
            yield from (planned.prop.mesh.material for planned in drawn.props)


def plan_images(jobs: Sequence[RenderJob]) -> RenderPlan:
    """Plans a batch of images."""
    sizes = [shadow_size_px(job) for job in jobs]
    layout = arrange_tiles([(size, size) for size in sizes])
    bones: dict[int, tuple[int, FloatArray]] = {}
    images: list[PlannedImage] = []
    shadows: list[PlannedShadow] = []
    for index, (job, size, position) in enumerate(zip(jobs, sizes, layout.positions, strict=True)):
        people = _visible_people(job, bones)
        props = _visible_props(job)
        lit = _lit_sphere(people)
        matrix: tuple[FloatArray, FloatArray, float] | None = None
        if lit is not None and job.scene.light.shadows:
            matrix = _shadow_tile(job.scene, lit, size, position)
            tile = (*position, size, size)
            shadows.append(_plan_shadow(job.scene, index, lit, tile, matrix[2], bones))
        image = PlannedImage(
            scene=job.scene,
            size_wh=job.size_wh,
            people=tuple(people),
            props=tuple(props),
            frame=frame_block(job, job.tile_view, [p.person for p in people], matrix),
        )
        images.append(image)
    return RenderPlan(
        images=tuple(images),
        shadows=tuple(shadows),
        bones=tuple(matrices for _, matrices in bones.values()),
    )


def prop_sphere(prop: Prop) -> Sphere:
    """Bounding sphere of a prop in the world."""
    rest, linear = mesh_sphere(prop.mesh), prop.world_from_rest[:, :3]
    return Sphere(
        centre=linear @ rest.centre + prop.world_from_rest[:, 3],
        radius_m=rest.radius_m * float(np.sqrt(np.square(linear).sum(axis=0).max())),
    )


def shadow_size_px(job: RenderJob) -> int:
    """Side of an image's tile in the shadow map."""
    longer = max(job.size_wh)
    return next(size for max_px, size in _SHADOW_SIZES_PX if longer <= max_px)


def _bones_index(person: Person, bones: dict[int, tuple[int, FloatArray]]) -> int:
    return bones.setdefault(id(person.bone_matrices), (len(bones), person.bone_matrices))[0]


def _visible_people(
    job: RenderJob, bones: dict[int, tuple[int, FloatArray]]
) -> list[PlannedPerson]:
    """People in the image, nearest first, so that what they hide is not shaded."""
    view = job.tile_view
    visible: list[tuple[float, PlannedPerson]] = []
    for index, person in enumerate(job.scene.people):
        sphere = person_sphere(person)
        if may_be_visible(view, sphere):
            planned = PlannedPerson(
                person=person,
                index=index,
                bones_index=_bones_index(person, bones),
                level=level_for(pixels_per_m(view.camera, view, sphere)),
            )
            visible.append((float(view.camera_from_world[2] @ [*sphere.centre, 1.0]), planned))
    return [planned for _, planned in sorted(visible, key=lambda item: item[0])]


def _visible_props(job: RenderJob) -> list[PlannedProp]:
    view = job.tile_view
    visible: list[tuple[float, PlannedProp]] = []
    for prop in job.scene.props:
        sphere = prop_sphere(prop)
        if may_be_visible(view, sphere):
            stretch = sphere.radius_m / max(mesh_sphere(prop.mesh).radius_m, 1e-9)
            level = level_for(pixels_per_m(view.camera, view, sphere) * stretch)
            depth = float(view.camera_from_world[2] @ [*sphere.centre, 1.0])
            visible.append((depth, PlannedProp(prop=prop, level=level)))
    return [planned for _, planned in sorted(visible, key=lambda item: item[0])]


def _lit_sphere(people: Sequence[PlannedPerson]) -> Sphere | None:
    """Region covered by the shadow map: the visible people, or the nearest if far apart."""
    if not people:
        return None
    spheres = [person_sphere(planned.person) for planned in people]
    count = len(spheres)
    while count > 1 and sphere_around(spheres[:count]).radius_m > _MAX_LIT_RADIUS_M:
        count -= 1
    return sphere_around(spheres[:count]) if count > 1 else spheres[0]


def _shadow_tile(
    scene: Scene, lit: Sphere, size: int, position: tuple[int, int]
) -> tuple[FloatArray, FloatArray, float]:
    """(4, 4) map from world, (4,) corners of the tile in the map, and size of a texel in m."""
    part = size / SHADOW_MAP_PX
    low = np.array(position) / SHADOW_MAP_PX
    matrix = np.diag([part, part, 1.0, 1.0]) @ shadow_matrix(scene, lit)
    matrix[:2, 3] += low
    border = _BORDER_PX / SHADOW_MAP_PX
    tile = np.concatenate([low + border, low + part - border])
    return matrix, tile, 2 * lit.radius_m / size


def _plan_shadow(
    scene: Scene,
    index: int,
    lit: Sphere,
    tile: tuple[int, int, int, int],
    texel_m: float,
    bones: dict[int, tuple[int, FloatArray]],
) -> PlannedShadow:
    """All people and props that may cast a shadow into the lit sphere."""
    towards = np.asarray(scene.light.direction_world)
    level = level_for(1 / texel_m, cell_px=_SHADOW_CELL_PX)
    people = tuple(
        PlannedPerson(person=p, index=i, bones_index=_bones_index(p, bones), level=level)
        for i, p in enumerate(scene.people)
        if _casts_into(person_sphere(p), lit, towards)
    )
    props = tuple(
        PlannedProp(prop=prop, level=level)
        for prop in scene.props
        if _casts_into(prop_sphere(prop), lit, towards)
    )
    return PlannedShadow(frame_index=index, tile=tile, people=people, props=props)


def _casts_into(caster: Sphere, lit: Sphere, towards: FloatArray) -> bool:
    away = caster.centre - lit.centre
    along = float(away @ towards)
    aside = float(np.linalg.norm(away - along * towards))
    reach = caster.radius_m + lit.radius_m
    return aside < reach and along > -reach
