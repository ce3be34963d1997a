"""Render jobs and their uniform blocks: matrices, light, contact shadows, atlas tiles.

Pure arithmetic on scenes; nothing here touches OpenGL.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from rtmpose3d.geometry import Camera
from rtmpose3d.structures.arrays import FloatArray, Image
from rtmpose3d.synth.scene import (
    CameraView,
    Mesh,
    Person,
    Scene,
    camera_position,
    clip_from_world,
    cropped_view,
    to_camera,
)

NEAR_M, FAR_M = 0.08, 60.0
CONTACTS = 8  # as in frame.glsl
_MIN_CONTACT = 0.01  # fraction of the sky's light
FRAME_FLOATS = 16 + 16 + 4 * 7 + 4 * CONTACTS
_MAX_CASTER_HEIGHT_M = 2.6
_BODY_MARGIN_M = 0.22  # skull, hands, clothes and hair around the keypoints
_CASTER_RANGE_M = 3.0  # props this far towards the light still cast shadows on people
_FEET = (15, 16, 17, 19, 20, 22)  # ankles, big toes, heels
_SEATS = (11, 12, 13, 14, 5, 6, 9, 10)  # keypoints near the ground when sitting, kneeling, lying


@dataclass(frozen=True, kw_only=True, eq=False)
class RenderJob:
    """One image to draw.

    Attributes:
        scene: contents of the image.
        view: view of the full image.
        tile_from_image: (2, 3) part of the image to draw, as for `scene.cropped_view`; None for
            the full image.
        tile_size_wh: width and height of the drawn part, px; None for the full image's.
        backdrop_from_image: (3, 3) homography from pixels of the full image to the scene's
            backdrop; None centres the backdrop on the image.
    """

    scene: Scene
    view: CameraView
    tile_from_image: FloatArray | None = None
    tile_size_wh: tuple[int, int] | None = None
    backdrop_from_image: FloatArray | None = None

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the drawn part, px."""
        return self.tile_size_wh or (self.view.camera.width, self.view.camera.height)

    @property
    def tile_view(self) -> CameraView:
        """View of the drawn part."""
        if self.tile_from_image is None:
            return self.view
        return cropped_view(self.view, self.tile_from_image, self.size_wh)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sphere:
    """A bounding sphere: centre (3,) and radius, metres."""

    centre: FloatArray
    radius_m: float


def person_sphere(person: Person) -> Sphere:
    """Bounding sphere of a person in the world."""
    low, high = person.keypoints_world.min(axis=0), person.keypoints_world.max(axis=0)
    radius = float(np.linalg.norm(high - low)) / 2 + _BODY_MARGIN_M
    return Sphere(centre=(low + high) / 2, radius_m=radius)


_mesh_spheres: weakref.WeakKeyDictionary[Mesh, Sphere] = weakref.WeakKeyDictionary()


def mesh_sphere(mesh: Mesh) -> Sphere:
    """Bounding sphere of a mesh in its rest frame, cached."""
    sphere = _mesh_spheres.get(mesh)
    if sphere is None:
        low, high = mesh.positions.min(axis=0), mesh.positions.max(axis=0)
        centre = (low + high).astype(np.float64) / 2
        sphere = Sphere(centre=centre, radius_m=float(np.linalg.norm(high - low)) / 2)
        _mesh_spheres[mesh] = sphere
    return sphere


def sphere_around(spheres: Sequence[Sphere]) -> Sphere:
    """Bounding sphere of some spheres."""
    low = np.min([s.centre - s.radius_m for s in spheres], axis=0)
    high = np.max([s.centre + s.radius_m for s in spheres], axis=0)
    centre = (low + high) / 2
    radius = max(float(np.linalg.norm(s.centre - centre)) + s.radius_m for s in spheres)
    return Sphere(centre=centre, radius_m=radius)


def may_be_visible(view: CameraView, sphere: Sphere) -> bool:
    """Whether a sphere intersects the viewing frustum."""
    x, y, z = to_camera(view, sphere.centre)
    if z < NEAR_M - sphere.radius_m:
        return False
    camera, radius = view.camera, sphere.radius_m
    for coordinate, principal, focal, size in (
        (x, camera.cx, camera.fx, camera.width),
        (y, camera.cy, camera.fy, camera.height),
    ):
        for edge, sign in ((-0.5, 1.0), (size - 0.5, -1.0)):
            # distance to the plane through the camera and this edge of the image
            slope = (edge - principal) / focal
            if sign * (coordinate - slope * z) / math.hypot(1.0, slope) < -radius:
                return False
    return True


def pixels_per_m(camera: Camera, view: CameraView, sphere: Sphere) -> float:
    """Pixels per metre where a sphere is nearest to the camera."""
    nearest = float(to_camera(view, sphere.centre)[2]) - 0.5 * sphere.radius_m
    return camera.fx / max(nearest, 0.25)


def shadow_matrix(scene: Scene, lit: Sphere) -> FloatArray:
    """(4, 4) from the world to the unit cube in which the light sees a sphere, with depth."""
    towards = np.asarray(scene.light.direction_world, np.float64)
    side = np.cross([0.0, 0.0, 1.0] if abs(towards[2]) < 0.95 else [0.0, 1.0, 0.0], towards)
    side = side / np.linalg.norm(side)
    rotation = np.stack([side, np.cross(towards, side), -towards])
    centre, radius = rotation @ lit.centre, lit.radius_m
    low = centre - (radius, radius, radius + _CASTER_RANGE_M)
    extent = np.array([2 * radius, 2 * radius, 2 * radius + _CASTER_RANGE_M])
    matrix = np.eye(4)
    matrix[:3, :3] = rotation / extent[:, None]
    matrix[:3, 3] = -low / extent
    return matrix


def contact_shadows(people: Sequence[Person]) -> FloatArray:
    """(CONTACTS, 4) x, y, radius in m and strength of shadows below keypoints near the ground."""
    contacts = np.zeros((CONTACTS, 4), np.float32)
    contacts[:, 2] = 1.0
    candidates: list[tuple[float, float, float, float]] = []
    for person in people:
        for index, radius in [(i, 0.10) for i in _FEET] + [(i, 0.22) for i in _SEATS]:
            x, y, z = person.keypoints_world[index]
            strength = 0.42 * math.exp(-max(z - 0.02, 0.0) / (0.9 * radius))
            if strength > _MIN_CONTACT:
                candidates.append((strength, x, y, radius + 0.4 * max(float(z), 0.0)))
    candidates.sort(reverse=True)
    for row, (strength, x, y, radius) in zip(contacts, candidates, strict=False):
        row[:] = x, y, radius, strength
    return contacts


def floor_corners(job: RenderJob, view: CameraView, people: Sequence[Person]) -> FloatArray:
    """(4,) min x, min y, max x, max y of the floor to draw.

    Everything around the camera; for a floor that only receives shadows, the part that has any.
    """
    if job.scene.floor_material is not None or job.scene.backdrop is None:
        x, y, _ = camera_position(view)
        return np.array([x - FAR_M, y - FAR_M, x + FAR_M, y + FAR_M])
    if not people:
        return np.zeros(4)
    towards = np.asarray(job.scene.light.direction_world)
    offset = towards[:2] / max(float(towards[2]), 0.05)  # of a shadow, per metre of height
    corners = []
    for sphere in map(person_sphere, people):
        centre, radius = sphere.centre, sphere.radius_m
        for height in (0.0, min(float(centre[2]) + radius, _MAX_CASTER_HEIGHT_M)):
            foot = centre[:2] - offset * height
            corners += [foot - radius, foot + radius]
    return np.concatenate([np.min(corners, axis=0), np.max(corners, axis=0)])


def frame_block(
    job: RenderJob,
    view: CameraView,
    people: Sequence[Person],
    shadow: tuple[FloatArray, FloatArray, float] | None,
    exposure: float = 1.0,
) -> FloatArray:
    """Contents of the uniform block `Frame` of frame.glsl.

    Args:
        job: the image.
        view: view of its tile.
        people: visible people, for contact shadows.
        shadow: (4, 4) shadow map from world, (4,) tile and size of a texel in m; None for none.
        exposure: factor on the light.

    Returns:
        (FRAME_FLOATS,) float32.
    """
    light = job.scene.light
    matrix, tile, texel_m = shadow if shadow else (np.eye(4), np.array([2.0, 2.0, -2.0, -2.0]), 0.0)
    return np.concatenate(
        [
            clip_from_world(view, NEAR_M, FAR_M).T.ravel(),
            matrix.T.ravel(),
            tile,
            [*camera_position(view), 0.0],
            [*light.direction_world, exposure],
            [*light.colour_rgb, 1.2 * texel_m],
            [*light.sky_rgb, 0.0],
            [*light.ground_rgb, 0.0],
            floor_corners(job, view, people),
            contact_shadows(people).ravel(),
        ]
    ).astype(np.float32)


def paint_backdrop(job: RenderJob, canvas: Image) -> None:
    """Fills a tile with its part of the backdrop.

    Args:
        job: the image.
        canvas: (h, w, 3) uint8 BGR of the tile's size, overwritten.
    """
    height, width = canvas.shape[:2]
    if job.scene.backdrop is None:
        _paint_sky(job, canvas)
        return
    backdrop = job.scene.backdrop
    tile_from_image = np.eye(3)
    if job.tile_from_image is not None:
        tile_from_image[:2] = job.tile_from_image
    backdrop_from_image = job.backdrop_from_image
    if backdrop_from_image is None:
        backdrop_from_image = centre_backdrop(job.view.camera, backdrop)
    matrix = backdrop_from_image @ np.linalg.inv(tile_from_image)
    backdrop, matrix = _downscale(backdrop, matrix)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if np.allclose(matrix[2], (0, 0, 1)):
        warped = cv2.warpAffine(
            backdrop, matrix[:2], (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101
        )
    else:
        warped = cv2.warpPerspective(
            backdrop, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101
        )
    canvas[...] = warped


def centre_backdrop(camera: Camera, backdrop: Image) -> FloatArray:
    """(3, 3) backdrop from image: centred, just large enough to cover the image."""
    height, width = backdrop.shape[:2]
    scale = min(width / camera.width, height / camera.height)
    return np.array(
        [
            [scale, 0.0, (width - 1) / 2 - scale * (camera.width - 1) / 2],
            [0.0, scale, (height - 1) / 2 - scale * (camera.height - 1) / 2],
            [0.0, 0.0, 1.0],
        ]
    )


def _downscale(backdrop: Image, matrix: FloatArray) -> tuple[Image, FloatArray]:
    """Halves the backdrop as long as bilinear sampling would skip texels."""
    step = math.sqrt(abs(np.linalg.det(matrix[:2, :2]))) / abs(matrix[2, 2])
    while step >= 2 and min(backdrop.shape[:2]) >= 8:
        height, width = backdrop.shape[0] // 2, backdrop.shape[1] // 2
        even = backdrop[: 2 * height, : 2 * width]
        smaller = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
        backdrop = np.asarray(smaller, np.uint8)
        half = np.array([[0.5, 0.0, -0.25], [0.0, 0.5, -0.25], [0.0, 0.0, 1.0]])
        matrix, step = half @ matrix, step / 2
    return backdrop, matrix


def _paint_sky(job: RenderJob, canvas: Image) -> None:
    """Paints a gradient from the sky's colour above to a pale horizon."""
    view = job.tile_view
    rows = np.arange(canvas.shape[0])
    middle = np.column_stack([np.full(len(rows), canvas.shape[1] / 2), rows])
    rays = view.camera.unproject(middle, 1.0) @ view.camera_from_world[:, :3]
    up = np.clip(rays[:, 2] / np.linalg.norm(rays, axis=1), 0, 1)[:, None]
    light = job.scene.light
    sky = np.array(light.sky_rgb[::-1]) * 1.6
    pale = (sky + sky.mean()) / 2 + 0.2
    colour = np.sqrt(np.clip(pale * (1 - up) ** 2 + sky * (1 - (1 - up) ** 2), 0, 1))
    canvas[...] = np.round(colour * 255).astype(np.uint8)[:, None]
